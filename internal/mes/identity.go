package mes

import (
	"fmt"
	"strings"
)

// MaxIDBytes is how long an id may be.
const MaxIDBytes = 256

// ID is the name of an item, a lot, a carrier or a place, as exact bytes: it is
// never trimmed, folded or normalised, and need not be UTF-8. Print it with
// String, which escapes what a terminal or a URL would not survive.
type ID string

// String returns the id percent-encoded, as it stands in resource names.
func (id ID) String() string { return Escape(string(id)) }

// Source names what numbers its events: the record block of a PLC, a tester, a
// person's terminal. Exact bytes, as an ID.
type Source string

// String returns the source percent-encoded.
func (s Source) String() string { return Escape(string(s)) }

// EquipmentID names a place of the equipment hierarchy, as `L1.WND.07`. Exact
// bytes, as an ID.
type EquipmentID string

// String returns the equipment's id percent-encoded.
func (e EquipmentID) String() string { return Escape(string(e)) }

// Gateway names a sender of events; with the name of its spool it is the key
// of the transport's offsets. Exact bytes, as an ID.
type Gateway string

// String returns the gateway's name percent-encoded.
func (g Gateway) String() string { return Escape(string(g)) }

// Epoch counts the lives of a source: it goes up by one each time that the
// source begins to number anew. The first epoch is 1.
type Epoch uint64

// Sequence is the number that a source gave to an event within an epoch.
type Sequence uint64

// Offset is a place in a gateway's spool, dense from 1: what a stream goes on
// from. It says nothing about what an event is.
type Offset uint64

// Position is a place in the log, dense from 1 in the order of arrival.
type Position uint64

// Identity is what makes an event the same event, wherever and however often
// it arrives.
type Identity struct {
	// Source is who numbered the event.
	Source Source
	// Epoch is the life of the source in which it did; from 1.
	Epoch Epoch
	// Sequence is the number; a hole in the numbers is a fact, not an error.
	Sequence Sequence
}

// String returns the identity as `source:epoch:sequence`, the source escaped.
func (id Identity) String() string {
	return fmt.Sprintf("%s:%d:%d", id.Source, id.Epoch, id.Sequence)
}

// Compare orders identities by source, epoch and sequence.
func (id Identity) Compare(other Identity) int {
	switch {
	case id.Source != other.Source:
		return strings.Compare(string(id.Source), string(other.Source))
	case id.Epoch != other.Epoch:
		return compare(id.Epoch, other.Epoch)
	default:
		return compare(id.Sequence, other.Sequence)
	}
}

func compare[T ~uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Validate returns an error that names the field where the identity cannot be
// one: an empty or overlong source, an epoch or a sequence of 0.
func (id Identity) Validate() error {
	if err := validateID("identity.source", string(id.Source)); err != nil {
		return err
	}
	if id.Epoch == 0 {
		return Invalid("identity.epoch", "is 0; epochs count from 1")
	}
	if id.Sequence == 0 {
		return Invalid("identity.sequence", "is 0; sequences count from 1")
	}
	return nil
}

func (id *Identity) walk(c *codec) {
	octets(c, 1, &id.Source)
	number(c, 2, &id.Epoch)
	number(c, 3, &id.Sequence)
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:"

// Escape percent-encodes every byte of s but letters, digits and `-._~:`, so
// that exact bytes can stand in resource names, URLs and terminals.
func Escape(s string) string {
	clean := true
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) < 0 {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// Unescape undoes Escape. A byte that Escape would have encoded may stand for
// itself; a `%` must be followed by two hexadecimal digits.
func Unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", Invalid("id", fmt.Sprintf("%q ends within a %%-escape; write %%25 for a percent sign", s))
		}
		var v byte
		for _, d := range []byte(s[i+1 : i+3]) {
			switch {
			case d >= '0' && d <= '9':
				v = v<<4 | (d - '0')
			case d >= 'A' && d <= 'F':
				v = v<<4 | (d - 'A' + 10)
			case d >= 'a' && d <= 'f':
				v = v<<4 | (d - 'a' + 10)
			default:
				return "", Invalid("id", fmt.Sprintf("%q has a %%-escape that is not hexadecimal; write %%25 for a percent sign", s))
			}
		}
		b = append(b, v)
		i += 2
	}
	return string(b), nil
}

func validateID(field, id string) error {
	switch {
	case id == "":
		return Invalid(field, "is empty")
	case len(id) > MaxIDBytes:
		return Invalid(field, fmt.Sprintf("has %d bytes; at most %d are taken", len(id), MaxIDBytes))
	}
	return nil
}

func validateOptionalID(field, id string) error {
	if id == "" {
		return nil
	}
	return validateID(field, id)
}
