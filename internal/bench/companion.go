package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/backup"
)

// companion is what is done beside lines, one after the other.
type companion struct {
	// name is what they are called, as `traces`.
	name string
	// once does one, and what says of the last what it was.
	once func(ctx context.Context) error
	what func() string
	// after adds what is measured when the lines have ended; nil for nothing.
	after func(ctx context.Context, p *pacedRun) error
	// took is how long each took that was not broken off.
	took []time.Duration
}

// traces follows what was made of the first powder lot.
func (b *bench) traces() *companion {
	reached := 0
	return &companion{
		name: BesideTraces,
		once: func(ctx context.Context) error {
			things, err := b.takt.forward(ctx, powderName(0))
			reached = len(things)
			return err
		},
		what: func() string { return fmt.Sprintf("forward trace to %d coils and cells", reached) },
	}
}

// backups takes whole backups, and makes a store of the last one in the end.
func (b *bench) backups() *companion {
	saved := filepath.Join(b.dir, "backup")
	var bytes int64
	c := &companion{name: BesideBackups}
	c.once = func(ctx context.Context) error {
		if err := os.RemoveAll(saved); err != nil {
			return err
		}
		dir, err := backup.Take(ctx, taktv1.NewAdminServiceClient(b.takt.client.Conn()), saved, time.Now(), backup.Rate, func(int64) {})
		if err == nil {
			bytes = dir.Manifest().Size()
		}
		return err
	}
	c.what = func() string { return fmt.Sprintf("backup of %d MB", bytes>>20) }
	c.after = func(ctx context.Context, p *pacedRun) error {
		if err := c.once(ctx); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		began := time.Now()
		restore := exec.CommandContext(ctx, b.cfg.Program, "restore", saved, "--data", filepath.Join(b.dir, "restored")) //nolint:gosec // this very program
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("restore: %w: %s", err, out)
		}
		p.addPaced(fmt.Sprintf("restore of %d MB", bytes>>20), "ms", []float64{milliseconds(time.Since(began))})
		return nil
	}
	return c
}
