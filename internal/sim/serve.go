package sim

import (
	"errors"
	"net"
	"sync"
	_ "unsafe" // For go:linkname.

	"github.com/awcullen/opcua/server"
	"github.com/awcullen/opcua/ua"
)

// serve accepts connections until the listener is closed; connections is done
// when they all are, which the server's Close brings about.
func serve(srv *server.Server, listener net.Listener, connections *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		connections.Go(func() { converse(srv, conn) })
	}
}

// converse answers one client until either side closes the connection.
func converse(srv *server.Server, conn net.Conn) {
	ended := make(chan struct{})
	var closer sync.WaitGroup
	closer.Go(func() {
		select {
		case <-srv.Closing():
		case <-ended:
		}
		_ = conn.Close() // The client is told by it.
	})
	defer closer.Wait()
	defer close(ended)
	c := &connection{Conn: conn}
	channel := newServerSecureChannel(srv, c, false)
	if err := openChannel(channel); err != nil {
		if code, ok := errors.AsType[ua.StatusCode](err); ok {
			_ = abortChannel(channel, code, "")
		}
		return
	}
	c.channel = channel
	for {
		request, id, err := readRequest(channel)
		c.release()
		if err != nil {
			return
		}
		if err := handleRequest(srv, channel, request, id); err != nil {
			return
		}
	}
}

// The parts of the library's ListenAndServe, which itself listens on every
// interface of the machine, can be given no port of the system's choice, takes
// three seconds to close, and changes tokens while it sends; see connection. A
// simulated PLC lets anybody on its port write, so that port belongs to this
// machine alone. The version of the library is pinned.

//go:linkname newServerSecureChannel github.com/awcullen/opcua/server.newServerSecureChannel
func newServerSecureChannel(srv *server.Server, conn net.Conn, trace bool) *secureChannel

//go:linkname openChannel github.com/awcullen/opcua/server.(*serverSecureChannel).Open
func openChannel(ch *secureChannel) error

//go:linkname abortChannel github.com/awcullen/opcua/server.(*serverSecureChannel).Abort
func abortChannel(ch *secureChannel, reason ua.StatusCode, message string) error

//go:linkname readRequest github.com/awcullen/opcua/server.(*serverSecureChannel).readRequest
func readRequest(ch *secureChannel) (ua.ServiceRequest, uint32, error)

//go:linkname handleRequest github.com/awcullen/opcua/server.(*Server).handleRequest
func handleRequest(srv *server.Server, ch *secureChannel, request ua.ServiceRequest, id uint32) error

//go:linkname calculatePSHA github.com/awcullen/opcua/server.calculatePSHA
func calculatePSHA(secret, seed []byte, size int, securityPolicyURI string) []byte
