package store

import "testing"

// SmallMapping has files outgrow their mapping soon, as long as a test lasts.
func SmallMapping(t *testing.T) {
	t.Helper()
	before := mapBytes
	mapBytes = 0
	t.Cleanup(func() { mapBytes = before })
}
