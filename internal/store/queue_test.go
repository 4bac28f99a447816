package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// TestQueueOrder puts requests into a queue and says which commits they come
// into. A letter is a spool; a small letter is a request of one record, a large
// one of several hundred.
func TestQueueOrder(t *testing.T) {
	for _, tc := range []struct{ name, put, commits string }{
		{"nothing but small ones", "a b a c", "abac"},
		{"nothing but large ones", "A B A", "AB A"},
		{"a small one behind others' large ones", "A B c", "c AB"},
		{"small ones before and between", "a A b B c", "abc AB"},
		{"a small one behind a large one of its own", "A a", "Aa"},
		{"only those that may go before", "A a b a", "b Aaa"},
		{"large ones have every other commit", "A B C d", "d AB C"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := newQueue(1 << 14)
			for name := range strings.FieldsSeq(tc.put) {
				r := &request{batch: Batch{Gateway: mes.Gateway(strings.ToLower(name)), Spool: name}, candidates: make([]candidate, 1)}
				r.batch.Spool = "s"
				if strings.ToUpper(name) == name {
					r.candidates = make([]candidate, maxGroupRecords/2)
				}
				if err := q.put(r); err != nil {
					t.Fatal(err)
				}
			}
			var commits []string
			for len(q.filled) > 0 {
				<-q.filled
				var commit strings.Builder
				group := q.take()
				for _, r := range group {
					name := r.batch.Gateway.String()
					if !r.small() {
						name = strings.ToUpper(name)
					}
					commit.WriteString(name)
				}
				commits = append(commits, commit.String())
				q.done(group)
			}
			if diff := cmp.Diff(tc.commits, strings.Join(commits, " ")); diff != "" {
				t.Errorf("commits mismatch (-want +got):\n%s", diff)
			}
			if left := fmt.Sprint(q.records, q.bytes, len(q.requests)); left != "0 0 0" {
				t.Errorf("%s records, bytes and requests are left", left)
			}
		})
	}
}

// TestHurryTakesTurns has small requests come without end: the large one that
// they overtake comes into the second commit.
func TestHurryTakesTurns(t *testing.T) {
	q := newQueue(1 << 14)
	put := func(gateway mes.Gateway, records int) {
		if err := q.put(&request{batch: Batch{Gateway: gateway}, candidates: make([]candidate, records)}); err != nil {
			t.Fatal(err)
		}
	}
	put("large", 100)
	for n := range 2 {
		put("small", 1)
		<-q.filled
		group := q.take()
		if has := len(group) == 2; has != (n == 1) {
			t.Errorf("commit %d has %d requests", n+1, len(group))
		}
	}
}
