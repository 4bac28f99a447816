package sim

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"
)

// Namespace is the URI of the namespace that all tags of a simulated PLC are in.
const Namespace = "urn:takt:line"

// bootIDTag is the id of the tag that has another value after each start.
const bootIDTag = plcFolder + ".BootId"

// plcFolder is the id of the folder with the PLC's blocks; it is called as the
// PLC.
const plcFolder = "PLC"

// sampling is how often the server looks at a variable for its subscribers, in
// milliseconds. Publishing no faster than every 125 ms is the library's.
const sampling = 20

var buildInfo = ua.BuildInfo{ProductURI: "urn:takt:sim", ManufacturerName: "takt", ProductName: "takt sim"}

// plc is a simulated PLC: a memory, its blocks, and an OPC UA server that may be
// stopped and started.
type plc struct {
	name   string
	blocks []*block
	memory *memory
	user   *User
	// certificate and key are the server's files.
	certificate, key string
	// addr is where it listens, the port as the system chose it.
	addr     string
	listener net.Listener

	// mu is held by whoever starts or stops it.
	mu     sync.Mutex
	server *server.Server
	// serving is what runs for the server; nil while it is stopped.
	serving *serving
}

// serving is a server that runs.
type serving struct {
	listener    net.Listener
	connections sync.WaitGroup
	// ended is closed when no connection is taken any more.
	ended chan struct{}
}

func (p *plc) endpoint() string { return "opc.tcp://" + p.addr }

// listen takes the port, so that clients may connect; they are answered once the
// PLC has started.
func (p *plc) listen(addr string) error {
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for PLC %s: %w", p.name, err)
	}
	p.listener, p.addr = l, l.Addr().String()
	return nil
}

// build makes the server with its variables, which takes a good part of a second.
func (p *plc) build(bootID uint32) error {
	applicationURI := Namespace + ":" + p.name
	options := []server.Option{
		server.WithSecurityPolicyNone(true),
		server.WithInsecureSkipVerify(),
		server.WithServerDiagnostics(false),
		server.WithServerCapabilities(capabilities()),
		server.WithBuildInfo(buildInfo),
		server.WithAnonymousIdentity(p.user == nil),
		server.WithRolePermissions(permissions(p.user != nil)),
	}
	if p.user != nil {
		options = append(options, server.WithAuthenticateUserNameIdentityFunc(p.user.authenticate))
	}
	srv, err := server.New(ua.ApplicationDescription{
		ApplicationURI:  applicationURI,
		ProductURI:      "urn:takt:sim",
		ApplicationName: ua.NewLocalizedText(p.name, "en"),
		ApplicationType: ua.ApplicationTypeServer,
		DiscoveryURLs:   []string{p.endpoint()},
	}, p.certificate, p.key, p.endpoint(), options...)
	if err != nil {
		return fmt.Errorf("make the OPC UA server of %s: %w", p.name, err)
	}
	// The library makes its list of endpoints when it is first asked for, under a
	// lock for readers: two first connections would race.
	_ = srv.Endpoints()
	mend(srv)
	if err := p.addNodes(srv, bootID); err != nil {
		return fmt.Errorf("make the variables of %s: %w", p.name, err)
	}
	p.server = srv
	return nil
}

// mend puts right what the library would tell wrong of the server.
func mend(srv *server.Server) {
	read := func(id ua.NodeID, value func(now time.Time) ua.DataValue) {
		if n, ok := srv.NamespaceManager().FindVariable(id); ok {
			n.SetReadValueHandler(func(*server.Session, ua.ReadValueID) ua.DataValue { return value(time.Now()) })
		}
	}
	// It thinks that it is not running, for its own ListenAndServe was not called.
	read(ua.VariableIDServerServerStatusState, func(now time.Time) ua.DataValue {
		return good(int32(ua.ServerStateRunning), now)
	})
	started := time.Now()
	read(ua.VariableIDServerServerStatus, func(now time.Time) ua.DataValue {
		return good(ua.ServerStatusDataType{StartTime: started, CurrentTime: now, State: ua.ServerStateRunning, BuildInfo: buildInfo}, now)
	})
	// It cannot encode this and would close the connection. A server without
	// diagnostics says that they cannot be read.
	read(ua.VariableIDServerServerDiagnosticsServerDiagnosticsSummary, func(now time.Time) ua.DataValue {
		return ua.NewDataValue(nil, ua.BadNotReadable, time.Time{}, 0, now, 0)
	})
	// It says false, for want of a limit; a limit is a number, and 0 is none.
	for _, id := range []ua.NodeID{
		ua.VariableIDHistoryServerCapabilitiesMaxReturnDataValues,
		ua.VariableIDHistoryServerCapabilitiesMaxReturnEventValues,
	} {
		read(id, func(now time.Time) ua.DataValue { return good(uint32(0), now) })
	}
}

func (p *plc) addNodes(srv *server.Server, bootID uint32) error {
	manager := srv.NamespaceManager()
	ns := manager.Add(Namespace)
	if err := addDataTypes(srv, ns); err != nil {
		return err
	}
	folder := ua.NewNodeIDString(ns, plcFolder)
	object := func(id ua.NodeID, name string, parent, typ ua.NodeID) *server.ObjectNode {
		return server.NewObjectNode(srv, id, ua.NewQualifiedName(ns, name), ua.NewLocalizedText(name, ""), ua.LocalizedText{}, nil, []ua.Reference{
			ua.NewReference(ua.ReferenceTypeIDHasTypeDefinition, false, ua.NewExpandedNodeID(typ)),
			ua.NewReference(ua.ReferenceTypeIDOrganizes, true, ua.NewExpandedNodeID(parent)),
		}, 0)
	}
	variable := func(parent ua.NodeID, id, name string, zero ua.Variant, access byte) *server.VariableNode {
		dataType, rank := typeOf(reflect.TypeOf(zero), ns)
		return server.NewVariableNode(srv, ua.NewNodeIDString(ns, id), ua.NewQualifiedName(ns, name), ua.NewLocalizedText(name, ""), ua.LocalizedText{}, nil, []ua.Reference{
			ua.NewReference(ua.ReferenceTypeIDHasTypeDefinition, false, ua.NewExpandedNodeID(ua.VariableTypeIDBaseDataVariableType)),
			ua.NewReference(ua.ReferenceTypeIDHasComponent, true, ua.NewExpandedNodeID(parent)),
		}, good(zero, time.Now()), dataType, rank, dimensionsOf(rank), access, sampling, false, nil)
	}
	if err := manager.AddNodes(
		object(folder, p.name, ua.ObjectIDObjectsFolder, ua.ObjectTypeIDFolderType),
		variable(folder, bootIDTag, "BootId", bootID, ua.AccessLevelsCurrentRead),
	); err != nil {
		return err
	}
	for _, b := range p.blocks {
		nodes := make(map[string]*server.VariableNode, len(handshake)+len(tags)+1)
		id := ua.NewNodeIDString(ns, b.Name)
		all := []server.Node{object(id, b.Name, folder, ua.ObjectTypeIDBaseObjectType)}
		for _, list := range [][]tag{handshake, tags, {{tagRecord, 0, recordStructure{}}}} {
			for i := range list {
				access := ua.AccessLevelsCurrentRead
				if list[i].name == tagAck {
					access |= ua.AccessLevelsCurrentWrite
				}
				n := variable(id, b.Name+"."+list[i].name, list[i].name, list[i].zero, access)
				nodes[list[i].name] = n
				all = append(all, n)
			}
		}
		if err := manager.AddNodes(all...); err != nil {
			return err
		}
		b.attach(nodes)
	}
	return nil
}

func capabilities() *ua.ServerCapabilities {
	c := ua.NewServerCapabilities()
	c.MinSupportedSampleRate = sampling
	return c
}

// permissions lets whoever may log in read everything and write what is
// writable, which is Ack alone.
func permissions(withUser bool) []ua.RolePermissionType {
	role := ua.ObjectIDWellKnownRoleAnonymous
	if withUser {
		role = ua.ObjectIDWellKnownRoleAuthenticatedUser
	}
	return []ua.RolePermissionType{{
		RoleID:      role,
		Permissions: ua.PermissionTypeBrowse | ua.PermissionTypeRead | ua.PermissionTypeWrite | ua.PermissionTypeReceiveEvents,
	}}
}

// User is who may log in.
type User struct {
	// Name is the account's.
	Name string
	// Password is compared as it is.
	Password string
}

func (u *User) authenticate(identity ua.UserNameIdentity, _, _ string) error {
	name := subtle.ConstantTimeCompare([]byte(identity.UserName), []byte(u.Name))
	password := subtle.ConstantTimeCompare([]byte(identity.Password), []byte(u.Password))
	if name&password == 0 {
		return ua.BadUserAccessDenied
	}
	return nil
}

// boot starts the PLC as after a power cut: with a new boot id, and what its
// memory has. mu must be held.
func (p *plc) boot() error {
	state := p.memory.get(0)
	state[0]++
	if err := p.memory.set(0, state); err != nil {
		return err
	}
	if err := p.build(uint32(state[0])); err != nil { //nolint:gosec // counts starts
		return err
	}
	if p.listener == nil {
		if err := p.listen(p.addr); err != nil {
			return err
		}
	}
	s := &serving{listener: p.listener, ended: make(chan struct{})}
	srv := p.server
	go func() {
		defer close(s.ended)
		serve(srv, s.listener, &s.connections)
	}()
	p.serving, p.listener = s, nil
	return nil
}

// halt breaks all connections and stops the server. mu must be held.
func (p *plc) halt() error {
	for _, b := range p.blocks {
		b.detach()
	}
	if p.serving == nil {
		return nil
	}
	err := p.serving.listener.Close()
	if closeErr := p.server.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	<-p.serving.ended
	p.serving.connections.Wait()
	p.server.WorkerPool().StopWait()
	p.serving, p.server = nil, nil
	if err != nil {
		return fmt.Errorf("stop PLC %s: %w", p.name, err)
	}
	return nil
}
