package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	// mostConnections is how many insert single events at once.
	mostConnections = 64
	// copyEvents is how many events a COPY and its transaction have.
	copyEvents = 16_384
)

// postgres is PostgreSQL's side: a schema of its own in one database.
type postgres struct {
	dsn     string
	control string
	schema  string
	// asked answers questions; loaders are opened as they are needed.
	asked   *pgx.Conn
	loaders []*pgx.Conn
	// position is the last one. The bench is alone in its schema, so that it
	// counts without asking.
	position int64
	stored   uint64
	sources  []source
}

// schemaText makes what a plant would keep. Names that repeat (sources, segments)
// are kept once and are numbers in the rows. Autovacuum stays out of the turns;
// vacuum and analyze are done between them.
const schemaText = `
CREATE TABLE source (id smallint PRIMARY KEY, name text NOT NULL, equipment text NOT NULL);
CREATE TABLE segment (id smallint PRIMARY KEY, name text NOT NULL);
CREATE TABLE event (
	position bigint NOT NULL,
	sequence bigint NOT NULL,
	event_time timestamptz NOT NULL,
	epoch int NOT NULL,
	source smallint NOT NULL,
	segment smallint NOT NULL,
	disposition smallint NOT NULL,
	attempt smallint NOT NULL,
	item text NOT NULL,
	"values" float8[]
) WITH (autovacuum_enabled = false);
CREATE UNIQUE INDEX event_position ON event (position);
CREATE UNIQUE INDEX event_identity ON event (source, epoch, sequence);
CREATE INDEX event_item ON event (item);
CREATE INDEX event_segment ON event (segment, event_time) INCLUDE (disposition, attempt);
CREATE TABLE edge (
	event bigint NOT NULL,
	from_um bigint,
	to_um bigint,
	quantity numeric,
	input text NOT NULL,
	output text NOT NULL
) WITH (autovacuum_enabled = false);
CREATE INDEX edge_input ON edge (input);
CREATE INDEX edge_output ON edge (output);
`

var (
	eventColumns = []string{"position", "sequence", "event_time", "epoch", "source", "segment", "disposition", "attempt", "item", "values"}
	edgeColumns  = []string{"event", "from_um", "to_um", "quantity", "input", "output"}
)

// openPostgres makes a schema, anew where it was there.
func openPostgres(ctx context.Context, dsn, control, schema string) (*postgres, error) {
	p := &postgres{dsn: dsn, control: control, schema: schema, sources: allSources()}
	var err error
	if p.asked, err = p.connect(ctx); err != nil {
		return nil, err
	}
	if err := p.make(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// connect opens a connection with the settings that a tuned plant would have.
func (p *postgres) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(p.dsn)
	if err != nil {
		return nil, fmt.Errorf("read --postgres: %w", err)
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name": "takt bench", "search_path": p.schema, "synchronous_commit": "on", "jit": "off", "work_mem": "64MB", "timezone": "UTC",
	})
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return conn, nil
}

func (p *postgres) make(ctx context.Context) error {
	var fsync string
	if err := p.asked.QueryRow(ctx, "SHOW fsync").Scan(&fsync); err != nil {
		return err
	}
	if fsync != "on" {
		return errors.New("PostgreSQL's fsync is off; what it acknowledges would not be durable")
	}
	name := pgx.Identifier{p.schema}.Sanitize()
	if _, err := p.asked.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE; CREATE SCHEMA "+name); err != nil {
		return fmt.Errorf("make a schema: %w", err)
	}
	if _, err := p.asked.Exec(ctx, schemaText); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	for i, s := range p.sources {
		if _, err := p.asked.Exec(ctx, "INSERT INTO source VALUES ($1, $2, $3)", i, string(s.name), string(s.equipment)); err != nil {
			return fmt.Errorf("name the sources: %w", err)
		}
	}
	for i, name := range segments {
		if _, err := p.asked.Exec(ctx, "INSERT INTO segment VALUES ($1, $2)", i, name); err != nil {
			return fmt.Errorf("name the segments: %w", err)
		}
	}
	return nil
}

// revive opens anew what a broken off question or load has closed.
func (p *postgres) revive(ctx context.Context) (err error) {
	p.loaders = slices.DeleteFunc(p.loaders, func(conn *pgx.Conn) bool { return conn.IsClosed() })
	if p.asked == nil || p.asked.IsClosed() {
		p.asked, err = p.connect(ctx)
	}
	return err
}

// drop removes the schema and closes every connection.
func (p *postgres) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dropTime)
	defer cancel()
	if err := p.revive(ctx); err != nil {
		return errors.Join(err, p.close())
	}
	_, err := p.asked.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{p.schema}.Sanitize()+" CASCADE")
	return errors.Join(err, p.close())
}

// close closes every connection.
func (p *postgres) close() error {
	var errs []error
	for _, conn := range append(p.loaders, p.asked) {
		if conn != nil {
			errs = append(errs, conn.Close(context.Background()))
		}
	}
	p.loaders, p.asked = nil, nil
	return errors.Join(errs...)
}

// connections returns so many connections to load through.
func (p *postgres) connections(ctx context.Context, n int) ([]*pgx.Conn, error) {
	for len(p.loaders) < n {
		conn, err := p.connect(ctx)
		if err != nil {
			return nil, err
		}
		p.loaders = append(p.loaders, conn)
	}
	return p.loaders[:n], nil
}

// dropTime is how long removing a schema may take, when all else is over.
const dropTime = time.Minute

// transaction is what one COPY of events and one of edges commit.
type transaction struct{ events, edges [][]any }

// prepare makes rows of events, in transactions of at most so many, and divides
// them among connections.
func (p *postgres) prepare(events []Event, connections, most int) [][]transaction {
	parts := make([][]transaction, connections)
	most = max(1, min(most, (len(events)+connections-1)/connections))
	for i := 0; len(events) > 0; i++ {
		n := min(most, len(events))
		parts[i%connections] = append(parts[i%connections], p.transaction(events[:n]))
		events = events[n:]
	}
	return parts
}

func (p *postgres) transaction(events []Event) transaction {
	t := transaction{events: make([][]any, len(events))}
	for i := range events {
		p.position++
		e := &events[i]
		t.events[i] = p.row(e, p.position)
		for _, in := range e.Inputs {
			t.edges = append(t.edges, edgeRow(e, in, p.position))
		}
	}
	return t
}

// row returns an event as a row of its table, in the order of eventColumns.
func (p *postgres) row(e *Event, position int64) []any {
	return []any{
		position, int64(e.Sequence), e.Time, int32(1), int16(e.Source), int16(p.sources[e.Source].segment), //nolint:gosec // small
		int16(e.Disposition), int16(e.Attempt), e.Thing, e.Values, //nolint:gosec // small
	}
}

// edgeRow returns an edge as a row of its table, in the order of edgeColumns.
func edgeRow(e *Event, in Input, position int64) []any {
	row := []any{position, nil, nil, nil, in.Lot, e.Thing}
	if in.To != in.From {
		row[1], row[2] = in.From, in.To
	}
	if in.Quantity != 0 {
		row[3] = thousandths(in.Quantity)
	}
	return row
}

// copy loads what was prepared: a COPY of events and one of edges a transaction.
func (p *postgres) copy(ctx context.Context, parts [][]transaction, paced func(connection int, start time.Time) func(int) time.Time) (time.Duration, error) {
	conns, err := p.connections(ctx, len(parts))
	if err != nil {
		return 0, err
	}
	group, inner := errgroup.WithContext(ctx)
	began := time.Now()
	for i, part := range parts {
		var pace func(int) time.Time
		if paced != nil {
			pace = paced(i, began)
		}
		group.Go(func() error {
			for n, t := range part {
				if pace != nil {
					if err := sleepUntil(inner, pace(n)); err != nil {
						return err
					}
				}
				if err := t.commit(inner, conns[i]); err != nil {
					return fmt.Errorf("copy %d events: %w", len(t.events), err)
				}
			}
			return nil
		})
	}
	err = group.Wait()
	took := time.Since(began)
	if err == nil {
		for _, part := range parts {
			for _, t := range part {
				p.stored += uint64(len(t.events))
			}
		}
	}
	return took, err
}

func (t transaction) commit(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		n, err := tx.CopyFrom(ctx, pgx.Identifier{"event"}, eventColumns, pgx.CopyFromRows(t.events))
		if err != nil {
			return err
		}
		if n != int64(len(t.events)) {
			return fmt.Errorf("%d were taken", n)
		}
		if len(t.edges) == 0 {
			return nil
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"edge"}, edgeColumns, pgx.CopyFromRows(t.edges))
		return err
	})
}

// insertText inserts one event and its edges in one statement, which is a
// transaction.
const insertText = `
WITH e AS (
	INSERT INTO event (position, sequence, event_time, epoch, source, segment, disposition, attempt, item, "values")
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
)
INSERT INTO edge (event, from_um, to_um, quantity, input, output)
SELECT $1, * FROM unnest($11::bigint[], $12::bigint[], $13::numeric[], $14::text[], $15::text[])`

// insertAlone inserts an event that has no edges.
const insertAlone = `
INSERT INTO event (position, sequence, event_time, epoch, source, segment, disposition, attempt, item, "values")
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// statement is one event on its way, with its edges.
type statement struct {
	text      string
	arguments []any
}

func (p *postgres) statement(e *Event) statement {
	p.position++
	row := p.row(e, p.position)
	if len(e.Inputs) == 0 {
		return statement{insertAlone, row}
	}
	columns := make([][]any, len(edgeColumns)-1)
	for _, in := range e.Inputs {
		for i, v := range edgeRow(e, in, p.position)[1:] {
			columns[i] = append(columns[i], v)
		}
	}
	for _, c := range columns {
		row = append(row, c)
	}
	return statement{insertText, row}
}

// statements returns those that insert events.
func (p *postgres) statements(events []Event) []statement {
	list := make([]statement, len(events))
	for i := range events {
		list[i] = p.statement(&events[i])
	}
	return list
}

// insert inserts events one by one, at once through so many connections, and
// returns how long that took.
func (p *postgres) insert(ctx context.Context, statements []statement, connections int) (time.Duration, error) {
	conns, err := p.connections(ctx, connections)
	if err != nil {
		return 0, err
	}
	for _, conn := range conns {
		for _, text := range []string{insertText, insertAlone} {
			if _, err := conn.Prepare(ctx, text, text); err != nil {
				return 0, fmt.Errorf("prepare an insert: %w", err)
			}
		}
	}
	group, inner := errgroup.WithContext(ctx)
	began := time.Now()
	for i, conn := range conns {
		group.Go(func() error {
			for n := i; n < len(statements); n += connections {
				if _, err := conn.Exec(inner, statements[n].text, statements[n].arguments...); err != nil {
					return fmt.Errorf("insert an event: %w", err)
				}
			}
			return nil
		})
	}
	err = group.Wait()
	took := time.Since(began)
	if err == nil {
		p.stored += uint64(len(statements))
	}
	return took, err
}

// single inserts events one after the other and returns how long each took.
func (p *postgres) single(ctx context.Context, events []Event, paced func(int) time.Time) ([]time.Duration, error) {
	conns, err := p.connections(ctx, mostConnections)
	if err != nil {
		return nil, err
	}
	// The last one: the first ones may load at the same time.
	conn := conns[mostConnections-1]
	var took []time.Duration
	for i := range events {
		s := p.statement(&events[i])
		began := time.Now()
		if paced != nil {
			began = paced(i)
			if err := sleepUntil(ctx, began); err != nil {
				return took, err
			}
		}
		if _, err := conn.Exec(ctx, s.text, s.arguments...); err != nil {
			return took, fmt.Errorf("insert an event: %w", err)
		}
		took = append(took, time.Since(began))
		p.stored++
	}
	return took, nil
}

// settle writes out what is in PostgreSQL's memory only, so that it does not do
// so in Takt's turn.
func (p *postgres) settle(ctx context.Context) error {
	if _, err := p.asked.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// tidy does what autovacuum would have done by now, and keeps the hourly figures
// of yield anew.
func (p *postgres) tidy(ctx context.Context) error {
	for _, text := range []string{
		"VACUUM (ANALYZE) event", "VACUUM (ANALYZE) edge", "VACUUM (ANALYZE) source", "VACUUM (ANALYZE) segment",
		"DROP TABLE IF EXISTS yield_hour",
		`CREATE TABLE yield_hour AS
		 SELECT date_trunc('hour', event_time) AS hour, segment, count(*) AS tested, count(*) FILTER (WHERE disposition = 1) AS passed
		 FROM event WHERE attempt = 1 AND segment < ` + strconv.Itoa(stations) + ` GROUP BY 1, 2`,
		"ALTER TABLE yield_hour ADD PRIMARY KEY (hour, segment)",
		"VACUUM (ANALYZE) yield_hour",
	} {
		if _, err := p.asked.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", strings.Fields(text)[0], err)
		}
	}
	return p.settle(ctx)
}

// size returns how many bytes the events, the edges and their indexes take,
// without PostgreSQL's own log.
func (p *postgres) size(ctx context.Context) (n int64, err error) {
	err = p.asked.QueryRow(ctx, "SELECT pg_total_relation_size('event') + pg_total_relation_size('edge')").Scan(&n)
	return n, err
}

// count returns how many events there are.
func (p *postgres) count(ctx context.Context) (n int64, err error) {
	err = p.asked.QueryRow(ctx, "SELECT count(*) FROM event").Scan(&n)
	return n, err
}

// crash ends the server as a lost process would.
func (p *postgres) crash(ctx context.Context) error {
	_ = p.close() // Its other end is going to be gone.
	return p.run(ctx, "crash")
}

// start starts the server; it does not wait until it answers.
func (p *postgres) start(ctx context.Context) error { return p.run(ctx, "start") }

func (p *postgres) run(ctx context.Context, what string) error {
	out, err := exec.CommandContext(ctx, p.control, what).CombinedOutput() //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", p.control, what, err, out)
	}
	return nil
}

// reconnectTime is how often it is tried whether the server answers: each time costs
// it a process, which slows its recovery.
const reconnectTime = 20 * time.Millisecond

// reconnect tries until the server answers.
func (p *postgres) reconnect(ctx context.Context) (err error) {
	for {
		if p.asked, err = p.connect(ctx); err == nil {
			return nil
		}
		if sleepErr := sleepUntil(ctx, time.Now().Add(reconnectTime)); sleepErr != nil {
			return errors.Join(sleepErr, err)
		}
	}
}
