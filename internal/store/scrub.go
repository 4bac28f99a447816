package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
	"github.com/takt-mes/takt/internal/store/table"
)

// scrubStretch is about how many bytes a scrub reads before it waits: no page of
// a file is kept from being reused longer than that takes.
const scrubStretch = 1 << 20

// Scrub reads everything that is in the files once, against its checksum, so
// that damage is known before somebody asks for what it hit. It reads so many
// bytes a second, which must be more than 0, and calls found with a sentence for
// each problem: which file, and which positions of the log are not readable any
// more. It repairs nothing. Check finds more, and takes the machine's time for it.
// The error is of the scrub itself, or of ctx.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int64, found func(problem string)) error {
	c := scrubber{store: s, rate: bytesPerSecond, stretch: scrubStretch, found: func(problem string) {
		s.metrics.problems.Inc()
		found(problem)
	}}
	err := c.all(ctx)
	if err == nil {
		s.metrics.scrubbed.SetToCurrentTime()
	}
	return err
}

type scrubber struct {
	store         *Store
	rate, stretch int64
	found         func(problem string)
	// read are the bytes since it waited last, passed those before.
	read, passed int64
}

func (c *scrubber) all(ctx context.Context) error {
	c.store.mu.Lock()
	periods := c.store.state.periods
	c.store.mu.Unlock()
	for _, p := range periods {
		if err := c.period(ctx, p); err != nil {
			return err
		}
	}
	for t := range tableNames {
		if err := c.table(ctx, table.ID(t)); err != nil {
			return err
		}
		if err := c.search(ctx, table.ID(t)); err != nil {
			return err
		}
	}
	return nil
}

// wait waits as long as what was read should have taken.
func (c *scrubber) wait(ctx context.Context) error {
	pause := time.Duration(float64(c.read) / float64(c.rate) * float64(time.Second))
	c.read, c.passed = 0, c.passed+c.read
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// period reads a file of the archive, chunk by chunk.
func (c *scrubber) period(ctx context.Context, p *period) error {
	at := key(nil).number(uint64(p.first))
	for at != nil {
		err := guard(func() (err error) {
			at, err = c.chunks(p, at)
			return err
		})
		if mes.CodeOf(err) == mes.CodeDamaged {
			c.found(fmt.Sprintf("%s, from position %d on: %v", p.path(), p.first, err))
			return nil // What leads to the chunks is not readable.
		}
		if err == nil {
			err = c.wait(ctx)
		}
		if err != nil {
			return err
		}
	}
	return c.samples(ctx, p)
}

// chunks reads the chunks of a file from a key on, until it has read a stretch,
// and returns the key to go on with, nil at the end.
func (c *scrubber) chunks(p *period, from key) (next key, err error) {
	r := newArchiveReader([]*period{p})
	tx, err := r.tx(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	err = scan(tx.Bucket(bucketChunk), nil, from, func(k, value []byte) (bool, error) {
		if c.read >= c.stretch {
			next = slices.Clone(k)
			return false, nil
		}
		h, err := decodeChunk(k, value)
		if err != nil {
			return false, err
		}
		broken := func(err error) {
			c.found(fmt.Sprintf("%s, positions %d to %d: %v", p.path(), h.first, h.next()-1, err))
		}
		if h.entries > 0 { // A search must lead to it, too.
			err = r.seek(h.first)
		} else {
			err = r.open(tx, h)
		}
		if err != nil {
			broken(err)
			return true, nil
		}
		if _, err := r.groupList(); err != nil {
			broken(err)
		}
		for n := range r.at.blocks {
			value, err := get(tx.Bucket(bucketBlock), h.key().number32(uint32(n)))
			if err == nil {
				_, err = block.OpenVerified(value)
			}
			if err != nil {
				broken(err)
			}
			c.read += int64(len(value))
		}
		return true, nil
	})
	return next, err
}

// samples reads where a file has samples.
func (c *scrubber) samples(ctx context.Context, p *period) error {
	err := look(p.db, func(tx *bbolt.Tx) error {
		return scan(tx.Bucket(bucketSample), nil, []byte{}, func(k, value []byte) (bool, error) {
			c.read += int64(len(k) + len(value))
			return true, nil
		})
	})
	if mes.CodeOf(err) == mes.CodeDamaged {
		c.found(fmt.Sprintf("%s, where its samples are: %v", p.path(), err))
		err = nil
	}
	if err == nil {
		err = c.wait(ctx)
	}
	return err
}

// table reads a table of the indexes, stretch by stretch.
func (c *scrubber) table(ctx context.Context, t table.ID) error {
	from := []byte{}
	for from != nil {
		var next []byte
		err := c.store.View(ctx, 0, func(v *View) error {
			return v.scan(t, nil, from, func(k, value []byte) (bool, error) {
				if c.read += int64(len(k) + len(value)); c.read >= c.stretch {
					next = append(bytes.Clone(k), 0)
				}
				return next == nil, nil
			})
		})
		if mes.CodeOf(err) == mes.CodeDamaged {
			c.foundIn(t, err)
			return nil
		}
		if err == nil {
			err = c.wait(ctx)
		}
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// search looks whether searches lead to all leaves of a table.
func (c *scrubber) search(ctx context.Context, t table.ID) error {
	const (
		leaves  = 1 << 12
		perLeaf = 64 // bytes of its key, and of what leads to it
	)
	var from []byte
	for {
		var lost []byte
		var looked int
		err := c.store.View(ctx, 0, func(v *View) (err error) {
			lost, from, looked, err = v.tables.Lost(t, from, leaves)
			return err
		})
		if err == nil && lost != nil {
			err = mes.Errorf(mes.CodeDamaged, "a search does not lead to the leaf at %x", lost)
		}
		if mes.CodeOf(err) == mes.CodeDamaged {
			c.foundIn(t, err)
			return nil
		}
		c.read += int64(looked) * perLeaf
		if err == nil {
			err = c.wait(ctx)
		}
		if err != nil || from == nil {
			return err
		}
	}
}

// foundIn tells of damage in a table.
func (c *scrubber) foundIn(t table.ID, err error) {
	c.found(fmt.Sprintf("%s, table %s: %v; takt rebuild makes it anew from the log", filepath.Base(c.store.db.Path()), tableNames[t], err))
}
