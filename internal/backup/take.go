package backup

import (
	"context"
	"errors"
	"io"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// Rate is how many bytes a second a backup takes where nobody says otherwise.
const Rate = 32 << 20

// Take backs up a server's store into a directory, which is empty, missing, or has
// an older backup of the same store. Each file is read again once it is written.
// It takes rate bytes a second, so that the line's records need not wait for the disk
// and the processor; as many as come where rate is 0. It calls progress with the bytes
// that came, now and then. Ended before its end, the older backup is there.
func Take(ctx context.Context, server taktv1.AdminServiceClient, path string, now time.Time, rate int64, progress func(bytes int64)) (*Dir, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	older, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	request := new(taktv1.BackUpStoreRequest)
	for _, f := range older.Files {
		request.Have = append(request.Have, wire.BackupFile(f.BackupFile))
	}
	stream, err := server.BackUpStore(ctx, request)
	if err != nil {
		return nil, err
	}
	t := taking{stream: stream, rate: rate, begun: time.Now(), progress: progress}
	if err := t.receive(); err != nil {
		return nil, err
	}
	dir, err := begin(path, older, t.part.GetStore(), now)
	if err != nil {
		return nil, err
	}
	if err := t.receive(); err != nil {
		return nil, err
	}
	for t.part.GetFile() != nil {
		if err := dir.Add(wire.BackupFileFrom(t.part.GetFile()), t.write); err != nil {
			return nil, err
		}
	}
	if end := mes.Position(t.part.GetComplete()); end != dir.Manifest().Position() {
		return nil, mes.Errorf(mes.CodeDamaged, "the server says that the backup ends at position %d, but its files end at %d; try again", end, dir.Manifest().Position())
	}
	return dir, dir.Commit()
}

// taking is a backup as it comes.
type taking struct {
	stream   taktv1.AdminService_BackUpStoreClient
	part     *taktv1.BackUpStoreResponse
	rate     int64
	begun    time.Time
	bytes    int64
	progress func(int64)
}

// wait waits as long as what came should have taken.
func (t *taking) wait() error {
	if t.rate == 0 {
		return nil
	}
	due := time.Duration(float64(t.bytes) / float64(t.rate) * float64(time.Second))
	select {
	case <-time.After(due - time.Since(t.begun)):
		return nil
	case <-t.stream.Context().Done():
		return t.stream.Context().Err()
	}
}

// receive has the next part.
func (t *taking) receive() (err error) {
	t.part, err = t.stream.Recv()
	if errors.Is(err, io.EOF) {
		return mes.Errorf(mes.CodeUnavailable, "the backup ended before it was complete; try again")
	}
	return err
}

// write writes the bytes of one file, and has the part behind it at the end.
func (t *taking) write(w io.Writer) error {
	for {
		if err := t.receive(); err != nil {
			return err
		}
		if _, is := t.part.GetPart().(*taktv1.BackUpStoreResponse_Data); !is {
			return nil
		}
		n, err := w.Write(t.part.GetData())
		if err != nil {
			return err
		}
		t.bytes += int64(n)
		t.progress(t.bytes)
		if err := t.wait(); err != nil {
			return err
		}
	}
}
