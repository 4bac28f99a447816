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
	maxGroupRecords = 1024
	maxGroupBytes   = 8 << 20
	maxQueueBytes   = 64 << 20
	// smallRecords is how many records a request has at most that may go before
	// larger ones.
	smallRecords = 16
)

// request is what the writer is asked for.
type request struct {
	batch      Batch
	bytes      int // of its events
	candidates []candidate
	tallies    []tally     // of a refusal, which has no batch
	tombstones []tombstone // of a retention, which has none either
	detail     string      // why that
	answer     chan answer // has room for the answer: the writer waits for nobody
}

type answer struct {
	appended Appended
	err      error
}

// small reports whether a request costs a commit little.
func (r *request) small() bool { return len(r.candidates) <= smallRecords }

// queue is what waits to be committed. It is taken in the order in which it came,
// but that small requests have every other commit to themselves where larger ones
// stand before them: a station that waits for one acknowledgement need not wait
// for what others load. Those of one spool stay in their order.
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
	// hurried says that the last commit had small requests alone.
	hurried bool
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
	var group []*request
	if !q.hurried {
		group = q.hurry()
	}
	if q.hurried = len(group) > 0; !q.hurried {
		n := fitting(q.requests)
		group = slices.Clone(q.requests[:n])
		q.requests = slices.Delete(q.requests, 0, n)
	}
	if len(q.requests) > 0 {
		q.filled <- struct{}{}
	}
	return group
}

// fitting returns how many of the first requests one commit may have.
func fitting(requests []*request) (n int) {
	for records, bytes := 0, 0; n < len(requests) && records < maxGroupRecords && bytes < maxGroupBytes; n++ {
		records += len(requests[n].candidates)
		bytes += requests[n].bytes
	}
	return n
}

// hurry takes the small requests that stand behind larger ones of other spools,
// and those between them.
func (q *queue) hurry() (group []*request) {
	large := slices.IndexFunc(q.requests, func(r *request) bool { return !r.small() })
	if large < 0 || !slices.ContainsFunc(q.requests[large:], (*request).small) {
		return nil
	}
	type spool struct {
		gateway mes.Gateway
		name    string
	}
	waits := make(map[spool]bool)
	var rest []*request
	for _, r := range q.requests {
		of := spool{r.batch.Gateway, r.batch.Spool}
		if !r.small() || waits[of] {
			waits[of] = true
			rest = append(rest, r)
		} else {
			group = append(group, r)
		}
	}
	n := fitting(group)
	q.requests = append(slices.Clip(group[n:]), rest...)
	return group[:n]
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
