package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/takt-mes/takt/internal/mes"
)

// The forms of an answer.
const (
	formTable = "table"
	formJSON  = "json"
	formCSV   = "csv"
)

// checkForm refuses a form that there is not.
func checkForm(cmd *cobra.Command, form string) error {
	switch form {
	case formTable, formJSON, formCSV:
		return nil
	}
	return usage(cmd, "-o %s is not table, json or csv", form)
}

// output writes an answer: as a table for people, as JSON or CSV for programs.
// Rows are held until flush, so that a long answer is written piece by piece.
type output struct {
	form    string
	w       io.Writer
	columns []column
	widths  []int
	rows    [][]string
	headed  bool
}

// column is one column of a table.
type column struct {
	name string
	// right puts numbers under one another.
	right bool
}

// columns makes columns of names; one that ends in `>` is set to the right.
func columns(names ...string) []column {
	list := make([]column, len(names))
	for i, name := range names {
		list[i].name, list[i].right = strings.CutSuffix(name, ">")
	}
	return list
}

// header begins a table.
func (o *output) header(names ...string) {
	o.columns = columns(names...)
	o.widths = make([]int, len(names))
	o.headed = false
}

// row adds a row; cells are in the order of the columns.
func (o *output) row(cells ...string) {
	for i := range cells {
		cells[i] = mes.Printable(cells[i])
	}
	o.rows = append(o.rows, cells)
}

// flush writes the rows that are held. Columns only become wider, so that pages
// of one table stand under one another as far as can be known.
func (o *output) flush() error {
	rows := o.rows
	o.rows = nil
	if !o.headed && o.columns != nil {
		o.headed = true
		head := make([]string, len(o.columns))
		for i, c := range o.columns {
			head[i] = c.name
			if o.form == formTable {
				head[i] = strings.ToUpper(c.name)
			}
		}
		rows = append([][]string{head}, rows...)
	}
	var b bytes.Buffer
	if o.form == formCSV {
		w := csv.NewWriter(&b)
		for _, row := range rows {
			for i := range row {
				row[i] = neutral(row[i])
			}
			if err := w.Write(row); err != nil {
				return fmt.Errorf("write the answer: %w", err)
			}
		}
		w.Flush()
	} else {
		for _, row := range rows {
			for i, cell := range row {
				o.widths[i] = max(o.widths[i], utf8.RuneCountInString(cell))
			}
		}
		for _, row := range rows {
			b.WriteString(o.line(row))
			b.WriteByte('\n')
		}
	}
	return o.write(b.Bytes())
}

func (o *output) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		space := strings.Repeat(" ", max(0, o.widths[i]-utf8.RuneCountInString(cell)))
		if o.columns[i].right {
			b.WriteString(space + cell)
		} else {
			b.WriteString(cell + space)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// text writes a line of an answer that is no table.
func (o *output) text(format string, args ...any) error {
	return o.write([]byte(fmt.Sprintf(format, args...) + "\n"))
}

// message writes a response as JSON, one object a line.
func (o *output) message(m proto.Message) error {
	text, err := jsonText(m)
	if err != nil {
		return err
	}
	return o.write([]byte(text + "\n"))
}

// value writes what is no message as a line of JSON.
func (o *output) value(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return o.write(append(text, '\n'))
}

// jsonText returns a message as one line of protobuf's JSON.
func jsonText(m proto.Message) (string, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	// protojson puts spaces in at random, so that nobody compares its bytes;
	// people do.
	var compact bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return compact.String(), nil
}

func (o *output) write(b []byte) error {
	if _, err := o.w.Write(b); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// neutral returns a cell that a spreadsheet takes for what it says, and not for
// a formula: a cell that begins like one gets an apostrophe before it.
func neutral(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil && !strings.ContainsAny(cell, "xXpP_") {
		return cell
	}
	return "'" + cell
}
