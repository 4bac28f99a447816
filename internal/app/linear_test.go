package app

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
)

// claim is what a client asked about one identity: that the service keep a record
// of it with some content, or, with content 0, what it has.
type claim struct{ identity, content int }

// outcome is what became of a claim.
type outcome struct {
	what outcomeKind
	// content is what was read, 0 for nothing.
	content int
}

type outcomeKind int

const (
	unknown outcomeKind = iota // no answer came: it may have happened, or happen later
	stored
	duplicate
	conflict
	read
)

// kept is what a store has of an identity: the content that came first, and
// whether the other one is in quarantine.
type kept struct {
	content     int
	quarantined bool
}

// register is what the store is to every client, identity by identity: what came
// first stays, what the store has already is a duplicate, be it in quarantine, and
// anything else a conflict.
var register = porcupine.Model{
	Init: func() any { return kept{} },
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make(map[int][]porcupine.Operation)
		for _, o := range history {
			i := o.Input.(claim).identity //nolint:forcetypeassert // all are claims
			parts[i] = append(parts[i], o)
		}
		var list [][]porcupine.Operation
		for _, p := range parts {
			list = append(list, p)
		}
		return list
	},
	Step: func(state, input, output any) (bool, any) {
		have, in, out := state.(kept), input.(claim), output.(outcome) //nolint:forcetypeassert // nothing else is in a history
		if in.content == 0 {
			return out.content == have.content, have
		}
		want := duplicate
		switch {
		case have.content == 0:
			want, have.content = stored, in.content
		case have.content != in.content && !have.quarantined:
			want, have.quarantined = conflict, true
		}
		return out.what == unknown || out.what == want, have
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// TestLinearizable has several clients send records of the same identities, with
// the same and with other content, and read them, while the service is killed
// again and again: what they were answered is what one after the other could have
// been answered by a store that does one thing at a time and forgets nothing.
func TestLinearizable(t *testing.T) {
	kills := 4
	if long() {
		kills = 60
	}
	const clients = 6
	dir := t.TempDir()
	bin := build(t, dir)
	addresses := filepath.Join(dir, "addresses")
	serve := func(grpc, http string) *process {
		return startProcess(t, bin, filepath.Join(dir, "serve.log"), "serve", "--data", filepath.Join(dir, "store"),
			"--grpc", grpc, "--http", http, "--address-file", addresses)
	}
	service := serve("127.0.0.1:0", "127.0.0.1:0")
	grpc, http := readAddresses(t, service, addresses)

	seed := seed(t)
	chance := rand.New(rand.NewPCG(seed, 0))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	start := time.Now()
	histories := make([][]porcupine.Operation, clients)
	var working sync.WaitGroup
	for n := range clients {
		c := claimant{t: t, addr: grpc, n: n, start: start, chance: rand.New(rand.NewPCG(seed, uint64(n)+1))}
		working.Go(func() {
			c.work(ctx)
			histories[n] = c.history
		})
	}
	for range kills {
		// The random moment is the point; nothing is waited for.
		<-time.After(time.Duration(200+chance.IntN(500)) * time.Millisecond)
		service.kill()
		service = serve(grpc, http)
	}
	waitForPosition(t, grpc, 0)
	<-time.After(500 * time.Millisecond) // of claims that nobody kills
	stop()
	working.Wait()
	service.interrupt()
	if err := service.wait(); err != nil {
		t.Errorf("end after an interrupt: %v", err)
	}

	history := slices.Concat(histories...)
	counts := make(map[outcomeKind]int)
	for _, o := range history {
		counts[o.Output.(outcome).what]++ //nolint:forcetypeassert // all are outcomes
	}
	t.Logf("%d kills, %d claims: %d stored, %d duplicates, %d conflicts, %d read, %d without an answer", kills, len(history),
		counts[stored], counts[duplicate], counts[conflict], counts[read], counts[unknown])
	for _, kind := range []outcomeKind{stored, duplicate, conflict, read} {
		if counts[kind] == 0 {
			t.Errorf("no outcome of kind %d: the test shows nothing", kind)
		}
	}
	const patience = 2 * time.Minute
	if got := porcupine.CheckOperationsTimeout(register, history, patience); got != porcupine.Ok {
		t.Errorf("what clients were answered is %s to one store", got)
	}
	// The control: a record that was there is gone when it is read again.
	for i, o := range slices.Backward(history) {
		if out := o.Output.(outcome); out.what == read && out.content != 0 { //nolint:forcetypeassert // all are outcomes
			history[i].Output = outcome{what: read}
			break
		}
	}
	if got := porcupine.CheckOperationsTimeout(register, history, patience); got != porcupine.Illegal {
		t.Errorf("a lost record is %s to one store: the test cannot fail", got)
	}
	checkStore(t, filepath.Join(dir, "store"))
}

// claimant is one client, with what it asked and was answered.
type claimant struct {
	t       *testing.T
	addr    string
	n       int
	start   time.Time
	chance  *rand.Rand
	client  *client.Client
	sent    int
	history []porcupine.Operation
}

// work makes claims until ctx ends. All clients are at the same few identities at
// a time, which are others from one moment to the next.
func (c *claimant) work(ctx context.Context) {
	var err error
	if c.client, err = client.Dial(client.Config{Addr: c.addr}); err != nil {
		c.t.Error(err)
		return
	}
	defer func() { _ = c.client.Close() }()
	for ctx.Err() == nil {
		const contents = 3 // one of which is to read
		in := claim{identity: int(time.Since(c.start)/(20*time.Millisecond)) + c.chance.IntN(3), content: c.chance.IntN(contents)}
		call := time.Since(c.start)
		out, err := c.claim(ctx, in)
		back := time.Since(c.start)
		if err != nil {
			<-time.After(20 * time.Millisecond) // until the service is there again
			if in.content == 0 {
				continue
			}
			out, back = outcome{what: unknown}, math.MaxInt64
		}
		c.history = append(c.history, porcupine.Operation{ClientId: c.n, Input: in, Call: int64(call), Output: out, Return: int64(back)})
	}
}

func (c *claimant) claim(ctx context.Context, in claim) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	item := "CELL-" + strconv.Itoa(in.identity)
	if in.content == 0 {
		record, err := c.client.ItemRecord(ctx, &taktv1.GetItemRecordRequest{Name: "items/" + item})
		switch {
		case mes.CodeOf(err) == mes.CodeNotFound:
			return outcome{what: read}, nil
		case err != nil:
			return outcome{}, err
		case len(record.GetEntries()) != 1:
			c.t.Errorf("%s has %d events of one identity", item, len(record.GetEntries()))
		}
		content, err := strconv.Atoi(record.GetEntries()[0].GetEvent().GetEvent().GetWork().GetPlace())
		return outcome{read, content}, err
	}
	event := mes.Event{EventTime: time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC), Fact: &mes.Work{
		Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(item)}}}, Place: strconv.Itoa(in.content),
	}}
	c.sent++
	total, err := c.client.AppendAll(ctx, client.Sender{Gateway: mes.Gateway(fmt.Sprintf("g%d", c.n)), Spool: strconv.Itoa(c.sent)}, nil,
		one(mes.Record{Identity: mes.Identity{Source: "P1", Epoch: 1, Sequence: mes.Sequence(in.identity) + 1}, Event: mes.AppendEvent(nil, &event)}), nil)
	switch {
	case err != nil:
		return outcome{}, err
	case total.Stored == 1:
		return outcome{what: stored}, nil
	case total.Duplicates == 1:
		return outcome{what: duplicate}, nil
	case total.Quarantined == 1:
		return outcome{what: conflict}, nil
	}
	c.t.Errorf("%v became %+v", in, total)
	return outcome{}, nil
}

func one(r mes.Record) iter.Seq2[mes.Record, error] {
	return func(yield func(mes.Record, error) bool) { yield(r, nil) }
}
