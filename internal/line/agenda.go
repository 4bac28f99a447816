package line

// actor is what has something to do at a moment.
type actor interface {
	// act does it. What stage means is the actor's own.
	act(now moment, stage int)
}

// activity is an entry of the agenda.
type activity struct {
	at    moment
	order uint64
	actor actor
	stage int
}

func (a *activity) before(b *activity) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}

// agenda holds what is to be done, and gives it back in the order of time;
// equal times in the order in which they were put in, so that a run can be
// repeated.
type agenda struct {
	heap  []activity
	count uint64
}

// plan puts an activity in.
func (g *agenda) plan(at moment, who actor, stage int) {
	g.count++
	g.heap = append(g.heap, activity{at, g.count, who, stage})
	i := len(g.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !g.heap[i].before(&g.heap[up]) {
			break
		}
		g.heap[i], g.heap[up] = g.heap[up], g.heap[i]
		i = up
	}
}

// next takes the first activity out; there must be one.
func (g *agenda) next() activity {
	first := g.heap[0]
	last := len(g.heap) - 1
	g.heap[0] = g.heap[last]
	g.heap[last] = activity{}
	g.heap = g.heap[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first
		}
		if down+1 < last && g.heap[down+1].before(&g.heap[down]) {
			down++
		}
		if !g.heap[down].before(&g.heap[i]) {
			return first
		}
		g.heap[i], g.heap[down] = g.heap[down], g.heap[i]
		i = down
	}
}

// queue is what waits, first in, first out.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(item T) { q.items = append(q.items, item) }

// pop takes the first one out; there must be one.
func (q *queue[T]) pop() T {
	item := q.items[q.head]
	q.items[q.head] = *new(T)
	q.head++
	if q.head >= 64 && 2*q.head >= len(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	return item
}
