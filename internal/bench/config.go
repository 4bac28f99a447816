package bench

import (
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// The shapes of what is loaded.
const (
	// ShapeBench is 12 heavy events a cell: see Workload.
	ShapeBench = "bench"
	// ShapeLine is what the stations of the simulated line report.
	ShapeLine = "line"
)

// What is done beside lines that report at a rate.
const (
	// BesideTraces follows what was made of a lot for up to 200,000 cells.
	BesideTraces = "traces"
	// BesideBackups takes a whole backup.
	BesideBackups = "backups"
)

// AgainstPostgres has the same work done in PostgreSQL.
const AgainstPostgres = "postgres"

// Config says what is measured.
type Config struct {
	// Program is the takt that is started as the server.
	Program string
	// Server is a server that runs already, by its gRPC address; it gets the
	// load. Empty to start one in a temporary folder.
	Server string
	// Loaded says that Server has the load of an earlier run, with the same seed and
	// as many cells or more; only questions are asked then.
	Loaded bool
	// Dir is where the temporary folder is made; the system's where empty.
	Dir string
	// Against is AgainstPostgres, or empty to measure Takt alone.
	Against string
	// Postgres is how PostgreSQL is connected to, a URL or keywords; the bench
	// makes schemas of its own there and removes them.
	Postgres string
	// PostgresControl is a program that is called with `crash`, which ends that
	// server as a lost process would, and with `start`; empty where the bench must
	// not do so.
	PostgresControl string
	// Cells is how many cells are finished when questions are asked.
	Cells int
	// Seed is where all chance comes from.
	Seed uint64
	// Pairs is how often two sides are compared, at least.
	Pairs int
	// Shape and Values say what is loaded.
	Shape  string
	Values Values
	// Limit is how long all of it may take; what comes too late is not measured.
	Limit time.Duration
	// Rows are the rows of the table that are measured; all where empty.
	Rows []int
	// Lines, Rate and For pace the line's shape: so many lines, events a second of
	// all, for so long. A Rate of 0 is as fast as the server takes them.
	Lines int
	Rate  float64
	For   time.Duration
	// Beside is what is done again and again in every other part of a paced run:
	// BesideTraces or BesideBackups.
	Beside string
}

// Bounds of a Config.
const (
	minCells = 100
	maxCells = 20_000_000
	maxLines = 20
	lastRow  = 13
)

// Validate returns a mes.Error with CodeInvalid that names the first field that
// cannot be.
func (c Config) Validate() error {
	switch {
	case c.Against != "" && c.Against != AgainstPostgres:
		return mes.Invalid("against", fmt.Sprintf("is %q; postgres is what can be measured against", c.Against))
	case c.Against != "" && c.Postgres == "":
		return mes.Invalid("postgres", "says how to connect to it, and is missing; scripts/bench makes a private cluster")
	case c.Cells < minCells || c.Cells > maxCells:
		return mes.Invalid("cells", fmt.Sprintf("is %d; %d to %d are taken", c.Cells, minCells, maxCells))
	case c.Pairs < 1:
		return mes.Invalid("pairs", fmt.Sprintf("is %d; at least 1 is taken", c.Pairs))
	case c.Shape != ShapeBench && c.Shape != ShapeLine:
		return mes.Invalid("shape", fmt.Sprintf("is %q; bench and line are there", c.Shape))
	case c.Shape == ShapeLine && c.Against != "":
		return mes.Invalid("shape", "line is measured alone, without an --against: slots and coils have no tables there")
	case c.Loaded && (c.Server == "" || c.Shape != ShapeBench || c.Against != ""):
		return mes.Invalid("loaded", "needs the --server that has the load, in the bench's shape, without an --against")
	case c.Values != ValuesInstrument && c.Values != ValuesRandom:
		return mes.Invalid("values", fmt.Sprintf("is %q; instrument and random are there", c.Values))
	case c.Limit <= 0:
		return mes.Invalid("minutes", "must be more than 0")
	case c.Lines < 1 || c.Lines > maxLines:
		return mes.Invalid("lines", fmt.Sprintf("is %d; 1 to %d are taken", c.Lines, maxLines))
	case c.Beside != BesideTraces && c.Beside != BesideBackups:
		return mes.Invalid("beside", fmt.Sprintf("is %q; traces and backups are there", c.Beside))
	case c.Rate < 0 || c.For < 0:
		return mes.Invalid("rate", "and for must not be negative")
	}
	for _, row := range c.Rows {
		if row < 1 || row > lastRow {
			return mes.Invalid("rows", fmt.Sprintf("has %d; the table has 1 to %d", row, lastRow))
		}
	}
	return nil
}
