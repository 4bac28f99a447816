package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
)

// foreignWork is what testdata/foreign/client.js is told to do.
type foreignWork struct {
	Endpoints     map[string]string `json:"endpoints"`
	Namespace     string            `json:"namespace"`
	User          string            `json:"user"`
	Password      string            `json:"password"`
	WrongPassword string            `json:"wrongPassword"`
	// Dir is where it may keep its certificates.
	Dir string `json:"dir"`
	// TokenLifetime and TokenRenewal are in milliseconds. The server gives no
	// token for less than five minutes, so the client renews it by its own clock.
	TokenLifetime int `json:"tokenLifetime"`
	TokenRenewal  int `json:"tokenRenewal"`
	// Renewals is how often a token must have been renewed in the end.
	Renewals int `json:"renewals"`
}

// foreignReport is what it found.
type foreignReport struct {
	// Complaints are what is not as it should be.
	Complaints []string                 `json:"complaints"`
	PLCs       map[string]foreignVisits `json:"plcs"`
}

type foreignVisits struct {
	// Refused is the status of a login with a wrong password, by security policy.
	Refused map[string]string `json:"refused"`
	// ServerVariables is how many variables below Server were read, which is tried
	// with one PLC.
	ServerVariables int `json:"serverVariables"`
	// Folders are those below Objects.
	Folders map[string]struct {
		Variables []string            `json:"variables"`
		Objects   map[string][]string `json:"objects"`
	} `json:"folders"`
	// Tokens are those that the secure channel had since there was a
	// subscription, with how many notifications came while it had each.
	Tokens []struct {
		ID            uint32 `json:"id"`
		Lifetime      int    `json:"lifetime"` // Milliseconds as the server gives them, 0 for the first.
		Notifications int    `json:"notifications"`
	} `json:"tokens"`
	// Records are those that were acknowledged.
	Records []struct {
		Block  string          `json:"block"`
		Number uint32          `json:"number"`
		Record recordStructure `json:"record"`
	} `json:"records"`
}

// A client that shares no line with Takt and with the library of the server finds
// its way from Objects to a decoded record, and keeps doing so while its security
// tokens are renewed.
func TestForeignClient(t *testing.T) {
	const setting = "TAKT_NODE_OPCUA"
	home := os.Getenv(setting)
	if home == "" {
		t.Skipf("no node-opcua: %s is not set; scripts/test installs it", setting)
	}
	l := small(t)
	user := &User{Name: "mes", Password: "secret"}
	// There is much to decode where the first defect is found.
	s := newSim(t, l, Config{Dir: t.TempDir(), User: user, HistoryUntil: firstDefect(t, l)}, Streams{})
	work := foreignWork{
		Endpoints: s.Endpoints(), Namespace: Namespace, Dir: t.TempDir(),
		User: user.Name, Password: user.Password, WrongPassword: "sesame",
		TokenLifetime: 5000, TokenRenewal: 1000, Renewals: 4,
	}
	report := runForeign(t, s, home, work)
	for _, complaint := range report.Complaints {
		t.Errorf("the client complains: %s", complaint)
	}

	blocks := map[string]line.Block{}
	byPLC := map[string][]string{}
	for _, b := range l.Blocks() {
		blocks[b.Name] = b
		byPLC[b.PLC] = append(byPLC[b.PLC], b.Name)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(byPLC)), slices.Sorted(maps.Keys(report.PLCs))); diff != "" {
		t.Fatalf("PLCs mismatch (-want +got):\n%s", diff)
	}
	wantTags := []string{tagRecord}
	for _, tag := range slices.Concat(handshake, tags) {
		wantTags = append(wantTags, tag.name)
	}
	records, notifications, renewals, variables, serverVariables := 0, 0, 0, 0, 0
	got := map[mes.Identity]recordStructure{}
	for plc, visits := range report.PLCs {
		const denied = "BadUserAccessDenied"
		if diff := cmp.Diff(map[string]string{"None": denied, "Basic256Sha256": denied}, visits.Refused); diff != "" {
			t.Errorf("%s: wrong password mismatch (-want +got):\n%s", plc, diff)
		}
		serverVariables += visits.ServerVariables
		if diff := cmp.Diff([]string{plc}, slices.Sorted(maps.Keys(visits.Folders))); diff != "" {
			t.Errorf("%s: folders mismatch (-want +got):\n%s", plc, diff)
		}
		folder := visits.Folders[plc]
		if diff := cmp.Diff([]string{"BootId"}, folder.Variables); diff != "" {
			t.Errorf("%s: variables mismatch (-want +got):\n%s", plc, diff)
		}
		want := map[string][]string{}
		for _, name := range byPLC[plc] {
			want[name] = wantTags
			variables += len(folder.Objects[name])
		}
		if diff := cmp.Diff(want, folder.Objects, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s: blocks mismatch (-want +got):\n%s", plc, diff)
		}
		ids := map[uint32]bool{}
		for _, token := range visits.Tokens {
			if token.Notifications > 0 {
				ids[token.ID] = true
			}
			notifications += token.Notifications
		}
		if len(ids) <= work.Renewals {
			t.Errorf("%s: notifications under the tokens %+v, want them under %d and one before", plc, visits.Tokens, work.Renewals)
		}
		renewals += len(visits.Tokens) - 1
		records += len(visits.Records)
		for _, r := range visits.Records {
			id := mes.Identity{Source: blocks[r.Block].Source, Epoch: 1, Sequence: mes.Sequence(r.Number)}
			if _, twice := got[id]; twice {
				t.Errorf("%s was notified twice", id)
			}
			got[id] = r.Record
		}
	}
	if serverVariables < 100 {
		t.Errorf("only %d variables below Server", serverVariables)
	}
	compareStructures(t, l, got)
	t.Logf("%d PLCs, %d blocks with %d variables; %d renewals, %d notifications, %d records",
		len(report.PLCs), len(blocks), variables, renewals, notifications, records)
}

// firstDefect returns when the first record with defects is due.
func firstDefect(t *testing.T, l *line.Line) time.Time {
	t.Helper()
	for r := range l.Records() {
		if w, ok := r.Event.Fact.(*mes.Work); ok && len(w.Defects) > 0 {
			return r.Due
		}
	}
	t.Fatal("the line finds no defects")
	return time.Time{}
}

// runForeign plays the line until the client has seen enough.
func runForeign(t *testing.T, s *Sim, home string, work foreignWork) foreignReport {
	t.Helper()
	input, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	// A client that hangs says nothing, so it is killed with time to report.
	ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Minute, errors.New("four minutes are over"))
	defer cancel()
	played := make(chan error, 1)
	go func() { played <- s.Run(ctx) }()
	script := filepath.Join("testdata", "foreign", "client.js")
	// For the sake of go test, which keeps its answer until a file changes that
	// the test itself has looked at.
	if _, err := os.Stat(script); err != nil {
		t.Fatal(err)
	}
	// The machine's own may be too old, and then there is one beside node-opcua.
	node := filepath.Join(home, "node_modules", ".bin", "node")
	if _, err := os.Stat(node); err != nil {
		node = "node"
	}
	cmd := exec.CommandContext(ctx, node, script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(home, "node_modules"), "HOME="+work.Dir)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Errorf("the client: %v (%v)\n%s", err, context.Cause(ctx), &stderr)
	}
	cancel()
	if err := <-played; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want Canceled", err)
	}
	var report foreignReport
	d := json.NewDecoder(bytes.NewReader(output))
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		t.Fatalf("read what the client found: %v\n%s\n%s", err, output, &stderr)
	}
	return report
}

// compareStructures holds what was decoded against the line's own records.
func compareStructures(t *testing.T, l *line.Line, got map[mes.Identity]recordStructure) {
	t.Helper()
	missing := len(got)
	// said counts what the records are about, so that none is left untried.
	said := map[string]int{}
	for r := range l.Records() {
		if missing == 0 {
			break
		}
		g, ok := got[r.Identity]
		if !ok {
			continue
		}
		missing--
		want := structureOf(&r)
		want.EventTime, want.StartTime = inJavaScript(want.EventTime), inJavaScript(want.StartTime)
		if diff := cmp.Diff(want, g, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", r.Identity, diff)
		}
		said["kind "+r.Event.Fact.Kind()]++
		for name, n := range map[string]int{
			"subjects": len(g.Subjects), "values": len(g.Values), "defects": len(g.Defects), "tools": len(g.Tools),
			"recipe": len(g.Recipe.Name), "carrier": len(g.Carrier), "place": len(g.Place),
		} {
			if n > 0 {
				said[name]++
			}
		}
	}
	t.Logf("records by what they say: %v", said)
	for _, name := range []string{"subjects", "values", "defects", "tools", "recipe", "carrier", "place"} {
		if said[name] == 0 {
			t.Errorf("no record had %s, which remain untried", name)
		}
	}
}

// inJavaScript returns a time as a Date can say it, which has milliseconds; no
// time at all is the first one that OPC UA has.
func inJavaScript(t time.Time) time.Time {
	if t.IsZero() {
		return time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t.UTC().Truncate(time.Millisecond)
}
