package client

import (
	"context"
	"errors"
	"io"
	"iter"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

// Trace yields what StreamGenealogy answers, response by response: the last one
// is complete. A stream that breaks is opened once more from where it broke, as
// long as it brings something each time. It stops at the first error that this
// does not mend, which it yields; a stream that ended before it was complete is
// one, with CodeUnavailable.
func (c *Client) Trace(ctx context.Context, r *taktv1.StreamGenealogyRequest) iter.Seq2[*taktv1.StreamGenealogyResponse, error] {
	return func(yield func(*taktv1.StreamGenealogyResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		request := &taktv1.StreamGenealogyRequest{
			Thing: r.GetThing(), Direction: r.GetDirection(), MaxDepth: r.GetMaxDepth(),
			ResumeToken: r.GetResumeToken(), MinPosition: r.GetMinPosition(), ThingsOnly: r.GetThingsOnly(),
		}
		for {
			before := request.GetResumeToken()
			more, err := c.traceOn(ctx, request, yield)
			if !more {
				return
			}
			if mes.CodeOf(err) != mes.CodeUnavailable || request.GetResumeToken() == before {
				yield(nil, err)
				return
			}
		}
	}
}

// traceOn yields the responses of one stream, and leaves in the request where
// the next one goes on. It returns false where nothing is to be yielded any more.
func (c *Client) traceOn(ctx context.Context, r *taktv1.StreamGenealogyRequest, yield func(*taktv1.StreamGenealogyResponse, error) bool) (more bool, err error) {
	stream, err := taktv1.NewGenealogyServiceClient(c.conn).StreamGenealogy(ctx, r)
	if err != nil {
		return true, wire.Error(err)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return true, mes.Errorf(mes.CodeUnavailable, "the trace ended before it was complete")
		}
		if err != nil {
			return true, wire.Error(err)
		}
		if !yield(response, nil) || response.GetComplete() {
			return false, nil
		}
		r.ResumeToken = response.GetResumeToken()
	}
}
