package store

import (
	"slices"
	"strconv"
	"sync"

	"github.com/takt-mes/takt/internal/mes"
)

// What one commit takes is bounded, so that the answer to the first in a long
// queue is not late, and so is what waits for it.
const (
	maxGroupRecords = 4096
	maxGroupBytes   = 8 << 20
	maxQueueBytes   = 64 << 20
)

// request is what the writer is asked for.
type request struct {
	batch      Batch
	bytes      int // of its events
	candidates []candidate
	tallies    []tally     // of a refusal, which has no batch
	answer     chan answer // has room for the answer: the writer waits for nobody
}

type answer struct {
	appended Appended
	err      error
}

// queue is what waits to be committed, in the order in which it came.
type queue struct {
	// most is how many records it takes.
	most int
	// filled has a token as long as there is a request.
	filled chan struct{}

	// mu guards what follows.
	mu       sync.Mutex
	requests []*request
	// records and bytes are those of the requests, and of those that are being
	// committed.
	records, bytes int
}

func newQueue(most int) *queue { return &queue{most: most, filled: make(chan struct{}, 1)} }

// put queues a request; CodeBusy where there is no room. No request is too large
// for an empty queue.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	records := len(r.candidates)
	if q.records > 0 && (q.records+records > q.most || q.bytes+r.bytes > maxQueueBytes) {
		return mes.Errorf(mes.CodeBusy, "%d records wait to be stored; send again after a while", q.records).With("backlog", strconv.Itoa(q.records))
	}
	q.records += records
	q.bytes += r.bytes
	if q.requests = append(q.requests, r); len(q.requests) == 1 {
		q.filled <- struct{}{}
	}
	return nil
}

// take takes as many requests as one commit may have, by the token of filled.
// They keep their room until they are done.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, records, bytes := 0, 0, 0
	for n < len(q.requests) && records < maxGroupRecords && bytes < maxGroupBytes {
		records, bytes = records+len(q.requests[n].candidates), bytes+q.requests[n].bytes
		n++
	}
	group := slices.Clone(q.requests[:n])
	q.requests = slices.Delete(q.requests, 0, n)
	if len(q.requests) > 0 {
		q.filled <- struct{}{}
	}
	return group
}

// done gives back the room of requests.
func (q *queue) done(requests []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range requests {
		q.records -= len(r.candidates)
		q.bytes -= r.bytes
	}
}
