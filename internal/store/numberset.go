package store

// numberSet is a set of numbers. It needs a bit for a number among others, and
// at most a page for one alone.
type numberSet map[uint64]*numberPage

// numberPage holds 512 numbers that begin alike.
type numberPage [8]uint64

const pageBits = 9

// add adds a number, and reports whether it was not there.
func (s numberSet) add(n uint64) bool {
	page := s[n>>pageBits]
	if page == nil {
		page = new(numberPage)
		s[n>>pageBits] = page
	}
	word, bit := &page[n>>6&7], uint64(1)<<(n&63)
	added := *word&bit == 0
	*word |= bit
	return added
}

// has reports whether a number is there.
func (s numberSet) has(n uint64) bool {
	page := s[n>>pageBits]
	return page != nil && page[n>>6&7]&(1<<(n&63)) != 0
}
