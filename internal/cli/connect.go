package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// defaultServer is where `takt serve` and `takt demo` listen.
const defaultServer = "127.0.0.1:7600"

// connection is the flags that say which server is asked, and how long it may
// take.
type connection struct {
	server   string
	insecure bool
	timeout  time.Duration
}

func connectionFlags(root *cobra.Command, p Process) *connection {
	c := &connection{server: defaultServer}
	if address := p.env("TAKT_SERVER"); address != "" {
		c.server = address
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.server, "server", c.server, "the server's gRPC `address`; TAKT_SERVER where not given")
	flags.BoolVar(&c.insecure, "insecure", false, "reach a server on another machine without encryption, in a network that is trusted")
	flags.DurationVar(&c.timeout, "timeout", 30*time.Second, "how long the server may take to answer; a long list is many answers")
	return c
}

// server is a server that is asked.
type server struct {
	*client.Client
	address string
	timeout time.Duration
}

// dial names the server; the first call connects.
func (c *connection) dial() (*server, error) {
	config := client.Config{Addr: c.server, Insecure: c.insecure}
	if err := config.Validate(); err != nil {
		if insecure := config; !c.insecure {
			insecure.Insecure = true
			if insecure.Validate() == nil {
				return nil, mes.Errorf(mes.CodeInvalid, "%s is another machine, and the connection would not be encrypted; say --insecure where the network is trusted", c.server)
			}
		}
		return nil, mes.Errorf(mes.CodeInvalid, "%q is no server's address; write --server host:port", c.server)
	}
	dialled, err := client.Dial(config)
	if err != nil {
		return nil, err
	}
	return &server{dialled, c.server, c.timeout}, nil
}

// close ends the connection; there is nothing left to lose.
func (s *server) close() { _ = s.Close() }

// call makes one call that has to be answered in time.
func (s *server) call(ctx context.Context, f func(context.Context) error) error {
	inTime, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.explain(f(inTime))
}

// explain returns a call's error as one that a person can act on.
func (s *server) explain(err error) error {
	err = wire.Error(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return mes.Errorf(mes.CodeUnavailable, "%s did not answer within %s; allow more with --timeout", s.address, s.timeout)
	case err != nil && mes.CodeOf(err) == mes.CodeUnavailable:
		// gRPC tells its whole way down to the socket; the end of it is the news.
		why := err.Error()
		if i := strings.LastIndex(why, "rror while dialing: "); i >= 0 {
			why = strings.TrimSuffix(why[i+len("rror while dialing: "):], `"`)
		}
		return mes.Errorf(mes.CodeUnavailable, "no answer from %s (%s); start one with `takt serve`, or name another with --server", s.address, why)
	}
	return err
}
