package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// defaultServer is where `takt serve` and `takt demo` listen.
const defaultServer = "127.0.0.1:7600"

// connection is the flags that say which server is asked, and how long it may
// take.
type connection struct {
	server  string
	timeout time.Duration
}

func connectionFlags(root *cobra.Command, p Process) *connection {
	c := &connection{server: defaultServer}
	if address := p.env("TAKT_SERVER"); address != "" {
		c.server = address
	}
	root.PersistentFlags().StringVar(&c.server, "server", c.server, "the server's gRPC `address`; TAKT_SERVER where not given")
	root.PersistentFlags().DurationVar(&c.timeout, "timeout", 30*time.Second, "how long the server may take to answer; a long list is many answers")
	return c
}

// server is a server that is asked.
type server struct {
	conn    *grpc.ClientConn
	address string
	timeout time.Duration
}

// dial names the server; the first call connects.
func (c *connection) dial() (*server, error) {
	conn, err := grpc.NewClient(c.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, mes.Errorf(mes.CodeInvalid, "%q is no server's address; write --server host:port", c.server)
	}
	return &server{conn, c.server, c.timeout}, nil
}

func (s *server) close() { _ = s.conn.Close() }

// call makes one call that has to be answered in time.
func (s *server) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.explain(f(ctx))
}

// explain returns a call's error as one that a person can act on.
func (s *server) explain(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	e := mes.Errorf(mes.CodeInternal, "%s", st.Message())
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "takt" {
			e.Code = reasonCode(info.GetReason())
			e.Values = info.GetMetadata()
			return e
		}
	}
	switch st.Code() { //nolint:exhaustive // what the server itself says comes with an ErrorInfo
	case codes.Unavailable:
		return mes.Errorf(mes.CodeUnavailable, "no server answers at %s; start one with `takt serve`, or name another with --server", s.address)
	case codes.DeadlineExceeded:
		return mes.Errorf(mes.CodeUnavailable, "%s did not answer within %s; allow more with --timeout", s.address, s.timeout)
	case codes.Unimplemented:
		return mes.Errorf(mes.CodeUnavailable, "%s cannot answer this; it is another version of takt, or no takt", s.address)
	}
	return fmt.Errorf("%s: %s", st.Code(), st.Message())
}

func reasonCode(reason string) mes.Code {
	v, ok := taktv1.ErrorReason_value["ERROR_REASON_"+reason]
	if !ok {
		return mes.CodeInternal
	}
	return mes.Code(v - 1)
}
