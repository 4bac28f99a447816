package sim

import (
	"iter"
	"sync"
)

// Bounds of Ahead.
const (
	aheadBatch   = 256
	aheadBatches = 4
)

// Ahead yields what a sequence does, which it runs in a goroutine of its own: it
// is some batches ahead of whoever takes them, and ends with them.
func Ahead[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		batches := make(chan []T, aheadBatches)
		enough := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() {
			defer close(batches)
			batch := make([]T, 0, aheadBatch)
			put := func() bool {
				select {
				case batches <- batch:
					batch = make([]T, 0, aheadBatch)
					return true
				case <-enough:
					return false
				}
			}
			for v := range seq {
				if batch = append(batch, v); len(batch) == aheadBatch && !put() {
					return
				}
			}
			put()
		})
		defer running.Wait()
		defer close(enough)
		for batch := range batches {
			for _, v := range batch {
				if !yield(v) {
					return
				}
			}
		}
	}
}
