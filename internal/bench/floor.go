package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

const (
	// floorBlock is what the floor writes for each batch.
	floorBlock = 512
	// floorBlocks is how many blocks the file has before it begins anew.
	floorBlocks = 128 << 10
)

// Floor is the least that an acknowledged batch can cost: it answers AppendEvents
// with one write of 512 bytes into a file that is there already, one fdatasync,
// and nothing else.
type Floor struct {
	taktv1.UnimplementedIngestServiceServer
	file *os.File
}

// ServeFloor runs a floor whose file is in a folder until ctx ends. It writes where
// it listens into addressFile, as `takt serve` does.
func ServeFloor(ctx context.Context, dir, addressFile string) (err error) {
	file, err := os.Create(filepath.Join(dir, "floor")) //nolint:gosec // the bench names the folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// Written once, so that no write has to grow it or to turn a hole into data.
	if _, err := file.Write(make([]byte, floorBlock*floorBlocks)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("grpc=%s\n", listener.Addr())
	if err := errors.Join(os.WriteFile(addressFile+".new", []byte(text), 0o600), os.Rename(addressFile+".new", addressFile)); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := grpc.NewServer()
	taktv1.RegisterIngestServiceServer(server, &Floor{file: file})
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(listener)
}

// AppendEvents implements the API as far as one stream at a time needs it.
func (f *Floor) AppendEvents(stream taktv1.IngestService_AppendEventsServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	opened := &taktv1.AppendEventsResponse_Opened{Store: "floor", MaxInFlight: 1}
	if err := stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Opened_{Opened: opened}}); err != nil {
		return err
	}
	block := make([]byte, floorBlock)
	for n := int64(0); ; n++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := f.file.WriteAt(block, n%floorBlocks*floorBlock); err != nil {
			return err
		}
		if err := unix.Fdatasync(int(f.file.Fd())); err != nil {
			return err
		}
		batch := request.GetBatch()
		stored := len(batch.GetRecords())
		appended := &taktv1.AppendEventsResponse_Appended{
			DurableOffset: batch.GetFirstOffset() + uint64(stored) - 1, Stored: uint32(stored), //nolint:gosec // a batch is small
		}
		if err := stream.Send(&taktv1.AppendEventsResponse{Message: &taktv1.AppendEventsResponse_Appended_{Appended: appended}}); err != nil {
			return err
		}
	}
}
