package rpc_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
)

const traced = 6500

// consumed starts a server where a lot went into 6,500 cells.
func consumed(t *testing.T) *site {
	t.Helper()
	at := newSite(t, rpc.Config{})
	stream := open(t, at.conn)
	if _, err := stream.call(opening("g", "s")); err != nil {
		t.Fatal(err)
	}
	for first := 1; first <= traced; first += 650 {
		var records []*taktv1.Record
		for i := first; i < first+650; i++ {
			records = append(records, record("S", uint64(i), event(mes.Event{Equipment: "L1.FIL.01", ProcessSegment: "filling", Fact: &mes.Work{
				Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%04d", i))}}},
				Consumed: []mes.Actual{{Ref: mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: "E"}}}},
			}})))
		}
		if _, err := stream.call(batch(uint64(first), records...)); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// consumeLate has the lot go into one more cell, which no stream that goes on from
// before knows of.
func (at *site) consumeLate(t *testing.T) {
	t.Helper()
	stream := open(t, at.conn)
	if _, err := stream.call(opening("g2", "s")); err != nil {
		t.Fatal(err)
	}
	late := event(mes.Event{Equipment: "L1.FIL.01", Fact: &mes.Work{
		Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: "LATE"}}},
		Consumed: []mes.Actual{{Ref: mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: "E"}}}},
	}})
	if _, err := stream.call(batch(1, record("S2", 1, late))); err != nil {
		t.Fatal(err)
	}
}

func streamRequest(token string) *taktv1.StreamGenealogyRequest {
	return &taktv1.StreamGenealogyRequest{Thing: "lots/E", Direction: taktv1.Direction_DIRECTION_FORWARD, ResumeToken: token}
}

// stream reads a trace from a token on: its edges, and the responses.
func (at *site) stream(t *testing.T, token string) (edges []*taktv1.GenealogyEdge, responses []*taktv1.StreamGenealogyResponse) {
	t.Helper()
	stream, err := taktv1.NewGenealogyServiceClient(at.conn).StreamGenealogy(t.Context(), streamRequest(token))
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatalf("the stream ended before it was complete: %v", err)
		}
		edges, responses = append(edges, m.GetEdges()...), append(responses, m)
		if m.GetComplete() {
			return edges, responses
		}
	}
}

// TestStreamIsThePages compares a stream with pages, and goes on from some of
// its tokens after more was appended.
func TestStreamIsThePages(t *testing.T) {
	t.Parallel()
	at := consumed(t)
	var want []*taktv1.GenealogyEdge
	for token := ""; ; {
		m, err := taktv1.NewGenealogyServiceClient(at.conn).TraceGenealogy(t.Context(), &taktv1.TraceGenealogyRequest{
			Thing: "lots/E", Direction: taktv1.Direction_DIRECTION_FORWARD, PageSize: 970, PageToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, m.GetEdges()...)
		if token = m.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(want) != traced {
		t.Fatalf("the pages have %d edges; want %d", len(want), traced)
	}
	got, responses := at.stream(t, "")
	same := func(a, b []*taktv1.GenealogyEdge) bool { // cmp.Diff takes seconds for as many
		return slices.EqualFunc(a, b, func(a, b *taktv1.GenealogyEdge) bool { return proto.Equal(a, b) })
	}
	if !same(want, got) {
		t.Errorf("the stream has %d edges, and not those of the pages, which are %d", len(got), len(want))
	}
	if len(responses) < 3 {
		t.Fatalf("the stream has %d responses; want some", len(responses))
	}
	at.consumeLate(t)
	had := 0
	for i, r := range responses[:len(responses)-1] {
		had += len(r.GetEdges())
		if i%5 != 1 {
			continue
		}
		rest, _ := at.stream(t, r.GetResumeToken())
		if !same(want[had:], rest) {
			t.Errorf("the stream behind %d edges has %d, and not those of the pages", had, len(rest))
		}
	}
	if all, _ := at.stream(t, ""); len(all) != traced+1 {
		t.Errorf("a new stream has %d edges; want %d", len(all), traced+1)
	}
	bad, err := taktv1.NewGenealogyServiceClient(at.conn).StreamGenealogy(t.Context(), &taktv1.StreamGenealogyRequest{
		Thing: "items/C0001", Direction: taktv1.Direction_DIRECTION_FORWARD, ResumeToken: responses[0].GetResumeToken(),
	})
	if err == nil {
		_, err = bad.Recv()
	}
	wantError(t, "the token of another trace", err, codes.InvalidArgument, "TOKEN_MISMATCH")
}

// TestStreamOfThings goes on with a stream of things alone from each of its
// tokens, after more was appended.
func TestStreamOfThings(t *testing.T) {
	t.Parallel()
	at := consumed(t)
	edges, _ := at.stream(t, "")
	want := make([]string, 0, len(edges))
	for _, e := range edges {
		want = append(want, e.GetOutput())
	}
	slices.Sort(want)
	all, responses := at.things(t, "")
	if got := slices.Sorted(slices.Values(all)); !slices.Equal(want, got) {
		t.Errorf("the stream has %d things, and not those of the edges, which are %d", len(got), len(want))
	}
	if len(responses) < 2 {
		t.Fatalf("the stream has %d responses; want some", len(responses))
	}
	at.consumeLate(t)
	had := 0
	for _, r := range responses[:len(responses)-1] {
		for _, alike := range r.GetThings() {
			had += len(alike.GetIds())
		}
		if rest, _ := at.things(t, r.GetResumeToken()); !slices.Equal(all[had:], rest) {
			t.Errorf("the stream behind %d things has %d, and not the rest of %d", had, len(rest), len(all))
		}
	}
	if again, _ := at.things(t, ""); len(again) != len(all)+1 {
		t.Errorf("a new stream has %d things; want %d", len(again), len(all)+1)
	}
	bad, err := taktv1.NewGenealogyServiceClient(at.conn).StreamGenealogy(t.Context(), streamRequest(responses[0].GetResumeToken()))
	if err == nil {
		_, err = bad.Recv()
	}
	wantError(t, "a token of things for edges", err, codes.InvalidArgument, "TOKEN_MISMATCH")
}

// things reads the things of a trace from a token on: their names, and the
// responses.
func (at *site) things(t *testing.T, token string) (names []string, responses []*taktv1.StreamGenealogyResponse) {
	t.Helper()
	request := streamRequest(token)
	request.ThingsOnly = true
	stream, err := taktv1.NewGenealogyServiceClient(at.conn).StreamGenealogy(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatalf("the stream ended before it was complete: %v", err)
		}
		for _, alike := range m.GetThings() {
			for _, id := range alike.GetIds() {
				names = append(names, alike.GetCollection()+"/"+mes.ID(id).String())
			}
		}
		if responses = append(responses, m); m.GetComplete() {
			return names, responses
		}
	}
}

// TestSlowStream leaves two streams unread: others are served meanwhile. Then one
// is cancelled, which ends it, and the other one is read, and is whole.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	at := consumed(t)
	ctx, cancel := context.WithCancel(t.Context())
	// What is on its way to a client is less than the answer.
	narrow := func() taktv1.GenealogyServiceClient {
		return taktv1.NewGenealogyServiceClient(at.dial(t, grpc.WithInitialWindowSize(1<<16), grpc.WithInitialConnWindowSize(1<<16)))
	}
	stream, err := narrow().StreamGenealogy(ctx, streamRequest(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	other, err := narrow().StreamGenealogy(t.Context(), streamRequest(""))
	if err != nil {
		t.Fatal(err)
	}
	at.lives(t)
	if edges, _ := at.stream(t, ""); len(edges) != traced {
		t.Errorf("beside a slow stream %d edges; want %d", len(edges), traced)
	}
	cancel()
	for err = nil; err == nil; {
		_, err = stream.Recv()
	}
	wantError(t, "a cancelled stream", err, codes.Canceled, "")
	n := 0
	for complete := false; !complete; {
		m, err := other.Recv()
		if err != nil {
			t.Fatal(err)
		}
		n, complete = n+len(m.GetEdges()), m.GetComplete()
	}
	if n != traced {
		t.Errorf("the slow stream has %d edges; want %d", n, traced)
	}
}
