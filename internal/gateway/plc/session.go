package plc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gopcua/opcua"
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// session is one connection to a PLC, from its connect to its first fault.
type session struct {
	owner *Client
	c     *opcua.Client
	// ids are the node ids of each station's tags, nil where one is not to be
	// had; then the station's problem says why.
	ids [][]*ua.NodeID
	// maxRead and maxMonitor are how many nodes one request may name.
	maxRead, maxMonitor int
	// publish is the publishing interval that the server granted.
	publish time.Duration
	rings   chan *opcua.PublishNotificationData
	// estimated is when the clock was; the watchdog's alone.
	estimated time.Time
	bye       sync.Once
}

// clock is what is known of a PLC's clock.
type clock struct {
	offset  time.Duration
	quality mes.ClockQuality
}

// ringBuffer is how many notifications may wait. The library must never wait for
// us: its one loop also sends the next request for notifications.
const ringBuffer = 4096

// Defaults where a server does not name its limits.
const (
	defaultMaxRead    = 500
	defaultMaxMonitor = 500
)

// connect makes a connection with everything on it. Where it returns a session
// with an error, that session must be closed.
func (c *Client) connect(ctx context.Context, cancel context.CancelCauseFunc) (*session, error) {
	// A PLC that is not there is found out before it takes anybody's turn.
	options, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	giveBack, err := c.facts.turns.take(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	ctx, done := context.WithTimeout(ctx, connectTimeout)
	defer done()
	options = append(options,
		opcua.AutoReconnect(false),
		opcua.RequestTimeout(c.libraryTimeout()),
		opcua.DialTimeout(requestTimeout),
		opcua.SessionTimeout(c.plc.SessionTimeout),
		opcua.SessionName("takt "+c.facts.Gateway.String()),
		opcua.StateChangedFunc(func(state opcua.ConnState) {
			if state == opcua.Closed || state == opcua.Disconnected {
				cancel(errors.New("the connection was closed"))
			}
		}),
	)
	client, err := opcua.NewClient(c.plc.Endpoint, options...)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	s := &session{owner: c, c: client, rings: make(chan *opcua.PublishNotificationData, ringBuffer)}
	// It panics over a session signature that is wrong.
	if err := guard(func() error { return client.Connect(ctx) }); err != nil {
		return s, fmt.Errorf("connect to %s: %w", c.plc.Endpoint, err)
	}
	if err := s.resolve(ctx); err != nil {
		return s, err
	}
	s.limits(ctx)
	// Before the first record, which is to say how good its clock is.
	if err := s.ask(ctx); err != nil {
		return s, err
	}
	return s, s.subscribe(ctx)
}

// options are who we are, and who we take the server for.
func (c *Client) options(ctx context.Context) ([]opcua.Option, error) {
	ctx, done := context.WithTimeout(ctx, connectTimeout)
	defer done()
	endpoints, err := opcua.GetEndpoints(ctx, c.plc.Endpoint, opcua.DialTimeout(requestTimeout), opcua.RequestTimeout(requestTimeout))
	if err != nil {
		return nil, fmt.Errorf("ask %s for its endpoints: %w", c.plc.Endpoint, err)
	}
	policy, mode := ua.FormatSecurityPolicyURI(c.plc.Security.Policy), ua.MessageSecurityModeFromString(c.plc.Security.Mode)
	i := slices.IndexFunc(endpoints, func(ep *ua.EndpointDescription) bool {
		return ep.SecurityPolicyURI == policy && ep.SecurityMode == mode
	})
	if i < 0 {
		var offered []string
		for _, ep := range endpoints {
			offered = append(offered, strings.TrimPrefix(ep.SecurityPolicyURI, ua.SecurityPolicyURIPrefix)+" "+strings.TrimPrefix(ep.SecurityMode.String(), "MessageSecurityMode"))
		}
		return nil, mes.Errorf(mes.CodeInvalid, "%s offers no %s %s, but %s; change security", c.plc.Endpoint, c.plc.Security.Policy, c.plc.Security.Mode, strings.Join(offered, ", "))
	}
	ep := endpoints[i]
	var options []opcua.Option
	if c.plc.Security.Secure() {
		if err := checkPin(ep.ServerCertificate, c.plc.Trust.PinSHA256); err != nil {
			return nil, err
		}
		own, err := c.certificate()
		if err != nil {
			return nil, err
		}
		options = append(options, opcua.PrivateKey(own.key), opcua.Certificate(own.der))
	}
	if c.plc.Auth.Username == "" {
		return append(options, opcua.AuthAnonymous(), opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeAnonymous)), nil
	}
	password, err := os.ReadFile(c.plc.Auth.PasswordFile)
	if err != nil {
		return nil, mes.Errorf(mes.CodeInvalid, "read auth.password_file: %w", err)
	}
	user := opcua.AuthUsername(c.plc.Auth.Username, strings.TrimRight(string(password), " \t\r\n"))
	return append(options, user, opcua.SecurityFromEndpoint(ep, ua.UserTokenTypeUserName)), nil
}

// close says goodbye and waits for it, for a while.
func (s *session) close() {
	s.bye.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- guard(func() error { return s.c.Close(ctx) }) }()
		select {
		case err := <-done:
			if err != nil {
				s.owner.log.DebugContext(ctx, "goodbye went wrong", slog.Any("error", err))
			}
		case <-ctx.Done():
			s.owner.log.DebugContext(ctx, "goodbye took too long")
		}
	})
}

// resolve finds the namespaces by their URIs and makes node ids of all tags.
func (s *session) resolve(ctx context.Context) error {
	have, err := s.c.NamespaceArray(ctx)
	if err != nil {
		return fmt.Errorf("read the namespaces: %w", err)
	}
	index := map[string]uint16{"": 0}
	for name, uri := range s.owner.plc.Namespaces {
		i := slices.Index(have, uri)
		if i < 0 {
			return mes.Errorf(mes.CodeInvalid, "the server has no namespace %q%s", uri, config.DidYouMean(uri, slices.Values(have)))
		}
		index[name] = uint16(i) //nolint:gosec // an index of a server's namespaces
	}
	for _, st := range s.owner.stations {
		var ids []*ua.NodeID
		for _, tag := range st.mapping.tags {
			node, err := nodeID(tag, index)
			if err != nil {
				return mes.Errorf(mes.CodeInvalid, "station %s: %w", st.source, err)
			}
			ids = append(ids, node)
		}
		s.ids = append(s.ids, ids)
	}
	return nil
}

// nodeID reads a tag. The library's own parser takes no name with a semicolon.
func nodeID(tag string, index map[string]uint16) (*ua.NodeID, error) {
	name, rest, err := config.SplitTag(tag)
	if err != nil {
		return nil, err
	}
	ns, ok := index[name]
	if !ok {
		return nil, fmt.Errorf("%q begins with %q, which is not among the namespaces%s", tag, name, config.DidYouMean(name, maps.Keys(index)))
	}
	typ, value, _ := strings.Cut(rest, "=")
	switch typ {
	case "i":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q has no number after i=", tag)
		}
		return ua.NewNumericNodeID(ns, uint32(n)), nil
	case "g":
		if ua.NewGUID(value) == nil {
			return nil, fmt.Errorf("%q has no GUID after g=", tag)
		}
		return ua.NewGUIDNodeID(ns, value), nil
	case "b":
		b, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, fmt.Errorf("%q has no base64 after b=", tag)
		}
		return ua.NewByteStringNodeID(ns, b), nil
	}
	return ua.NewStringNodeID(ns, value), nil
}

// limits asks how many nodes one request may name.
func (s *session) limits(ctx context.Context) {
	s.maxRead, s.maxMonitor = defaultMaxRead, defaultMaxMonitor
	results, err := s.read(ctx, []*ua.NodeID{
		ua.NewNumericNodeID(0, id.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
		ua.NewNumericNodeID(0, id.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
	})
	if err != nil {
		return // The defaults serve; a broken connection shows soon enough.
	}
	for i, limit := range []*int{&s.maxRead, &s.maxMonitor} {
		if n, ok := valueOf(results[i]).(uint32); ok && n > 0 {
			*limit = min(*limit, int(n))
		}
	}
}

// keepAliveCount is after how many publishing intervals a subscription with
// nothing to say shows that it is there.
const keepAliveCount = 10

// libraryTimeout is the library's timeout of a request; ours, which are shorter,
// come with each request's context. It must be well above the keep-alive
// interval, which the server may revise: the library lets a publish request time
// out after the longer of the two, a server may answer it with a timeout just
// then, and the library takes such an answer for the end of the connection. A PLC
// that has nothing to report would lose its connection every few seconds.
func (c *Client) libraryTimeout() time.Duration {
	const least = 15 * time.Second
	return max(least, 3*keepAliveCount*c.plc.Subscription.Publish)
}

// subscribe lets every station's ready tag ring.
func (s *session) subscribe(ctx context.Context) error {
	sub, err := s.c.Subscribe(ctx, &opcua.SubscriptionParameters{
		Interval:          s.owner.plc.Subscription.Publish,
		MaxKeepAliveCount: keepAliveCount,
		LifetimeCount:     600,
	}, s.rings)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	s.publish = sub.RevisedPublishingInterval
	var items []*ua.MonitoredItemCreateRequest
	for i, st := range s.owner.stations {
		items = append(items, opcua.NewMonitoredItemCreateRequestWithDefaults(s.ids[i][st.mapping.ready], ua.AttributeIDValue, uint32(i)))
	}
	for batch := range slices.Chunk(items, s.maxMonitor) {
		res, err := sub.Monitor(ctx, ua.TimestampsToReturnNeither, batch...)
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		if len(res.Results) != len(batch) {
			return fmt.Errorf("subscribe: %d answers for %d items", len(res.Results), len(batch))
		}
		for i, r := range res.Results {
			if severity(uint32(r.StatusCode)) >= severityBad {
				// The station finds the tag missing when it reads it, and says so.
				st := s.owner.stations[batch[i].RequestedParameters.ClientHandle]
				st.log.WarnContext(ctx, "station does not ring", slog.String("tag", st.mapping.tags[st.mapping.ready]), slog.Any("error", r.StatusCode))
			}
		}
	}
	return nil
}

// read reads values, in as many requests as the server needs but no more.
func (s *session) read(ctx context.Context, ids []*ua.NodeID) ([]*ua.DataValue, error) {
	results := make([]*ua.DataValue, 0, len(ids))
	for batch := range slices.Chunk(ids, max(s.maxRead, 1)) {
		req := &ua.ReadRequest{TimestampsToReturn: ua.TimestampsToReturnBoth}
		for _, node := range batch {
			req.NodesToRead = append(req.NodesToRead, &ua.ReadValueID{NodeID: node, AttributeID: ua.AttributeIDValue})
		}
		rctx, cancel := context.WithTimeout(ctx, requestTimeout)
		res, err := s.c.Read(rctx, req)
		cancel()
		if err != nil {
			return nil, err
		}
		if len(res.Results) != len(batch) {
			return nil, fmt.Errorf("%d answers for %d tags", len(res.Results), len(batch))
		}
		results = append(results, res.Results...)
	}
	return results, nil
}

// write writes a value and nothing else: many PLCs refuse a time stamp or status.
func (s *session) write(ctx context.Context, node *ua.NodeID, v *ua.Variant) (ua.StatusCode, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := s.c.Write(ctx, &ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{
		NodeID:      node,
		AttributeID: ua.AttributeIDValue,
		Value:       &ua.DataValue{EncodingMask: ua.DataValueValue, Value: v},
	}}})
	if err != nil {
		return 0, err
	}
	if len(res.Results) != 1 {
		return 0, fmt.Errorf("%d answers for one write", len(res.Results))
	}
	return res.Results[0], nil
}

func valueOf(v *ua.DataValue) any {
	if v == nil || v.Value == nil {
		return nil
	}
	return v.Value.Value()
}

// listen passes the rings on to the stations.
func (s *session) listen(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-s.rings:
			if n.Error != nil {
				return fmt.Errorf("subscription: %w", n.Error)
			}
			switch v := n.Value.(type) {
			case *ua.DataChangeNotification:
				now := time.Now()
				for _, item := range v.MonitoredItems {
					if i := int(item.ClientHandle); i < len(s.owner.stations) {
						s.owner.stations[i].ring(now)
					}
				}
			case *ua.StatusChangeNotification:
				return fmt.Errorf("subscription: %w", v.Status)
			}
		}
	}
}

// watch asks the server for its time, and gives up on one that does not answer.
func (s *session) watch(ctx context.Context) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		actx, cancel := context.WithTimeout(ctx, watchInterval)
		err := s.ask(actx)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// ask asks the server for its time, and now and then looks what it says.
func (s *session) ask(ctx context.Context) error {
	before := time.Now()
	results, err := s.read(ctx, []*ua.NodeID{ua.NewNumericNodeID(0, id.Server_ServerStatus_CurrentTime)})
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	t, ok := valueOf(results[0]).(time.Time)
	if ok && !t.IsZero() && (s.estimated.IsZero() || before.Sub(s.estimated) >= clockInterval) {
		s.estimated = before
		s.estimate(ctx, t, before, time.Now())
	}
	return nil
}

// estimate compares the PLC's clock with ours, at the middle of the question.
func (s *session) estimate(ctx context.Context, theirs, before, after time.Time) {
	offset := theirs.Sub(before.Add(after.Sub(before) / 2)).Round(time.Microsecond)
	k := &clock{offset: offset, quality: mes.ClockGood}
	if offset.Abs() > s.owner.plc.Clock.MaxOffset {
		k.quality = mes.ClockBad
	}
	old := s.owner.clock.Swap(k)
	if k.quality == mes.ClockBad && (old == nil || old.quality != mes.ClockBad) {
		s.owner.log.WarnContext(ctx, "plc clock is off; set it", slog.Duration("offset", offset))
	}
}

// audit asks all stations for a record that did not ring. It wakes the station,
// and where the doorbell has still not rung by the next round, the subscription
// is dead, which no request of ours would show. It also wakes a station whose PLC
// lost an acknowledgement; there the doorbell has nothing to ring for.
func (s *session) audit(ctx context.Context) error {
	tick := time.NewTicker(auditInterval)
	defer tick.Stop()
	var nodes []*ua.NodeID
	for i, st := range s.owner.stations {
		nodes = append(nodes, s.ids[i][st.mapping.ready], s.ids[i][st.mapping.ack])
	}
	type found struct {
		number int64
		rings  uint64
		since  time.Time
	}
	// A slow doorbell is not a dead one.
	silence := max(auditInterval-auditInterval/4, 3*s.publish)
	open := make(map[*station]found)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		rings := make([]uint64, len(s.owner.stations))
		for i, st := range s.owner.stations {
			rings[i] = st.rings.Load()
		}
		results, err := s.read(ctx, nodes)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		for i, st := range s.owner.stations {
			f, waiting := open[st]
			switch {
			case waiting && f.rings != st.rings.Load():
				delete(open, st)
			case waiting && time.Since(f.since) > silence:
				return fmt.Errorf("the subscription is silent: %s has record %d and did not ring", st.source, f.number)
			case waiting:
				continue
			}
			ready, ack := results[2*i], results[2*i+1]
			n, _, ok := whole(valueOf(ready))
			a, _, _ := whole(valueOf(ack))
			if !ok || st.stopped.Load() != nil {
				continue
			}
			switch st.audit(n, a, rings[i]) {
			case heard:
				continue
			case unheard:
				open[st] = found{n, rings[i], time.Now()}
			case unacknowledged:
				if st.missed.audits == patience { // It was given again, to no avail.
					st.log.WarnContext(ctx, "plc does not keep the acknowledgement; see what resets it", slog.Int64("record", n), slog.String("tag", st.mapping.tags[st.mapping.ack]))
				}
			}
			st.audited.Add(1)
			st.wake(time.Now())
		}
	}
}
