package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// query is one question on its way: the server that is asked, and the output
// that the answer goes to.
type query struct {
	*server
	out         *output
	notes       io.Writer
	args        []string
	minPosition uint64
	cmd         *cobra.Command
	zone        *time.Location
	last        uint64
}

// question makes a command of one that asks a server: it has -o and
// --min-position, and what ask has put out is flushed when it returns.
func question(c *connection, cmd *cobra.Command, ask func(ctx context.Context, q *query) error) *cobra.Command {
	var form string
	var minPosition uint64
	cmd.Flags().StringVarP(&form, "output", "o", formTable, "the answer as `table`, json (one object a page, as protobuf's JSON) or csv")
	cmd.Flags().Uint64Var(&minPosition, "min-position", 0, "answer from the log at this `position` or later")
	if cmd.Args == nil {
		cmd.Args = arguments()
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkForm(cmd, form); err != nil {
			return err
		}
		s, err := c.dial()
		if err != nil {
			return err
		}
		defer s.close()
		q := &query{
			server: s, out: &output{form: form, w: cmd.OutOrStdout()}, notes: cmd.ErrOrStderr(),
			args: args, minPosition: minPosition, cmd: cmd,
		}
		err = ask(cmd.Context(), q)
		// What was found before an error, or with a problem, is still an answer;
		// a head alone is none.
		if q.out.columns != nil && q.out.form != formJSON && (err == nil || len(q.out.rows) > 0) {
			if flushErr := q.out.flush(); err == nil {
				err = flushErr
			}
		}
		return err
	}
	return cmd
}

// pages asks for one page after the other until there is none, and flushes each.
func (q *query) pages(ctx context.Context, page func(ctx context.Context, token string) (next string, err error)) error {
	for token := ""; ; {
		err := q.call(ctx, func(ctx context.Context) (err error) {
			token, err = page(ctx, token)
			return err
		})
		if err != nil {
			return err
		}
		if q.out.columns != nil && q.out.form != formJSON {
			if err := q.out.flush(); err != nil {
				return err
			}
		}
		if token == "" {
			if q.last != 0 {
				q.note("at position %d", q.last)
			}
			return nil
		}
	}
}

// note tells people something beside the answer. JSON has it in itself.
func (q *query) note(format string, args ...any) {
	if q.out.form == formTable {
		tell(q.notes, format, args...)
	}
}

func (q *query) json() bool { return q.out.form == formJSON }

func (q *query) csv() bool { return q.out.form == formCSV }

// site returns the site's zone, in which its people speak of days.
func (q *query) site(ctx context.Context) (*time.Location, error) {
	if q.zone != nil {
		return q.zone, nil
	}
	var info *taktv1.ServerInfo
	err := q.call(ctx, func(ctx context.Context) (err error) {
		info, err = taktv1.NewAdminServiceClient(q.Conn()).GetServerInfo(ctx, &taktv1.GetServerInfoRequest{})
		return err
	})
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(info.GetZone())
	if err != nil {
		return nil, fmt.Errorf("the site's zone %q is not known here; install this machine's time zones", info.GetZone())
	}
	q.zone = zone
	return zone, nil
}

// shown returns the zone that times are shown in: the site's for people, UTC for
// programs.
func (q *query) shown(ctx context.Context) (*time.Location, error) {
	if q.out.form != formTable {
		return time.UTC, nil
	}
	return q.site(ctx)
}

// times reads the ends of a stretch of time as they were typed; empty ones stay
// nil.
func (q *query) times(ctx context.Context, typed ...string) ([]*timestamppb.Timestamp, error) {
	ends := make([]*timestamppb.Timestamp, len(typed))
	for i, s := range typed {
		if s == "" {
			continue
		}
		zone, err := q.site(ctx)
		if err != nil {
			return nil, err
		}
		t, err := parseTime(s, time.Now(), zone)
		if err != nil {
			return nil, q.misused("%w", err)
		}
		ends[i] = timestamppb.New(t)
	}
	return ends, nil
}

// misused returns the error of a question that was asked in a wrong way.
func (q *query) misused(format string, args ...any) error { return usage(q.cmd, format, args...) }

// oneOf reads a word that names a value of an enumeration, as `scrap`; 0 where
// it is empty.
func (q *query) oneOf(flag string, e protoreflect.Enum, typed string) (protoreflect.EnumNumber, error) {
	if typed == "" {
		return 0, nil
	}
	n, all, ok := enumOf(e, typed)
	if !ok {
		return 0, q.misused("%s %s is not one of %s", flag, typed, strings.Join(all, ", "))
	}
	return n, nil
}

// listPage is how many things a page of a list has.
const listPage = 1000

// end has the position of a list's view noted under its last page.
func (q *query) end(next string, position uint64) {
	if next == "" {
		q.last = position
	}
}

// tell writes a line for a person. That nobody hears it is no reason to stop.
func tell(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

// help joins a paragraph that is written over several lines.
func help(text string) string { return strings.TrimSpace(text) }
