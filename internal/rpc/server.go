package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
	"github.com/takt-mes/takt/internal/yield"
)

// The limits of the server.
const (
	// MaxMessageBytes is how long a message may be, either way.
	MaxMessageBytes = 4 << 20
	// maxAnswerBytes is how long a list in an answer may become.
	maxAnswerBytes = MaxMessageBytes / 2
	// MaxConnections is how many clients may be connected at once, as its listener
	// should see to.
	MaxConnections = 1024
	// MaxStreams is how many calls a connection may have at once.
	MaxStreams = 256
	// MaxInFlight is how many batches of a stream may be without an answer.
	MaxInFlight = 256
	// maxQuestion is how long a question may take, whatever its deadline.
	maxQuestion = time.Minute
	// connectTime is how long a client may take to say what it wants.
	connectTime = 2 * time.Second
)

// Config says how a server answers. Store is required.
type Config struct {
	// Version is the program's.
	Version string
	// Calendar is the site's zone and shifts.
	Calendar yield.Calendar
	// NoReflection leaves out the reflection that grpcurl lives from.
	NoReflection bool
}

// Server is a gRPC server over one store.
type Server struct {
	cfg    Config
	store  *store.Store
	log    *slog.Logger
	grpc   *grpc.Server
	health *health.Server
	start  time.Time
	// streams are the gateways' open ones.
	streams streams
	schemas wire.Schemas
}

// New returns a server that is not serving yet.
func New(cfg Config, st *store.Store, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, store: st, log: log, health: health.NewServer(), start: time.Now()}
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name)}),
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.MaxConcurrentStreams(MaxStreams),
		grpc.ConnectionTimeout(connectTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream),
	)
	taktv1.RegisterIngestServiceServer(s.grpc, &ingestService{Server: s})
	taktv1.RegisterEventServiceServer(s.grpc, &eventService{Server: s})
	taktv1.RegisterMaterialServiceServer(s.grpc, &materialService{Server: s})
	taktv1.RegisterGenealogyServiceServer(s.grpc, &genealogyService{Server: s})
	taktv1.RegisterYieldServiceServer(s.grpc, &yieldService{Server: s})
	taktv1.RegisterStatisticsServiceServer(s.grpc, &statisticsService{Server: s})
	taktv1.RegisterLedgerServiceServer(s.grpc, &ledgerService{Server: s})
	taktv1.RegisterEquipmentServiceServer(s.grpc, &equipmentService{Server: s})
	taktv1.RegisterAdminServiceServer(s.grpc, &adminService{Server: s})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	if !cfg.NoReflection {
		reflection.Register(s.grpc)
	}
	return s
}

// Serve serves on l until ctx ends, or the store stops, which is an error. It
// closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- s.grpc.Serve(l) }()
	var err error
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	case <-s.store.Failed():
		err = s.store.Err()
	}
	s.health.Shutdown()
	s.grpc.Stop()
	// It may be stopped before it came to serve.
	if e := <-ended; !errors.Is(e, grpc.ErrServerStopped) {
		err = errors.Join(err, e)
	}
	return err
}

// unary bounds a question, turns its error into a status, and a panic into one
// that does not end the process.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxQuestion)
	defer cancel()
	defer func() { err = s.outcome(ctx, info.FullMethod, recover(), err) }()
	if err := checkReadable(req); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = s.outcome(ss.Context(), info.FullMethod, recover(), err) }()
	return next(srv, receiver{ss})
}

// outcome is the one door through which errors leave.
func (s *Server) outcome(ctx context.Context, method string, panicked any, err error) error {
	if panicked != nil {
		err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	}
	st := wire.Status(err)
	if c := st.Code(); c == codes.Internal || c == codes.Unknown || c == codes.DataLoss {
		s.log.ErrorContext(ctx, "call failed", slog.String("method", method), slog.Any("err", err))
	}
	return status.Convert(st.Err()).Err()
}
