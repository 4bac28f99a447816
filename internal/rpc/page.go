package rpc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/takt-mes/takt/internal/mes"
)

// token is where a page goes on. Clients see it as text without a meaning.
type token struct {
	// Store is the store that it is good for.
	Store string `json:"s"`
	// Question is a hash of the request that it belongs to.
	Question string `json:"q"`
	// Position is that of the view that the first page was read from.
	Position mes.Position `json:"p"`
	// After is where the page before ended, in the question's own terms.
	After uint64 `json:"a"`
	// Key is the same, where it is no number.
	Key []byte `json:"k,omitempty"`
}

// pageRequest is what paged requests have in common.
type pageRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// page is one page of a question.
type page struct {
	token
	size int
}

// readPage reads a request's page fields. Size is `usual` where unset.
//
// Errors: CodeInvalid for a size below 0 or above most, CodeTokenMismatch for a
// token of another question, CodeTokenForeign for one of another store.
func (s *Server) readPage(r pageRequest, usual, most int) (page, error) {
	p := page{token{Store: s.store.ID(), Question: question(r)}, int(r.GetPageSize())}
	switch {
	case p.size < 0 || p.size > most:
		return page{}, mes.Invalid("page_size", fmt.Sprintf("is %d; 1 to %d are taken, and 0 for %d", p.size, most, usual))
	case p.size == 0:
		p.size = usual
	}
	if r.GetPageToken() == "" {
		return p, nil
	}
	got, err := readToken(r.GetPageToken())
	switch {
	case err != nil || got.Question != p.Question:
		return page{}, mes.Errorf(mes.CodeTokenMismatch, "the page token belongs to another question; ask for the first page again")
	case got.Store != p.Store:
		return page{}, mes.Errorf(mes.CodeTokenForeign, "the page token belongs to another store; ask for the first page again")
	}
	p.token = got
	return p, nil
}

func readToken(s string) (token, error) {
	var t token
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	return t, err
}

func (t token) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// next returns the token of the page behind this one.
func (p page) next(at mes.Position, after uint64) string {
	t := p.token
	t.Position, t.After = at, after
	return t.String()
}

// question returns a hash of a request less its page fields.
func question(r proto.Message) string {
	c := proto.Clone(r).ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token", "resume_token", "min_position"} {
		if f := c.Descriptor().Fields().ByName(name); f != nil {
			c.Clear(f)
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.Interface())
	if err != nil {
		panic(err) // it came off the wire
	}
	sum := sha256.Sum256(append([]byte(c.Descriptor().FullName()), b...))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
