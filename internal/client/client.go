package client

import (
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// MaxMessageBytes is how long a message may be, either way.
const MaxMessageBytes = 4 << 20

// A connection whose other end has gone without a word is given up after
// keepAliveTime and keepAliveTimeout together. The server must allow pings that
// often; gRPC sends none more often than every 10 s.
const (
	keepAliveTime    = 10 * time.Second
	keepAliveTimeout = 5 * time.Second
)

// Config says which service to talk to.
type Config struct {
	// Addr is the service's host and port, as `127.0.0.1:7600`.
	Addr string
	// Insecure allows a connection without encryption to another machine.
	// Within the machine there is none to break into.
	Insecure bool
}

// Validate returns an Error with CodeInvalid where the address is none, or is
// another machine's and Insecure does not allow it.
func (c Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "" {
		return mes.Invalid("addr", fmt.Sprintf("%q is no host and port, as 127.0.0.1:7600", c.Addr))
	}
	if !c.Insecure && !isLoopback(host) {
		return mes.Invalid("addr", fmt.Sprintf("%q is another machine, and the connection would not be encrypted; allow that explicitly where the network is trusted", c.Addr))
	}
	return nil
}

// isLoopback takes an empty host as Go's dialer does: as this machine.
func isLoopback(host string) bool {
	if host == "" || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Client is a connection to a service. It may be used by any number of
// goroutines at once.
type Client struct {
	conn    *grpc.ClientConn
	schemas wire.Schemas
}

// Dial returns a client of the service. It does not wait for a connection: the
// first call does, and fails with CodeUnavailable where there is none. A
// connection that breaks is made again by a later call. Call Close in the end.
func Dial(config Config) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(config.Addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUserAgent("takt"),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxMessageBytes),
			grpc.MaxCallSendMsgSize(MaxMessageBytes),
		),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                keepAliveTime,
			Timeout:             keepAliveTimeout,
			PermitWithoutStream: true,
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)
	if err != nil {
		return nil, mes.Errorf(mes.CodeInvalid, "addr %q: %w", config.Addr, err)
	}
	return &Client{conn: conn}, nil
}

// Conn returns the connection, for the generated clients of the API. Their
// errors are statuses; Error translates them.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// Close ends every call that is under way and closes the connection.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}
