package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/html"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/web"
	"github.com/takt-mes/takt/internal/yield"
)

// odd is an id with all that an id may have: NUL, bytes that are no UTF-8, a
// slash, a space at its end, and what a browser would act on.
const (
	odd        = "A/\x00\xff<script>alert(1)</script> "
	oddEscaped = "A%2F%00%FF%3Cscript%3Ealert%281%29%3C%2Fscript%3E%20"
)

// site is a server over a store that is checked when the test ends.
type site struct {
	t       *testing.T
	store   *store.Store
	server  *web.Server
	log     strings.Builder
	next    mes.Offset
	numbers map[mes.Source]mes.Sequence
	now     time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	metrics := prometheus.NewRegistry()
	st, err := store.Open(store.Config{Dir: dir, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("skipped: no zone (%v)", err)
	}
	s := &site{t: t, store: st, next: 1, numbers: make(map[mes.Source]mes.Sequence), now: time.Now().Add(-time.Minute).Truncate(time.Millisecond)}
	s.server = web.New(web.Config{Version: "v1.2.3", Calendar: yield.DefaultCalendar(zone)}, st, metrics, slog.New(slog.NewTextHandler(&s.log, nil)))
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log.String())
		}
		_, err := store.CheckDir(context.Background(), dir, func(p store.Progress) {
			for _, problem := range p.Problems {
				t.Errorf("check %s: %s", p.Stage, problem)
			}
		})
		if err != nil {
			t.Errorf("check: %v", err)
		}
	})
	return s
}

var schema = mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}, {Characteristic: "acir", Unit: "mOhm"}}}

// add appends an event with the next number of a source, and returns where.
func (s *site) add(source mes.Source, e *mes.Event) mes.Position {
	s.t.Helper()
	s.numbers[source]++
	if e.EventTime.IsZero() {
		e.EventTime = s.now
	}
	return s.append(mes.Record{
		Identity:   mes.Identity{Source: source, Epoch: 1, Sequence: s.numbers[source]},
		Event:      mes.AppendEvent(nil, e),
		Provenance: mes.Provenance{Gateway: "history"},
	})
}

func (s *site) append(records ...mes.Record) mes.Position {
	s.t.Helper()
	a, err := s.store.Append(context.Background(), store.Batch{
		Gateway: "g", Spool: "s", First: s.next, Records: records, Schemas: []mes.Schema{schema},
	})
	if err != nil {
		s.t.Fatalf("append: %v", err)
	}
	s.next += mes.Offset(len(records))
	return a.Position
}

func itemRef(id mes.ID, definition string) mes.Ref {
	return mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: id}, MaterialDefinition: definition}
}

func lotRef(id mes.ID, definition string) mes.Ref {
	return mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: id}, MaterialDefinition: definition}
}

func trayRef(id mes.ID) mes.Ref {
	return mes.Ref{Thing: mes.Thing{Kind: mes.RefCarrier, ID: id}}
}

// fill makes a small line: a cell of two lots, one by name and one from a slot,
// in a tray and then in two modules, with a gap, a conflict and odd names.
func (s *site) fill() {
	amount := &mes.Quantity{Value: mes.NewDecimal(1250, -3), Unit: "kg"}
	s.add("P1", &mes.Event{Fact: &mes.LotReport{Lot: lotRef("EL-1", "electrolyte"), Status: mes.LotReleased, Supplier: "Sol <b>", SupplierLot: "S\x00", Quantity: amount}})
	s.add("P1", &mes.Event{Equipment: "L1.FIL.01", Fact: &mes.SlotChange{Action: mes.SlotLoad, Slot: "electrolyte", Material: lotRef("EL-1", "electrolyte")}})
	s.add("P1", &mes.Event{Equipment: "L1.FIL.01", ProcessSegment: "filling", Fact: &mes.Work{
		Subjects: []mes.Ref{itemRef("C1", "cell")}, Disposition: mes.DispositionConformant, Attempt: 1,
		Consumed: []mes.Actual{
			{Slot: "electrolyte", Quantity: &mes.Quantity{Value: mes.NewDecimal(3086, -1), Unit: "g"}},
			{Ref: lotRef("COIL-1", "anode"), Interval: &mes.Interval{Lane: 4, From: 1200 * mes.Metre, To: 1260 * mes.Metre, Delta: mes.Metre / 2}},
		},
	}})
	s.add("P1", &mes.Event{Fact: &mes.AliasBinding{Item: itemRef("C1", "cell"), AliasKind: "can-code", Value: "CAN 7"}})
	s.add("P1", &mes.Event{Equipment: "L1.TRL.01", Fact: &mes.Placement{Action: mes.PlacementAdd, Parent: trayRef("T7"), Children: []mes.Child{{Ref: itemRef("C1", "cell"), Place: "17"}}}})
	s.numbers["P1"] += 3
	s.add("P1", &mes.Event{Equipment: "L1.FRM.01", ProcessSegment: "formation", Fact: &mes.Work{Subjects: []mes.Ref{trayRef("T7")}, Disposition: mes.DispositionConformant}})
	s.add("P2", &mes.Event{Equipment: "L1.OCV.01", ProcessSegment: "ocv", Fact: &mes.Work{
		Subjects: []mes.Ref{itemRef("C1", "cell")}, Disposition: mes.DispositionScrap, Attempt: 1, Defects: []mes.Defect{{Code: "OCV-03", Place: "tab"}},
		Measurements: &mes.Measurements{Schema: schema.ID(), Values: []float64{3.2929, 0.207}, Notes: []mes.Note{{Index: 1, Quality: mes.QualityUncertain}}},
	}})
	for _, module := range []mes.ID{"M1", "M2"} {
		s.add("P2", &mes.Event{Equipment: "L1.MOD.01", Fact: &mes.Placement{Action: mes.PlacementAdd, Parent: itemRef(module, "module"), Children: []mes.Child{{Ref: itemRef("C1", "cell")}}}})
	}
	s.add(odd, &mes.Event{Equipment: odd, ProcessSegment: "ocv", Mode: mes.ModeReference, Fact: &mes.Work{
		Subjects: []mes.Ref{itemRef(odd, "<script>alert(2)</script>")}, Disposition: mes.DispositionRework,
		Consumed: []mes.Actual{{Ref: lotRef(odd, "")}}, Place: "\u202e<i>",
	}})
	s.add("P2", &mes.Event{Fact: &mes.Placement{Action: mes.PlacementAdd, Parent: itemRef("..", ""), Children: []mes.Child{{Ref: itemRef(".", "")}}}})
	s.append(
		mes.Record{Identity: mes.Identity{Source: "P2", Epoch: 1, Sequence: 1}, Event: mes.AppendEvent(nil, &mes.Event{EventTime: s.now, Fact: &mes.AliasBinding{Item: itemRef("C9", ""), AliasKind: "x", Value: "y"}})},
		mes.Record{Identity: mes.Identity{Source: odd, Epoch: 1, Sequence: 9}, Event: []byte("\x99no event <script>")},
	)
}

// get asks for a path and returns what came.
func (s *site) get(path string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// text returns the page at a path, which must have the status, and must be fit
// to be read by everyone.
func (s *site) text(path string, status int) string {
	s.t.Helper()
	r := s.get(path)
	page := r.Body.String()
	if r.Code != status || r.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		s.t.Fatalf("GET %s = %d, %s; want %d and a page\n%s", path, r.Code, r.Header().Get("Content-Type"), status, page)
	}
	for _, problem := range faults(page) {
		s.t.Errorf("GET %s: %s", path, problem)
	}
	return page
}

// content returns a page less its frame.
func content(page string) string {
	_, page, _ = strings.Cut(page, "<h1>")
	page, _, _ = strings.Cut(page, "<footer>")
	return page
}

// json reads the answer to a program into a message.
func (s *site) json(path string, status int, m proto.Message) http.Header {
	s.t.Helper()
	r := s.get(path, "Accept", "application/json")
	b := r.Body.String()
	if r.Code != status || r.Header().Get("Content-Type") != "application/json" {
		s.t.Fatalf("GET %s = %d, %s; want %d and JSON\n%s", path, r.Code, r.Header().Get("Content-Type"), status, b)
	}
	if err := protojson.Unmarshal([]byte(b), m); err != nil {
		s.t.Fatalf("GET %s: %v\n%s", path, err, b)
	}
	return r.Header()
}

// faults looks a page over: elements that are not closed, tables without a
// caption, fields without a label, and what the policy of content forbids.
func faults(page string) (faults []string) {
	void := map[string]bool{"meta": true, "link": true, "input": true, "br": true}
	labels, fields, ids := map[string]bool{}, []string{}, map[string]bool{}
	var open []string
	captioned := true
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			for _, f := range fields {
				if !labels[f] {
					faults = append(faults, "the field "+f+" has no label")
				}
			}
			if len(open) > 0 {
				faults = append(faults, "not closed: "+strings.Join(open, " "))
			}
			return faults
		case html.StartTagToken:
			tag := z.Token()
			attributes := make(map[string]string)
			for _, a := range tag.Attr {
				attributes[a.Key] = a.Val
			}
			if id := attributes["id"]; id != "" && ids[id] {
				faults = append(faults, "the id "+id+" comes twice")
			} else {
				ids[id] = true
			}
			if attributes["style"] != "" || tag.Data == "style" || tag.Data == "script" && attributes["src"] == "" {
				faults = append(faults, "it has style or script within: "+tag.String())
			}
			switch tag.Data {
			case "table":
				captioned = false
			case "caption":
				captioned = true
			case "tbody":
				if !captioned {
					faults = append(faults, "a table has no caption")
				}
			case "label":
				labels[attributes["for"]] = true
			case "input", "select":
				fields = append(fields, attributes["id"])
			}
			if !void[tag.Data] {
				open = append(open, tag.Data)
			}
		case html.EndTagToken:
			tag := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != tag {
				return append(faults, fmt.Sprintf("</%s> within %v", tag, open))
			}
			open = open[:len(open)-1]
		default:
		}
	}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	s.fill()
	for _, tc := range []struct {
		path   string
		status int
		has    []string
	}{
		{"/", 200, []string{
			s.store.ID(), ">13<", ">11<", "rolled yield", "<th scope=\"row\"><a href=\"/yield?segment=filling&amp;by=hour\">filling</a></th>",
			"two parents", `href="/quarantine"`, `<a class="warn" href="/sources">3</a>`, `href="/ledger?source=P1"`, `name="q"`, "v1.2.3", "Europe/Berlin",
		}},
		{"/items/C1", 200, []string{
			"Item C1", "cell", "CAN%207", `<a href="/events?thing=carriers%2FT7" class="ref">carrier T7</a>`, "place 17", "two parents",
			"L1.OCV.01", "OCV-03", "ocv1</span> 3.2929&nbsp;V", "uncertain", "history", "electrolyte", `<a href="/lots/EL-1" class="ref">EL-1</a>`,
			"lane 4, 1200.000 – 1260.000\u00a0m ±\u00a00.5", `<a href="/items/M1" class="ref">M1</a>`, "308.6\u00a0g", `href="/items/C1/backward"`, "carried",
			s.now.In(zone(t)).Format("2006-01-02 15:04:05.000"),
		}},
		{"/items/CAN%207", 200, []string{"Item C1"}},
		{"/items/C1/backward", 200, []string{"What C1 was made of", "COIL-1", "EL-1"}},
		{"/items/C1/forward", 200, []string{"What was made of C1", "M1", "M2"}},
		{"/items/C1/sideways", 404, []string{"There is no page /items/C1/sideways."}},
		{"/items/nope", 404, []string{"Nothing names items/nope; ids are compared to the byte.", "What to do", `href="/search?q=nope"`}},
		{"/items/C1?page_token=20@13", 200, []string{"No events on this page; it has 7."}},
		{"/items/C1?page_token=20@14", 409, []string{"The log ends at position 13; 14 has not been reached."}},
		{"/items/C1?page_token=x", 400, []string{"is no page_token of this page"}},
		{"/items/C1?format=xml", 400, []string{"is not json or html"}},
		{"/items", 400, []string{"Id is missing"}},
		{"/lots/EL-1", 200, []string{"Lot EL-1", "released", "Sol &lt;b&gt;", "S%00", "1.25\u00a0kg", `<a href="/items/C1" class="ref">C1</a>`, "Events that name it"}},
		{"/lots/EL-1/forward", 200, []string{"What was made of EL-1"}},
		{"/lots/nope", 404, []string{"Nothing names lots/nope"}},
		{"/events", 200, []string{`<a href="/events/11">11</a>`, "C1", "conformant", "scrap", `href="/sources"`}},
		{"/events?thing=carriers/T7", 200, []string{"Events of carrier T7", `href="/events/5"`, `href="/events/6"`}},
		{"/events?thing=T7", 400, []string{"names no thing"}},
		{"/events/7", 200, []string{"Event 7", "work.defects[0].code", "OCV-03", "acir", "0.207", "uncertain", "P2:1:1", "gateway", "history", `href="/events/8"`}},
		{"/events/10", 200, []string{"work.place", `\u202e&lt;i&gt;`, "reference", `href="/lots/` + oddEscaped + `"`}},
		{"/events/99", 404, []string{"There is nothing at position 99; the log ends at 13."}},
		{"/events/x", 400, []string{"is no number"}},
		{"/quarantine", 200, []string{`<a href="/quarantine/12">12</a>`, "malformed", oddEscaped}},
		{"/quarantine/13", 200, []string{"malformed", "no event &lt;scrip", oddEscaped + ":1:9", "18 bytes"}},
		{"/quarantine/7", 404, []string{"Position 7 is an event and not in quarantine."}},
		{"/ledger", 200, []string{">13<", "P1", oddEscaped}},
		{"/ledger?source=P2&from=2020-01-01&to=2020-01-02T06:00", 200, []string{"Nothing came from there then.", `value="2020-01-02T06:00:00"`}},
		{"/ledger?from=soon", 400, []string{"From must be a time"}},
		{"/sources", 200, []string{"6–8", oddEscaped}},
		{"/yield", 200, []string{"filling", "ocv", "100.00 %", "0.00 %", "Rolled throughput yield"}},
		{"/yield?by=shift&from=24h&by_equipment=1&equipment=L1.OCV", 200, []string{"L1.OCV.01", "scope=\"col\">Period<", " selected>by shift<", " checked>"}},
		{"/yield?segment=nope", 200, []string{"Nothing was tried for the first time there then."}},
		{"/yield?by=moon", 400, []string{"By must be hour, shift or day"}},
		{"/yield?from=2026-02-01&to=2026-01-01", 400, []string{"must be after start_time"}},
		{"/flags", 200, []string{"two parents: 1", "is built into items/M1 and items/M2 at once", `href="/events/8"`}},
		{"/flags?kind=FLAG_KIND_NAME_TAKEN", 200, []string{"Nothing of this kind is here."}},
		{"/flags?kind=x", 400, []string{"FLAG_KIND_TWO_PARENTS"}},
		{"/search", 200, []string{"Write an id"}},
		{"/search?q=T7", 200, []string{"carriers/T7"}},
		{"/search?q=C1%2520", 200, []string{"Nothing bears the name", "C1%20</code>"}},
		{"/search?q=100%25", 400, []string{"write %25 for a percent sign"}},
		{"/nowhere", 404, []string{"There is no page /nowhere.", "What to do"}},
	} {
		t.Run(tc.path, func(t *testing.T) {
			s.t = t
			page := s.text(tc.path, tc.status)
			for _, want := range tc.has {
				if !strings.Contains(page, want) {
					t.Errorf("the page has no %q:\n%s", want, content(page))
				}
			}
			if strings.Contains(page, "<script>") || strings.Contains(page, "ZgotmplZ") || strings.ContainsAny(page, "\x00\u202e") || !utf8.ValidString(page) {
				t.Errorf("something of an id or a text got through as it is:\n%s", content(page))
			}
		})
	}
	s.t = t
}

func zone(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

var links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// TestLinks follows every link from the overview on, ids of all sorts included:
// none leads nowhere.
func TestLinks(t *testing.T) {
	s := newSite(t)
	s.fill()
	seen := map[string]bool{"/": true}
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		r := s.get(queue[0])
		page := r.Body.String()
		// Beside an event may be a record in quarantine.
		if at := r.Header().Get("Location"); r.Code == http.StatusSeeOther && strings.HasPrefix(queue[0], "/events/") {
			page = s.get(at).Body.String()
		} else if r.Code != http.StatusOK {
			t.Errorf("GET %s = %d\n%s", queue[0], r.Code, page)
		}
		for _, m := range links.FindAllStringSubmatch(page, -1) {
			link := html.UnescapeString(m[1])
			link, _, _ = strings.Cut(link, "#")
			if link != "" && !seen[link] && !strings.Contains(link, "from=") {
				seen[link] = true
				queue = append(queue, link)
			}
		}
	}
	for _, want := range []string{"/items/" + oddEscaped, "/lots/" + oddEscaped, "/items?id=..", "/items?id=.&way=forward", "/quarantine/13", "/items/M2"} {
		if !seen[want] {
			t.Errorf("no page leads to %s", want)
		}
	}
	if page := s.text("/items?id=..&way=backward", 200); !strings.Contains(page, "What .. was made of") {
		t.Errorf("the page of .. is another's:\n%s", page)
	}
}

func TestSearchLeads(t *testing.T) {
	s := newSite(t)
	s.fill()
	for q, want := range map[string]string{"C1": "/items/C1", "CAN 7": "/items/C1", "CAN%207": "/items/C1", "EL-1": "/lots/EL-1", "..": "/items?id=.."} {
		r := s.get("/search?q=" + url.QueryEscape(q))
		if r.Code != http.StatusSeeOther || r.Header().Get("Location") != want {
			t.Errorf("a search for %q = %d to %s; want %s", q, r.Code, r.Header().Get("Location"), want)
		}
	}
	var found taktv1.SearchMaterialResponse
	s.json("/search?q="+url.QueryEscape(oddEscaped), 200, &found)
	if n := len(found.GetMatches()); n != 2 {
		t.Errorf("%d things bear the odd name; want an item and a lot", n)
	}
}

// TestJSON reads each page as the API's message.
func TestJSON(t *testing.T) {
	s := newSite(t)
	s.fill()
	var record taktv1.GetItemRecordResponse
	s.json("/items/CAN%207", 200, &record)
	if string(record.GetItem().GetId()) != "C1" || len(record.GetEntries()) != 7 || len(record.GetSchemas()) != 1 || record.GetPosition() != 13 {
		t.Errorf("record = %v", &record)
	}
	var oddRecord taktv1.GetItemRecordResponse
	s.json("/items/"+oddEscaped, 200, &oddRecord)
	if string(oddRecord.GetItem().GetId()) != odd || oddRecord.GetItem().GetName() != "items/"+oddEscaped {
		t.Errorf("the odd item = %v", oddRecord.GetItem())
	}
	var lot taktv1.GetLotResponse
	s.json("/lots/EL-1", 200, &lot)
	var trace taktv1.TraceGenealogyResponse
	s.json("/items/C1/backward", 200, &trace)
	if lot.GetLot().GetSupplier() != "Sol <b>" || len(trace.GetEdges()) != 2 || trace.GetEdges()[0].GetOutput() != "items/C1" {
		t.Errorf("lot = %v, trace = %v", &lot, &trace)
	}
	var event taktv1.LoggedEvent
	s.json("/events/7", 200, &event)
	if event.GetPosition() != 7 || event.GetEvent().GetWork().GetAttempt() != 1 {
		t.Errorf("event = %v", &event)
	}
	var events taktv1.ListEventsResponse
	s.json("/events", 200, &events)
	if len(events.GetEvents()) != 11 || events.GetEvents()[0].GetPosition() != 1 {
		t.Errorf("events = %v", &events)
	}
	var quarantine taktv1.ListQuarantinedRecordsResponse
	s.json("/quarantine", 200, &quarantine)
	var quarantined taktv1.QuarantinedRecord
	s.json("/quarantine/13", 200, &quarantined)
	if len(quarantine.GetRecords()) != 2 || string(quarantined.GetRecord().GetEvent()) != "\x99no event <script>" {
		t.Errorf("quarantine = %v, %v", &quarantine, &quarantined)
	}
	var ledger taktv1.ListLedgerEntriesResponse
	s.json("/ledger", 200, &ledger)
	if sum := ledger.GetSum(); sum.GetReceived() != 13 || sum.GetStored() != 11 || sum.GetQuarantined() != 2 || sum.GetHour() != nil {
		t.Errorf("ledger = %v", &ledger)
	}
	var sources taktv1.ListSourcesResponse
	s.json("/sources", 200, &sources)
	if len(sources.GetSources()) != 3 || sources.GetSources()[1].GetEpochs()[0].GetMissing() != 3 {
		t.Errorf("sources = %v", &sources)
	}
	var yields taktv1.ComputeYieldResponse
	s.json("/yield", 200, &yields)
	if len(yields.GetRows()) != 2 || yields.GetZone() != "Europe/Berlin" || yields.RolledThroughputYield == nil {
		t.Errorf("yield = %v", &yields)
	}
	var flags taktv1.ListFlagsResponse
	s.json("/flags", 200, &flags)
	if len(flags.GetFlags()) != 1 || flags.GetFlags()[0].GetKind() != taktv1.FlagKind_FLAG_KIND_TWO_PARENTS {
		t.Errorf("flags = %v", &flags)
	}
	var failure spb.Status
	s.json("/items/nope", 404, &failure)
	if failure.GetCode() != 5 || !strings.Contains(failure.GetMessage(), "nothing names items/nope") || len(failure.GetDetails()) != 1 {
		t.Errorf("failure = %v", &failure)
	}

	var overview map[string]json.RawMessage
	if err := json.Unmarshal(s.get("/?format=json").Body.Bytes(), &overview); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]proto.Message{
		"serverInfo": new(taktv1.ServerInfo), "ledger": new(taktv1.ListLedgerEntriesResponse), "sources": new(taktv1.ListSourcesResponse),
		"yield": new(taktv1.ComputeYieldResponse), "flags": new(taktv1.ListFlagsResponse),
	} {
		if err := protojson.Unmarshal(overview[name], m); err != nil {
			t.Errorf("overview: %s: %v", name, err)
		}
	}
}

// TestNegotiation gives browsers pages and programs JSON.
func TestNegotiation(t *testing.T) {
	s := newSite(t)
	for _, tc := range []struct{ path, accept, want string }{
		{"/", "", "text/html; charset=utf-8"},
		{"/", "*/*", "text/html; charset=utf-8"},
		{"/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"},
		{"/", "text/html, application/json;q=0.5", "text/html; charset=utf-8"},
		{"/", "application/json", "application/json"},
		{"/?format=json", "text/html", "application/json"},
		{"/?format=html", "application/json", "text/html; charset=utf-8"},
	} {
		r := s.get(tc.path, "Accept", tc.accept)
		if got := r.Header().Get("Content-Type"); got != tc.want || r.Header().Get("Vary") != "Accept" {
			t.Errorf("GET %s for %q = %s; want %s", tc.path, tc.accept, got, tc.want)
		}
	}
}

// TestPaging goes through lists that are longer than a page, by the links of the
// pages and by the tokens of the messages, while more comes in.
func TestPaging(t *testing.T) {
	s := newSite(t)
	const cells = 410
	more := func(from, to int) {
		records := make([]mes.Record, 0, to-from)
		for i := from; i < to; i++ {
			records = append(records, mes.Record{
				Identity: mes.Identity{Source: mes.Source(fmt.Sprintf("S%03d", i)), Epoch: 1, Sequence: 2},
				Event: mes.AppendEvent(nil, &mes.Event{EventTime: s.now, Equipment: "E", ProcessSegment: fmt.Sprintf("s%03d", i), Fact: &mes.Work{
					Subjects: []mes.Ref{itemRef(mes.ID(fmt.Sprintf("C%03d", i)), "cell")}, Disposition: mes.DispositionConformant,
					Consumed: []mes.Actual{{Ref: lotRef("LOT", "foil")}},
				}}),
			}, mes.Record{Identity: mes.Identity{Source: "Q", Epoch: 1, Sequence: mes.Sequence(i) + 1}, Event: []byte{0xff}})
		}
		s.append(records...)
	}
	more(0, cells)
	again := make([]mes.Record, cells)
	for i := range again {
		again[i] = mes.Record{
			Identity: mes.Identity{Source: "W", Epoch: 1, Sequence: mes.Sequence(i) + 1},
			Event: mes.AppendEvent(nil, &mes.Event{EventTime: s.now.Add(time.Duration(i) * time.Millisecond), Fact: &mes.Work{
				Subjects: []mes.Ref{itemRef("C000", "")},
			}}),
		}
	}
	s.append(again...)
	next := regexp.MustCompile(`<a href="([^"]*)" rel="next"`)
	for _, tc := range []struct {
		path, row string
		want      int
	}{
		{"/lots/LOT/forward", `<td class="id"><a href="(/items/C\d{3})" class="ref">C`, cells},
		{"/events?thing=lots/LOT", `<th scope="row" class="number"><a href="(/events/\d+)">`, cells},
		{"/events", `<th scope="row" class="number"><a href="(/events/\d+)">`, 2 * cells},
		{"/quarantine", `<th scope="row" class="number"><a href="(/quarantine/\d+)">`, cells},
		{"/ledger", `<th scope="row" class="id">(\w+)</th>`, cells + 2},
		{"/sources", `<a href="(/ledger\?source=\w+)">`, cells + 2},
		{"/yield", `<td>(s\d{3})</td>`, cells},
		{"/items/C000", `<td class="number"><a href="(/events/\d+)">`, cells + 1},
	} {
		t.Run(tc.path, func(t *testing.T) {
			s.t = t
			defer func() { s.t = nil }()
			row := regexp.MustCompile(tc.row)
			rows := make(map[string]bool)
			pages := 0
			for path := tc.path; path != ""; pages++ {
				page := s.text(path, 200)
				found := row.FindAllStringSubmatch(page, -1)
				if len(found) > 200 {
					t.Errorf("page %d has %d rows", pages+1, len(found))
				}
				for _, m := range found {
					if rows[m[1]] {
						t.Errorf("%s is on two pages", m[1])
					}
					rows[m[1]] = true
				}
				path = ""
				if m := next.FindStringSubmatch(page); m != nil {
					path = html.UnescapeString(m[1])
				}
			}
			if len(rows) != tc.want {
				t.Errorf("%d pages have %d rows; want %d", pages, len(rows), tc.want)
			}
		})
	}
	s.t = t

	// What comes in between is on none of the pages.
	got := make(map[string]bool)
	for token := ""; ; {
		var page taktv1.TraceGenealogyResponse
		s.json("/lots/LOT/forward?page_token="+url.QueryEscape(token), 200, &page)
		for _, e := range page.GetEdges() {
			got[e.GetOutput()] = true
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		more(cells+len(got), cells+len(got)+1)
	}
	if len(got) != cells {
		t.Errorf("%d edges by tokens; want %d", len(got), cells)
	}

	// A message without a token has the next page in a header.
	seen := 0
	for path := "/items/C000"; path != ""; {
		var page taktv1.GetItemRecordResponse
		header := s.json(path, 200, &page)
		seen += len(page.GetEntries())
		path, _, _ = strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
	}
	if seen != cells+1 {
		t.Errorf("%d entries by links; want %d", seen, cells+1)
	}
	if page := s.text("/items/C000", 200); !strings.Contains(page, "200 of 411 events by event time, from number 1 on.") {
		t.Error("an item's page does not say that there is more")
	}
	if page := s.text("/lots/LOT", 200); !strings.Contains(page, "The rest of it") {
		t.Error("a lot's page does not lead to the rest of its trace")
	}
}

// TestOverviewIsNew shows what was appended after the first look.
func TestOverviewIsNew(t *testing.T) {
	s := newSite(t)
	if page := s.text("/", 200); !strings.Contains(page, "Nothing has come yet.") || !strings.Contains(page, "Nothing contradicts itself.") {
		t.Errorf("an empty store's overview:\n%s", page)
	}
	s.fill()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		if strings.Contains(s.get("/").Body.String(), "two parents") {
			return
		}
	}
	t.Error("the overview is still the one from before")
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/items/nope", "/healthz", "/metrics", "/static/style.css", "/nowhere", "/?format=json"} {
		h := s.get(path).Header()
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'self'") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s has the headers %v", path, h)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		w := httptest.NewRecorder()
		s.server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/items/C1", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	if m := s.get("/metrics").Body.String(); !strings.Contains(m, "takt_store_commit_seconds_count") {
		t.Errorf("metrics are not the store's:\n%s", m)
	}
	if css := s.get("/static/style.css"); css.Code != 200 || css.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style = %d, %s", css.Code, css.Header().Get("Content-Type"))
	}
}

// TestReadiness follows the store's end.
func TestReadiness(t *testing.T) {
	s := newSite(t)
	s.fill()
	if r := s.get("/readyz"); r.Code != 200 || r.Body.String() != "ready at position 13\n" {
		t.Errorf("readyz of an open store = %d", r.Code)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if r := s.get("/readyz"); r.Code != http.StatusServiceUnavailable || !strings.Contains(r.Body.String(), "the store is closed") {
		t.Errorf("readyz of a closed store = %d", r.Code)
	}
	if r := s.get("/healthz"); r.Code != 200 {
		t.Errorf("healthz of a closed store = %d", r.Code)
	}
	s.text("/items/C1", http.StatusServiceUnavailable)
	var failure spb.Status
	s.json("/items/C1", http.StatusServiceUnavailable, &failure)
	if failure.GetCode() != 14 {
		t.Errorf("failure = %v; want UNAVAILABLE", &failure)
	}
}

// TestServe serves on a socket until its context ends.
func TestServe(t *testing.T) {
	s := newSite(t)
	s.fill()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ctx, l) }()
	ask := func(method, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(r)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r, err := ask(method, "/items/"+oddEscaped)
		if err != nil {
			t.Fatal(err)
		}
		page := body(t, r)
		if r.StatusCode != http.StatusOK || (page == "") != (method == http.MethodHead) || method == http.MethodGet && !strings.Contains(page, oddEscaped) {
			t.Errorf("%s = %d and %d bytes", method, r.StatusCode, len(page))
		}
		_ = r.Body.Close()
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v; want nil when its context ends", err)
	}
	if r, err := ask(http.MethodGet, "/healthz"); err == nil {
		_ = r.Body.Close()
		t.Error("it still answers")
	}
	l, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := s.server.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener = %v", err)
	}
}

// TestClocksChange tells the two half past twos of an October night apart.
func TestClocksChange(t *testing.T) {
	s := newSite(t)
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	for i := range 2 {
		s.add("P1", &mes.Event{EventTime: first.Add(time.Duration(i) * time.Hour), ProcessSegment: "ocv", Fact: &mes.Work{Subjects: []mes.Ref{itemRef("C1", "")}}})
	}
	page := s.text("/items/C1", 200)
	got := regexp.MustCompile(`2026-10-25 02:30:00 <span class="zone">(\S+)</span>`).FindAllStringSubmatch(page, -1)
	offsets := make([]string, 0, len(got))
	for _, m := range got {
		offsets = append(offsets, html.UnescapeString(m[1]))
	}
	slices.Sort(offsets)
	// The last work's time is shown in the header too.
	if diff := cmp.Diff([]string{"+01:00", "+01:00", "+02:00"}, offsets); diff != "" {
		t.Errorf("offsets mismatch (-want +got):\n%s", diff)
	}
}
