package rpc

import "testing"

// ReadAnyToken reads a token from outside. What can be read comes back the same
// when it is written.
func ReadAnyToken(t *testing.T, s string) {
	t.Helper()
	got, err := readToken(s)
	if err != nil {
		return
	}
	again, err := readToken(got.String())
	if err != nil || again.String() != got.String() {
		t.Errorf("token %q = %+v, written and read again %+v, %v", s, got, again, err)
	}
}
