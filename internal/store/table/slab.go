package table

// slab gives out memory in small pieces, each of which stays whose it is. It asks
// for it in larger ones: the more it gave out, the larger.
type slab struct {
	rest []byte
	size int
}

// room returns so many bytes that nobody else has.
func (s *slab) room(n int) []byte {
	const least, most = 1 << 8, 1 << 16
	if n > len(s.rest) {
		s.size = min(max(least, 2*s.size), most)
		if n > s.size/8 {
			return make([]byte, n)
		}
		s.rest = make([]byte, s.size)
	}
	b := s.rest[:n:n]
	s.rest = s.rest[n:]
	return b
}

// keep returns a copy, which is not nil.
func (s *slab) keep(b []byte) []byte {
	if len(b) == 0 {
		return []byte{}
	}
	kept := s.room(len(b))
	copy(kept, b)
	return kept
}
