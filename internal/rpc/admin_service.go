package rpc

import (
	"bufio"
	"context"
	"errors"
	"io"

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

// backupPiece is how many bytes of a backup one message has.
const backupPiece = 256 << 10

// BackUpStore implements the API.
func (s *adminService) BackUpStore(r *taktv1.BackUpStoreRequest, stream taktv1.AdminService_BackUpStoreServer) error {
	have := make([]store.BackupFile, 0, len(r.GetHave()))
	for _, f := range r.GetHave() {
		have = append(have, wire.BackupFileFrom(f))
	}
	if err := stream.Send(&taktv1.BackUpStoreResponse{Part: &taktv1.BackUpStoreResponse_Store{Store: s.store.ID()}}); err != nil {
		return err
	}
	end, err := s.store.Backup(stream.Context(), have, func(f store.BackupFile, write func(io.Writer) error) error {
		if err := stream.Send(&taktv1.BackUpStoreResponse{Part: &taktv1.BackUpStoreResponse_File{File: wire.BackupFile(f)}}); err != nil {
			return err
		}
		pieces := bufio.NewWriterSize(writerFunc(func(b []byte) (int, error) {
			return len(b), stream.Send(&taktv1.BackUpStoreResponse{Part: &taktv1.BackUpStoreResponse_Data{Data: b}})
		}), backupPiece)
		return errors.Join(write(pieces), pieces.Flush())
	})
	if err != nil {
		return err
	}
	return stream.Send(&taktv1.BackUpStoreResponse{Part: &taktv1.BackUpStoreResponse_Complete{Complete: uint64(end)}})
}

// writerFunc is a function that writes.
type writerFunc func([]byte) (int, error)

func (fn writerFunc) Write(b []byte) (int, error) { return fn(b) }
