package spool

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
)

// Appended is what became of the records of one Append.
type Appended struct {
	// Offset is the highest place of one of the records.
	Offset mes.Offset
	// New is how many were appended, Conflicts among them.
	New int
	// Duplicates is how many were in the spool already, to the byte.
	Duplicates int
	// Conflicts are the identities that were in the spool with other content.
	// They were appended all the same: the server keeps them in quarantine.
	Conflicts []mes.Identity
}

// Append puts records at the end of the spool, in their order. When it returns
// without an error they are fsynced, and must come back after a power cut; with
// an error they may be there or not, and must be appended again. A record whose
// identity and event the spool already has is not appended twice.
//
// It returns an Error with CodeBusy where the spool or its disk is full, and
// then none of the records is appended; with CodeInvalid or CodeTooLarge where
// a record can never be sent. After any error of a commit the spool is closed
// for good and every call returns that error.
func (s *Spool) Append(ctx context.Context, records ...mes.Record) (Appended, error) {
	size := 0
	for i := range records {
		if err := records[i].Identity.Validate(); err != nil {
			return Appended{}, err
		}
		if n := len(records[i].Event); n > mes.MaxEventBytes {
			return Appended{}, mes.Errorf(mes.CodeTooLarge, "event %s has %d bytes; at most %d are taken", records[i].Identity, n, mes.MaxEventBytes).
				With("limit", strconv.Itoa(mes.MaxEventBytes)).With("got", strconv.Itoa(n))
		}
		size += len(records[i].Event)
	}
	if len(records) == 0 {
		return Appended{}, nil
	}
	var result Appended
	err := s.do(ctx, size, func(c *change) error {
		var err error
		result, err = s.append(c, records)
		return err
	})
	if err != nil {
		return Appended{}, err
	}
	return result, nil
}

func (s *Spool) append(c *change, records []mes.Record) (Appended, error) {
	// First look, then write: a refusal must leave nothing behind.
	var result Appended
	fresh := make([]int, 0, len(records))
	inCall := make(map[mes.Identity][]int, len(records))
	need := int64(0)
	for i := range records {
		n, conflict := s.find(c, &records[i])
		same := false
		for _, j := range inCall[records[i].Identity] {
			if bytes.Equal(records[j].Event, records[i].Event) {
				same = true
			} else {
				conflict = true
			}
		}
		switch {
		case n != 0:
			result.Duplicates++
			result.Offset = max(result.Offset, c.marks.offset(n))
			continue
		case same:
			result.Duplicates++
			continue
		case conflict:
			result.Conflicts = append(result.Conflicts, records[i].Identity)
		}
		inCall[records[i].Identity] = append(inCall[records[i].Identity], i)
		fresh = append(fresh, i)
		// The key twice, the identity, and what bbolt needs to find them.
		need += int64(len(records[i].Event)) + 2*int64(len(records[i].Identity.Source)) + 160
	}
	if len(fresh) == 0 {
		return result, nil
	}
	if err := s.room(c, need); err != nil {
		return Appended{}, err
	}
	for _, i := range fresh {
		r := &records[i]
		n := c.marks.last + 1
		key := recordKey(n)
		// Numbers only go up: full pages instead of halves.
		bucket := c.tx.Bucket(recordsBucket)
		bucket.FillPercent = 1
		if err := put(c.tx, recordsBucket, key, encodeRecord(c.now, r)); err != nil {
			return Appended{}, err
		}
		if err := c.tx.Bucket(identitiesBucket).Put(append(identityKey(r.Identity), key...), nil); err != nil {
			return Appended{}, fmt.Errorf("write spool: %w", err)
		}
		c.marks.last = n
		if n == c.marks.first {
			c.firstTime = c.now
		}
		s.learn(c, r.Identity)
		result.New++
	}
	result.Offset = c.marks.offset(c.marks.last)
	c.added += need
	c.dirty = true
	return result, nil
}

// find returns the number of the record with this identity and event, or 0,
// and whether there is one with other content. What the index leads to is read
// and verified, so that a damaged index loses no record: at worst it is
// appended, and sent, twice.
func (s *Spool) find(c *change, r *mes.Record) (n uint64, conflict bool) {
	prefix := identityKey(r.Identity)
	cursor := c.tx.Bucket(identitiesBucket).Cursor()
	for k, _ := cursor.Seek(prefix); bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8; k, _ = cursor.Next() {
		e, err := s.record(c.tx, c.marks, number(k[len(prefix):]))
		if err != nil || e.Record.Identity != r.Identity {
			continue
		}
		if bytes.Equal(e.Record.Event, r.Event) {
			return number(k[len(prefix):]), false
		}
		conflict = true
	}
	return 0, conflict
}

// diskReserve is what stays free of the disk for everything else on it.
const diskReserve = 64 << 20

// room refuses what does not fit.
func (s *Spool) room(c *change, need int64) error {
	if c.used+c.added+need > s.config.MaxBytes {
		return mes.Errorf(mes.CodeBusy, "the spool %s is full (%d bytes of %d); nothing is lost, the line waits until the server takes events again", s.path, c.used, s.config.MaxBytes).
			With("limit", strconv.FormatInt(s.config.MaxBytes, 10))
	}
	if c.added+need <= c.free {
		return nil
	}
	free, _, err := disk.Free(s.config.Dir)
	if err != nil {
		return fmt.Errorf("look at the disk's room: %w", err)
	}
	if free < uint64(need)+diskReserve { //nolint:gosec // need is not negative
		return mes.Errorf(mes.CodeBusy, "the disk of the spool %s has %d bytes left, and %d stay free; make room", s.path, free, diskReserve).
			With("path", s.path)
	}
	return nil
}
