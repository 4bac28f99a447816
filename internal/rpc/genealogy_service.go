package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/wire"
)

type genealogyService struct {
	taktv1.UnimplementedGenealogyServiceServer
	*Server
}

// traceRequest is what both ways to ask for a trace have in common.
type traceRequest interface {
	GetThing() string
	GetDirection() taktv1.Direction
	GetMaxDepth() int32
	GetMinPosition() uint64
}

// traceVisit takes an edge, the nth of its trace from 1, and its size. It returns
// false to end the walk.
type traceVisit func(v *store.View, m *taktv1.GenealogyEdge, n uint64, size int) (bool, error)

// begin reads where a trace starts and which way it goes, and calls fn with them
// in a view, as of t.Position where there is one.
func (s *genealogyService) begin(ctx context.Context, t token, r traceRequest, fn func(*store.View, mes.Thing, genealogy.Direction) error) error {
	start, err := mes.ParseThing(r.GetThing())
	if err != nil {
		return err
	}
	var way genealogy.Direction
	switch r.GetDirection() {
	case taktv1.Direction_DIRECTION_BACKWARD:
		way = genealogy.Backward
	case taktv1.Direction_DIRECTION_FORWARD:
		way = genealogy.Forward
	default:
		return mes.Invalid("direction", "must be backward or forward")
	}
	if r.GetMaxDepth() < 0 {
		return mes.Invalid("max_depth", "is negative; 0 is for all")
	}
	return s.view(ctx, t, r.GetMinPosition(), func(v *store.View) error {
		if start, err = v.Resolve(start); err != nil {
			return err
		}
		return fn(v, start, way)
	})
}

// trace walks from where a request says, and visits the edges behind the first
// t.After of them. It calls begin with the view before the first.
func (s *genealogyService) trace(ctx context.Context, t token, r traceRequest, begin func(*store.View), visit traceVisit) error {
	return s.begin(ctx, t, r, func(v *store.View, start mes.Thing, way genealogy.Direction) error {
		begin(v)
		var n uint64
		for e, err := range v.Trace(start, way, int(r.GetMaxDepth())) {
			if err != nil {
				return err
			}
			if n++; n <= t.After {
				continue
			}
			m, err := wire.Edge(e, v.Definition)
			if err != nil {
				return err
			}
			if more, err := visit(v, m, n, proto.Size(m)); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

// TraceGenealogy implements the API. Each page walks from the start again and
// leaves out what the pages before had, as of the first page's position.
func (s *genealogyService) TraceGenealogy(ctx context.Context, r *taktv1.TraceGenealogyRequest) (*taktv1.TraceGenealogyResponse, error) {
	p, err := s.readPage(r, 1000, 10_000)
	if err != nil {
		return nil, err
	}
	response, size := new(taktv1.TraceGenealogyResponse), 0
	begin := func(v *store.View) { response.Position = uint64(v.Position()) }
	return response, s.trace(ctx, p.token, r, begin, func(v *store.View, m *taktv1.GenealogyEdge, n uint64, bytes int) (bool, error) {
		if len(response.GetEdges()) == p.size || size > maxAnswerBytes {
			response.NextPageToken = p.next(v.Position(), n-1)
			return false, nil
		}
		size += bytes
		response.Edges = append(response.Edges, m)
		return true, nil
	})
}

const (
	// chunkEdges or chunkThings, and chunkBytes, are about how much one response
	// of a stream has.
	chunkEdges  = 500
	chunkThings = 1024
	chunkBytes  = 256 << 10
	// patience is how long a walk keeps hold of the files while it waits for who
	// reads it, and maxHold how long in any case: while it does, the pages that
	// seals free cannot be used again, and the file of the indexes grows.
	patience = time.Second
	maxHold  = 10 * time.Second
)

// StreamGenealogy implements the API. This goroutine walks, another one sends: a
// reader that is slow holds up its own walk only, which lets go of the files. The
// last chunk, which mostly is the only one, waits for nobody.
func (s *genealogyService) StreamGenealogy(r *taktv1.StreamGenealogyRequest, stream taktv1.GenealogyService_StreamGenealogyServer) error {
	at, err := s.readResume(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	chunks, sent := make(chan *taktv1.StreamGenealogyResponse), make(chan error, 1)
	go func() {
		var err error
		for chunk := range chunks {
			if err == nil {
				if err = stream.Send(chunk); err != nil {
					cancel()
				}
			}
		}
		sent <- err
	}()
	last, err := s.walk(ctx, at, r, chunks)
	if sending := <-sent; sending != nil {
		return sending
	}
	if err != nil {
		return err
	}
	return stream.Send(last)
}

// readResume returns where a stream begins: at its resume token, if it has one.
//
// Errors: CodeTokenMismatch for a token of another question, CodeTokenForeign
// for one of another store.
func (s *Server) readResume(r *taktv1.StreamGenealogyRequest) (token, error) {
	at := token{Store: s.store.ID(), Question: question(r)}
	if r.GetResumeToken() == "" {
		return at, nil
	}
	got, err := readToken(r.GetResumeToken())
	switch {
	case err != nil || got.Question != at.Question:
		return token{}, mes.Errorf(mes.CodeTokenMismatch, "the resume token belongs to another question; ask from the beginning")
	case got.Store != at.Store:
		return token{}, mes.Errorf(mes.CodeTokenForeign, "the resume token belongs to another store; ask from the beginning")
	}
	return got, nil
}

// walk hands on what a trace finds in chunks, closes them, and returns the last one,
// which is complete.
func (s *genealogyService) walk(ctx context.Context, at token, r *taktv1.StreamGenealogyRequest, chunks chan<- *taktv1.StreamGenealogyResponse) (*taktv1.StreamGenealogyResponse, error) {
	defer close(chunks)
	h := handing{at: at, chunks: chunks, chunk: new(taktv1.StreamGenealogyResponse), held: time.Now()}
	var err error
	if r.GetThingsOnly() {
		err = s.reach(ctx, r, &h)
	} else {
		begin := func(v *store.View) { h.at.Position = v.Position() }
		err = s.trace(ctx, at, r, begin, func(v *store.View, m *taktv1.GenealogyEdge, n uint64, bytes int) (bool, error) {
			err := h.room(ctx, v, n, bytes, chunkEdges)
			h.chunk.Edges = append(h.chunk.Edges, m)
			return true, err
		})
	}
	h.chunk.Position, h.chunk.Complete = uint64(h.at.Position), true
	return h.chunk, err
}

// reach puts the things that a trace leads to into chunks, those one behind the
// other that have the same said of them together.
func (s *genealogyService) reach(ctx context.Context, r *taktv1.StreamGenealogyRequest, h *handing) error {
	after := h.at.After
	var ids slab
	return s.begin(ctx, h.at, r, func(v *store.View, start mes.Thing, way genealogy.Direction) error {
		h.at.Position = v.Position()
		var n uint64
		var last store.Reached
		for t, err := range v.Reach(start, way, int(r.GetMaxDepth())) {
			if err != nil {
				return err
			}
			if n++; n <= after {
				continue
			}
			if err := h.room(ctx, v, n, len(t.Thing.ID), chunkThings); err != nil {
				return err
			}
			if groups := len(h.chunk.GetThings()); groups == 0 || !wire.Alike(t, last) {
				h.chunk.Things = append(h.chunk.Things, wire.ReachedThings(t))
			}
			last = t
			group := h.chunk.GetThings()[len(h.chunk.GetThings())-1]
			group.Ids = append(group.Ids, ids.add(string(t.Thing.ID)))
		}
		return nil
	})
}

// slab is bytes for many small texts.
type slab []byte

// add returns a text as bytes that nobody else has.
func (s *slab) add(text string) []byte {
	if len(text) > cap(*s)-len(*s) {
		*s = make([]byte, 0, max(len(text), min(2*cap(*s), 1<<14), 1<<8))
	}
	from := len(*s)
	*s = append(*s, text...)
	return (*s)[from:len(*s):len(*s)]
}

// handing hands on what a walk finds.
type handing struct {
	// at is where a stream goes on that breaks behind the chunk.
	at     token
	chunks chan<- *taktv1.StreamGenealogyResponse
	// chunk is what is not handed on yet: so many edges or things, and about so
	// many bytes.
	chunk       *taktv1.StreamGenealogyResponse
	count, size int
	// held is since when the view has had hold of the files.
	held time.Time
}

// room makes room for the nth that a walk found, of which a chunk takes at most
// so many: where the chunk is full, it hands it on and begins another.
func (h *handing) room(ctx context.Context, v *store.View, n uint64, bytes, most int) error {
	if h.count < most && h.size < chunkBytes {
		h.count, h.size = h.count+1, h.size+bytes
		return nil
	}
	h.at.After = n - 1
	h.chunk.Position, h.chunk.ResumeToken = uint64(h.at.Position), h.at.String()
	waited, err := hand(ctx, v, h.chunk, h.chunks)
	if err == nil && !waited && time.Since(h.held) > maxHold {
		waited, err = true, v.Pause(func() error { return nil })
	}
	if waited {
		h.held = time.Now()
	}
	h.chunk, h.count, h.size = new(taktv1.StreamGenealogyResponse), 1, bytes
	return err
}

// hand hands on a chunk, and lets go of the view's files where that takes long.
func hand(ctx context.Context, v *store.View, chunk *taktv1.StreamGenealogyResponse, chunks chan<- *taktv1.StreamGenealogyResponse) (waited bool, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case chunks <- chunk:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
	}
	return true, v.Pause(func() error {
		select {
		case chunks <- chunk:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
