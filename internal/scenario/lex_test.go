package scenario_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// line is a line of a scenario in words. A word in double quotes may have
// spaces in it.
type line struct {
	words []string
}

func lex(text string) (*line, error) {
	var l line
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] != '"' {
			word, rest, _ := strings.Cut(text, " ")
			l.words, text = append(l.words, word), rest
			continue
		}
		word, rest, closed := strings.Cut(text[1:], `"`)
		if !closed {
			return nil, fmt.Errorf("a quotation is not closed: %s", text)
		}
		l.words, text = append(l.words, word), rest
	}
	return &l, nil
}

// next returns the next word, empty at the end.
func (l *line) next() string {
	if len(l.words) == 0 {
		return ""
	}
	word := l.words[0]
	l.words = l.words[1:]
	return word
}

// accept skips a word where it is the next one.
func (l *line) accept(word string) bool {
	if len(l.words) == 0 || l.words[0] != word {
		return false
	}
	l.words = l.words[1:]
	return true
}

// until returns the words up to one of those given, or the end.
func (l *line) until(keywords ...string) (words []string) {
	for len(l.words) > 0 {
		if slices.Contains(keywords, l.words[0]) {
			return words
		}
		words = append(words, l.next())
	}
	return words
}

func (l *line) end() error {
	if len(l.words) > 0 {
		return fmt.Errorf("%q is too much", strings.Join(l.words, " "))
	}
	return nil
}

// cutSuffix cuts what stands in text from the first of a set of signs on.
func cutSuffix(text, signs string) (before, from string) {
	i := strings.IndexAny(text, signs)
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i:]
}

// parseRef reads a thing as `items/C1` or `items/C1(cell)`.
func parseRef(s string) (mes.Ref, error) {
	name, definition := cutSuffix(s, "(")
	if definition != "" {
		if !strings.HasSuffix(definition, ")") {
			return mes.Ref{}, fmt.Errorf("%s: the definition is not closed", s)
		}
		definition = definition[1 : len(definition)-1]
	}
	t, err := mes.ParseThing(name)
	return mes.Ref{Thing: t, MaterialDefinition: definition}, err
}

func parseRefs(words []string) ([]mes.Ref, error) {
	var refs []mes.Ref
	for _, w := range words {
		ref, err := parseRef(w)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// parseActual reads `lots/K1(coil)@cathode#4[100..105.2±3]=5.2m`, of which all
// but the thing, or else the slot, may be missing.
func parseActual(s string) (a mes.Actual, err error) {
	var thing, rest string
	if i := strings.LastIndex(s, ")"); i >= 0 {
		thing, rest = s[:i+1], s[i+1:]
	} else {
		thing, rest = cutSuffix(s, "@#[=")
	}
	if thing != "" {
		if a.Ref, err = parseRef(thing); err != nil {
			return a, err
		}
	}
	if strings.HasPrefix(rest, "@") {
		a.Slot, rest = cutSuffix(rest[1:], "#[=")
	}
	var interval string
	if interval, rest = cutSuffix(rest, "="); interval != "" {
		if a.Interval, err = parseInterval(interval); err != nil {
			return a, err
		}
	}
	if rest != "" {
		a.Quantity, err = parseQuantity(rest[1:])
	}
	return a, err
}

func parseActuals(words []string) ([]mes.Actual, error) {
	var actuals []mes.Actual
	for _, w := range words {
		a, err := parseActual(w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
		actuals = append(actuals, a)
	}
	return actuals, nil
}

// parseInterval reads `#4[100..105.2±3]`: lane, from, to and how far off the
// ends may be, in metres.
func parseInterval(s string) (*mes.Interval, error) {
	i := new(mes.Interval)
	lane, bounds := cutSuffix(s, "[")
	if lane != "" {
		if _, err := fmt.Sscanf(lane, "#%d", &i.Lane); err != nil {
			return nil, fmt.Errorf("%s is no lane", lane)
		}
	}
	bounds, closed := strings.CutSuffix(strings.TrimPrefix(bounds, "["), "]")
	from, to, both := strings.Cut(bounds, "..")
	if !closed || !both {
		return nil, fmt.Errorf("%s is no interval; write [from..to] in metres", s)
	}
	to, delta, _ := strings.Cut(to, "±")
	for _, part := range []struct {
		text string
		of   *mes.Micrometres
	}{{from, &i.From}, {to, &i.To}, {delta, &i.Delta}} {
		if part.text == "" {
			continue
		}
		m, err := parseMetres(part.text)
		if err != nil {
			return nil, err
		}
		*part.of = m
	}
	return i, nil
}

func parseMetres(s string) (mes.Micrometres, error) {
	d, err := mes.ParseDecimal(s)
	if err != nil {
		return 0, err
	}
	m := d.Coefficient
	for e := d.Exponent + 6; e != 0; e-- {
		if e < 0 {
			return 0, fmt.Errorf("%s m is finer than a micrometre", s)
		}
		m *= 10
	}
	return mes.Micrometres(m), nil
}

// parseQuantity reads `12.5kg`.
func parseQuantity(s string) (*mes.Quantity, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("+-.0123456789", r) })
	if i < 0 {
		return nil, fmt.Errorf("%s has no unit", s)
	}
	value, err := mes.ParseDecimal(s[:i])
	return &mes.Quantity{Value: value, Unit: s[i:]}, err
}

// parseIdentity reads `WND:3`, or `WND:2:3` where the epoch is not the first.
func parseIdentity(s string) (id mes.Identity, err error) {
	parts := strings.Split(s, ":")
	id.Epoch = 1
	switch len(parts) {
	case 2:
		_, err = fmt.Sscan(parts[1], &id.Sequence)
	case 3:
		_, err = fmt.Sscan(parts[1]+" "+parts[2], &id.Epoch, &id.Sequence)
	default:
		err = fmt.Errorf("%s is no identity", s)
	}
	if err != nil {
		return id, err
	}
	source, err := mes.Unescape(parts[0])
	id.Source = mes.Source(source)
	return id, err
}

// label is what parseIdentity reads.
func label(id mes.Identity) string {
	if id.Epoch == 1 {
		return fmt.Sprintf("%s:%d", id.Source, id.Sequence)
	}
	return id.String()
}
