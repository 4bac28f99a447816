package rpc

import (
	"context"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type adminService struct {
	taktv1.UnimplementedAdminServiceServer
	*Server
}

// GetServerInfo implements the API.
func (s *adminService) GetServerInfo(context.Context, *taktv1.GetServerInfoRequest) (*taktv1.ServerInfo, error) {
	size, err := s.store.Size()
	if err != nil {
		return nil, err
	}
	position, chain := s.store.Chain()
	return &taktv1.ServerInfo{
		Version: s.cfg.Version, Store: s.store.ID(), FormatVersion: store.FormatVersion, Position: uint64(position),
		ChainHash: chain[:], StartTime: wire.Time(s.start), Zone: zoneName(s.cfg.Calendar), SizeBytes: uint64(size), //nolint:gosec // a size is never negative
	}, nil
}

// CheckStore implements the API.
func (s *adminService) CheckStore(_ *taktv1.CheckStoreRequest, stream taktv1.AdminService_CheckStoreServer) error {
	var sending error
	_, err := s.store.Check(stream.Context(), func(p store.Progress) {
		if sending != nil {
			return
		}
		sending = stream.Send(&taktv1.CheckStoreResponse{
			Stage: p.Stage, Position: uint64(p.Position), LastPosition: uint64(p.Last), Problems: p.Problems,
		})
	})
	if sending != nil {
		return sending
	}
	return err
}
