package plc

import (
	"context"
	"sync"
)

// connectsAtOnce is how many PLCs of a gateway are connected to at a time. After
// a power cut all of them come back together, and on a small machine thirty
// sessions that are set up at once time each other out, again and again.
const connectsAtOnce = 4

// turns hands out the right to set a session up. The zero value is ready.
type turns struct {
	once sync.Once
	free chan struct{}
}

// take waits for a turn, which must be given back.
func (t *turns) take(ctx context.Context) (giveBack func(), err error) {
	t.once.Do(func() { t.free = make(chan struct{}, connectsAtOnce) })
	select {
	case t.free <- struct{}{}:
		return func() { <-t.free }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
