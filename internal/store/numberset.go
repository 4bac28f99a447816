package store

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// numberSet is a set of numbers: a bit for each among others, and at most a page
// for one alone. The zero value is empty.
type numberSet struct {
	pages map[uint64]*numberPage
	// at is the page that was asked for last, last what its numbers begin with:
	// most numbers come next to the one before.
	at   *numberPage
	last uint64
}

// numberPage holds 512 numbers that begin alike.
type numberPage [8]uint64

const pageBits = 9

// page returns the page of a number, nil where it has none.
func (s *numberSet) page(n uint64) *numberPage {
	if s.at != nil && s.last == n>>pageBits {
		return s.at
	}
	page := s.pages[n>>pageBits]
	if page != nil {
		s.at, s.last = page, n>>pageBits
	}
	return page
}

// add adds a number, and reports whether it was not there.
func (s *numberSet) add(n uint64) bool {
	page := s.page(n)
	if page == nil {
		page = new(numberPage)
		if s.pages == nil {
			s.pages = make(map[uint64]*numberPage)
		}
		s.pages[n>>pageBits] = page
	}
	word, bit := &page[n>>6&7], uint64(1)<<(n&63)
	added := *word&bit == 0
	*word |= bit
	return added
}

// has reports whether a number is there.
func (s *numberSet) has(n uint64) bool {
	page := s.page(n)
	return page != nil && page[n>>6&7]&(1<<(n&63)) != 0
}

func (s *numberSet) empty() bool { return len(s.pages) == 0 }

// all yields the numbers, ascending.
func (s *numberSet) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, first := range slices.Sorted(maps.Keys(s.pages)) {
			for i, word := range s.pages[first] {
				for ; word != 0; word &= word - 1 {
					if !yield(first<<pageBits | uint64(i)<<6 | uint64(bits.TrailingZeros64(word))) { //nolint:gosec // an index is never negative
						return
					}
				}
			}
		}
	}
}

// runs yields the numbers, ascending, some at a time in a slice that is used
// again.
func (s *numberSet) runs() iter.Seq[[]uint64] {
	return func(yield func([]uint64) bool) {
		const atOnce = 1024
		run := make([]uint64, 0, atOnce)
		for n := range s.all() {
			if run = append(run, n); len(run) == atOnce {
				if !yield(run) {
					return
				}
				run = run[:0]
			}
		}
		if len(run) > 0 {
			yield(run)
		}
	}
}
