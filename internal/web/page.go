package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// page is where a page begins: behind how many rows, or behind which position,
// in the view of the first page. Its token is readable, as `200@51234`.
type page struct {
	after uint64
	at    mes.Position
}

func readPage(token string) (page, error) {
	if token == "" {
		return page{}, nil
	}
	after, at, ok := strings.Cut(token, "@")
	n, errAfter := strconv.ParseUint(after, 10, 64)
	position, errAt := strconv.ParseUint(at, 10, 64)
	if !ok || errAfter != nil || errAt != nil {
		return page{}, mes.Errorf(mes.CodeTokenMismatch, "%q is no page_token of this page; ask for the first page again", token)
	}
	return page{n, mes.Position(position)}, nil
}

func token(after uint64, at mes.Position) string { return fmt.Sprintf("%d@%d", after, at) }

// window counts the rows of a list and keeps those of one page.
type window struct {
	page
	n    uint64
	kept int
	more bool
}

// take counts a row and reports whether it is on the page.
func (w *window) take() bool {
	if w.n++; w.n <= w.after {
		return false
	}
	if w.kept == pageRows {
		w.more = true
		return false
	}
	w.kept++
	return true
}

// next returns the token of the page behind this one, empty where there is none.
func (w *window) next(at mes.Position) string {
	if !w.more {
		return ""
	}
	return token(w.after+uint64(w.kept), at) //nolint:gosec // at most pageRows
}
