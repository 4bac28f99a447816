package cli

import (
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// resource returns the resource name of what a person typed: an id, which may be
// percent-escaped, or the resource name itself, as answers show it.
func resource(collection, typed string) (string, error) {
	raw, err := mes.Unescape(strings.TrimPrefix(typed, collection+"/"))
	if err != nil {
		return "", err
	}
	if raw == "" {
		return "", mes.Invalid("the name", "is empty")
	}
	return collection + "/" + mes.Escape(raw), nil
}

// rawID returns the exact bytes of an id that a person typed.
func rawID(typed string) ([]byte, error) {
	raw, err := mes.Unescape(typed)
	return []byte(raw), err
}
