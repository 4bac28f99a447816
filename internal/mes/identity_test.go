package mes_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/takt-mes/takt/internal/mes"
)

func TestEscape(t *testing.T) {
	for plain, want := range map[string]string{
		"": "", "C1": "C1", "L1.WND.07": "L1.WND.07", "a:b~c_d-e": "a:b~c_d-e", "%": "%25", "C 1": "C%201", "C1\x00": "C1%00",
		"\xff": "%FF", "=cmd": "%3Dcmd", "a/b": "a%2Fb", "é": "%C3%A9", "%41": "%2541", "\u202eC": "%E2%80%AEC",
	} {
		if got := mes.Escape(plain); got != want {
			t.Errorf("Escape(%q) = %q; want %q", plain, got, want)
		}
	}
	for _, bad := range []string{"%", "C%", "C%4", "C%4g", "C%g4", "%%41", "%-1", "% 1"} {
		if got, err := mes.Unescape(bad); mes.CodeOf(err) != mes.CodeInvalid || err == nil {
			t.Errorf("Unescape(%q) = %q, %v; want CodeInvalid", bad, got, err)
		}
	}
	if got, err := mes.Unescape("a%2fb c"); got != "a/b c" || err != nil {
		t.Errorf("Unescape of small digits and a byte that could be escaped = %q, %v", got, err)
	}
}

// TestEscapeRoundTrip takes any bytes through Escape and back; two ids never
// look alike, and none hurts a terminal or a URL.
func TestEscapeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := string(rapid.SliceOf(rapid.Byte()).Draw(t, "a")), string(rapid.SliceOf(rapid.Byte()).Draw(t, "b"))
		escaped := mes.Escape(a)
		if back, err := mes.Unescape(escaped); err != nil || back != a {
			t.Fatalf("%q is escaped as %q and comes back as %q, %v", a, escaped, back, err)
		}
		if a != b && escaped == mes.Escape(b) {
			t.Fatalf("%q and %q are both escaped as %q", a, b, escaped)
		}
		if strings.ContainsFunc(escaped, func(r rune) bool {
			return r > unicode.MaxASCII || !unicode.IsPrint(r) || strings.ContainsRune(` /?#"'<>=`, r)
		}) {
			t.Fatalf("%q is escaped as %q", a, escaped)
		}
		thing := mes.Thing{Kind: mes.RefItem, ID: mes.ID(a)}
		if back, err := mes.ParseThing(thing.String()); a != "" && (err != nil || back != thing) {
			t.Fatalf("%q is named %s and parsed as %+v, %v", a, thing, back, err)
		}
	})
}

func TestIdentityOrder(t *testing.T) {
	order := []mes.Identity{
		{Source: "A", Epoch: 1, Sequence: 9},
		{Source: "A", Epoch: 2, Sequence: 1},
		{Source: "A", Epoch: 10, Sequence: 1},
		{Source: "A\x00", Epoch: 1, Sequence: 1},
		{Source: "B", Epoch: 1, Sequence: 1},
		{Source: "B", Epoch: 1, Sequence: 10},
	}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%s compared with %s = %d; want %d", a, b, got, want)
			}
		}
	}
}
