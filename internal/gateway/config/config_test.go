package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

const file = `gateway:
  name: line-1
  zone: Europe/Berlin
  spool: {dir: spool, max_bytes: 20GiB, retention: 72h}
  server: {addr: 127.0.0.1:7600}
schemas:
  winding: [{characteristic: cathode_length, unit: m}, {characteristic: cycle_time, unit: s}]
plcs:
  - name: L1P2
    endpoint: opc.tcp://127.0.0.1:4841
    security: {policy: None, mode: None, allow_none: true}
    namespaces: {p: "urn:takt:line"}
    subscription: {publish: 100ms}
    boot_id: 'p;s=PLC.BootId'
    stations:
      - {source: L1/P2/WND01, template: std, vars: {block: L1.WND.01}, schema: winding}
      - {source: L1/P2/WND02, template: std, vars: {block: L1.WND.02}, schema: winding}
templates:
  std:
    pattern: handshake_seq
    ready: 'p;s={block}.Ready'
    ack: 'p;s={block}.Ack'
    seq: 'p;s={block}.Seq'
    kind: 'p;s={block}.Kind'
    records:
      - kind: 1
        fields:
          event_time: 'p;s={block}.Time'
          process_segment: {const: winding}
          mode: {const: 2}
          work.subjects[].id: {tag: 'p;s={block}.SubjectId', padding: space}
          work.disposition: {tag: 'p;s={block}.Res', codes: {1: DISPOSITION_CONFORMANT, 2: DISPOSITION_SCRAP}}
          work.consumed[].quantity.value: {tag: 'p;s={block}.ConQty', scale: -6}
          work.measurements: ['p;s={block}.Torque', 'p;s={block}.Angle']
      - kind: 3
        fields:
          event_time: 'p;s={block}.Time'
          slot_change.action: 'p;s={block}.SlotAction'
`

func parse(t *testing.T) Config {
	t.Helper()
	c, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	want := Config{
		Gateway: Gateway{
			Name:   "line-1",
			Zone:   "Europe/Berlin",
			Spool:  Spool{Dir: "spool", MaxBytes: 20 << 30, Retention: 72 * time.Hour},
			Server: Server{Addr: "127.0.0.1:7600"},
		},
		Schemas: map[string][]Column{"winding": {{Characteristic: "cathode_length", Unit: "m"}, {Characteristic: "cycle_time", Unit: "s"}}},
		PLCs: []PLC{{
			Name:         "L1P2",
			Endpoint:     "opc.tcp://127.0.0.1:4841",
			Security:     Security{Policy: "None", Mode: "None", AllowNone: true},
			Namespaces:   map[string]string{"p": "urn:takt:line"},
			Subscription: Subscription{Publish: 100 * time.Millisecond}, SessionTimeout: 30 * time.Second,
			BootID: "p;s=PLC.BootId",
			Clock:  Clock{MaxOffset: 2 * time.Second},
			Stations: []Station{
				{Source: "L1/P2/WND01", Template: "std", Vars: map[string]string{"block": "L1.WND.01"}, Schema: "winding"},
				{Source: "L1/P2/WND02", Template: "std", Vars: map[string]string{"block": "L1.WND.02"}, Schema: "winding"},
			},
		}},
		Templates: map[string]Template{"std": {
			Pattern: "handshake_seq",
			Ready:   "p;s={block}.Ready",
			Ack:     "p;s={block}.Ack",
			Seq:     "p;s={block}.Seq",
			Kind:    "p;s={block}.Kind",
			Records: []Record{
				{Kind: 1, Fields: map[string]Field{
					"event_time":                     Tag("p;s={block}.Time"),
					"process_segment":                Const("winding"),
					"mode":                           Const("2"),
					"work.subjects[].id":             {Tag: "p;s={block}.SubjectId", Padding: PaddingSpace},
					"work.disposition":               {Tag: "p;s={block}.Res", Codes: map[int64]string{1: "DISPOSITION_CONFORMANT", 2: "DISPOSITION_SCRAP"}},
					"work.consumed[].quantity.value": {Tag: "p;s={block}.ConQty", Scale: -6},
					"work.measurements":              {Tags: []string{"p;s={block}.Torque", "p;s={block}.Angle"}},
				}},
				{Kind: 3, Fields: map[string]Field{
					"event_time":         Tag("p;s={block}.Time"),
					"slot_change.action": Tag("p;s={block}.SlotAction"),
				}},
			},
		}},
	}
	if diff := cmp.Diff(want, parse(t)); diff != "" {
		t.Errorf("Parse mismatch (-want +got):\n%s", diff)
	}
}

func TestYAMLRoundTrip(t *testing.T) {
	want := parse(t)
	data, err := want.YAML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse of what YAML wrote: %v\n%s", err, data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip mismatch (-want +got):\n%s\n%s", diff, data)
	}
}

func TestStandardBlockRoundTrip(t *testing.T) {
	want := parse(t)
	want.Templates["std"] = StandardBlock()
	data, err := want.YAML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse of what YAML wrote: %v\n%s", err, data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip mismatch (-want +got):\n%s", diff)
	}
}

func TestParseSetsDefaults(t *testing.T) {
	short := strings.NewReplacer(
		"  zone: Europe/Berlin\n", "",
		"  spool: {dir: spool, max_bytes: 20GiB, retention: 72h}\n", "",
		"  server: {addr: 127.0.0.1:7600}\n", "",
		"    subscription: {publish: 100ms}\n", "",
	).Replace(file)
	got, err := Parse([]byte(short))
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t)
	want.Gateway.Zone = "UTC"
	want.Gateway.Spool.Dir = "takt-data/gateway"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse mismatch (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // What is changed in the file.
		want     string
	}{
		{
			"unknown key", "    endpoint:", "    endpont:",
			`line 10, column 5: unknown key "endpont"; did you mean "endpoint"?`,
		},
		{
			"unknown key in a flow mapping", "{addr: 127.0.0.1:7600}", "{adr: 127.0.0.1:7600}",
			`line 5, column 12: unknown key "adr"; did you mean "addr"?`,
		},
		{
			"limits the wrong way round", "cathode_length, unit: m}", "cathode_length, unit: m, lsl: 4.5, usl: 4}",
			`line 7, column 12: schemas.winding cannot be a schema: schema.columns[0].lower_spec_limit is 4.5, above the upper one, 4`,
		},
		{
			"swapped letters", "  name: line-1", "  anme: line-1",
			`line 2, column 3: unknown key "anme"; did you mean "name"?`,
		},
		{
			"unknown key without a likely word", "  name: line-1", "  name: line-1\n  colour: red",
			`line 3, column 3: unknown key "colour"`,
		},
		{
			"unknown key of a field", "padding: space", "pading: space",
			`line 31, column 62: unknown key "pading"; did you mean "padding"?`,
		},
		{
			"duplicate key", "  name: line-1", "  name: line-1\n  name: line-2",
			`line 3, column 3: mapping key "name" already defined at [2:3]`,
		},
		{
			"wrong type", "{block: L1.WND.02}, schema: winding}", "[L1.WND.02], schema: winding}",
			`line 17, column 52: sequence was used where mapping is expected`,
		},
		{
			"no YAML", "addr: 127.0.0.1:7600}", "addr: 127.0.0.1:7600",
			`line 6, column 1: ',' or '}' must be specified`,
		},
		{
			"duplicate source", "source: L1/P2/WND02", "source: L1/P2/WND01",
			`line 17, column 18: plcs[0].stations[1].source "L1/P2/WND01" is taken by station 0 of L1P2; two blocks under one name would be one source`,
		},
		{
			"the gateway's own source", "source: L1/P2/WND02", "source: gateway/line-1",
			`line 17, column 18: plcs[0].stations[1].source "gateway/line-1" is taken by the gateway itself; two blocks under one name would be one source`,
		},
		{
			"missing template", "WND02, template: std", "WND02, template: sdt",
			`line 17, column 41: plcs[0].stations[1].template "sdt" is not among the templates; did you mean "std"?`,
		},
		{
			"missing schema", "L1.WND.02}, schema: winding", "L1.WND.02}, schema: windin",
			`line 17, column 80: plcs[0].stations[1].schema "windin" is not among the schemas; did you mean "winding"?`,
		},
		{
			"missing var", "vars: {block: L1.WND.02}", "vars: {blok: L1.WND.02}",
			`line 17, column 10: plcs[0].stations[1] does not fit template "std": "p;s={block}.Ready" needs {block}, which is not among the station's vars; did you mean "blok"?`,
		},
		{
			"missing namespace", "{p: \"urn:takt:line\"}", "{q: \"urn:takt:line\"}",
			`line 14, column 14: plcs[0].boot_id "p;s=PLC.BootId" begins with "p", which is not among the PLC's namespaces; did you mean "q"?`,
		},
		{
			"namespace by index", "'p;s=PLC.BootId'", "'ns=2;s=PLC.BootId'",
			`line 14, column 14: plcs[0].boot_id "ns=2;s=PLC.BootId" names its namespace by an index, which moves when the PLC is loaded anew; write its short name from namespaces, as 'p;s=PLC.BootId'`,
		},
		{
			"no node id", "'p;s=PLC.BootId'", "'PLC.BootId'",
			`line 14, column 14: plcs[0].boot_id "PLC.BootId" is no node id; write 'p;s=NAME', p being a short name from namespaces`,
		},
		{
			"open channel", ", allow_none: true", "",
			`line 11, column 16: plcs[0].security leaves the channel open; add allow_none: true where that is meant`,
		},
		{
			"password over an open channel", "    boot_id", "    auth: {username: mes, password_file: mes.pw}\n    boot_id",
			`line 14, column 12: plcs[0].auth would send a password over an open channel; choose a security policy`,
		},
		{
			"secure without a pin", "{policy: None, mode: None, allow_none: true}", "{policy: Basic256Sha256, mode: Sign}",
			`line 9, column 5: plcs[0].trust names no certificate; give the SHA-256 of the PLC's in pin_sha256, for without it anybody could be the PLC`,
		},
		{
			"policy", "policy: None", "policy: Basic256Sha25",
			`line 11, column 24: plcs[0].security.policy "Basic256Sha25" is not one of None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss; did you mean "Basic256Sha256"?`,
		},
		{
			"zone", "Europe/Berlin", "Europe/Bärlin",
			`line 3, column 9: gateway.zone "Europe/Bärlin" is no time zone; write it as Europe/Berlin`,
		},
		{
			"size", "20GiB", "20GB",
			`line 4, column 34: "20GB" is no size; write it as 20GiB`,
		},
		{
			"duration", "publish: 100ms", "publish: 100mss",
			`line 13, column 29: "100mss" is no duration; write it as 100ms or 72h`,
		},
		{
			"session timeout", "subscription: {publish: 100ms}", "session_timeout: 5s",
			`line 13, column 22: plcs[0].session_timeout is 5s; 10s to 1h0m0s are taken`,
		},
		{
			"no event time", "          event_time: 'p;s={block}.Time'\n          slot", "          slot",
			`line 37, column 11: templates.std.records[1].fields does not say event_time, which every event has`,
		},
		{
			"kind twice", "kind: 3", "kind: 1",
			`line 35, column 15: templates.std.records[1].kind 1 comes twice`,
		},
		{
			"codes of a constant", "{const: 2}", "{const: 2, scale: 3}",
			`line 30, column 18: templates.std.records[0].fields.mode has codes, scale or padding, which belong to a tag`,
		},
		{
			"pattern", "handshake_seq", "handshake_bit",
			`line 20, column 14: templates.std.pattern "handshake_bit" is not one of handshake_seq`,
		},
		{
			"schema with a name twice", "characteristic: cycle_time", "characteristic: cathode_length",
			`line 7, column 12: schemas.winding cannot be a schema: schema.columns[1].characteristic "cathode_length" comes twice`,
		},
		{
			"second document", "templates:", "---\ntemplates:",
			`line 19, column 1: there is more than one document in the file; a gateway file is one`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := strings.Replace(file, test.old, test.new, 1)
			if changed == file {
				t.Fatalf("the file has no %q", test.old)
			}
			_, err := Parse([]byte(changed))
			if err == nil {
				t.Fatalf("Parse takes it; want %q", test.want)
			}
			if got := err.Error(); got != test.want {
				t.Errorf("Parse:\n got %s\nwant %s", got, test.want)
			}
			if code := mes.CodeOf(err); code != mes.CodeInvalid {
				t.Errorf("its code is %d, want CodeInvalid", code)
			}
			var e *mes.Error
			if !errors.As(err, &e) || e.Values["line"] == "" || e.Values["column"] == "" {
				t.Errorf("it does not say line and column as values: %v", err)
			}
		})
	}
}

func TestParseRefusesAnEmptyFile(t *testing.T) {
	for _, data := range []string{"", "# nothing\n", "---\n", "[]", "text"} {
		if c, err := Parse([]byte(data)); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", data, c)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := t.TempDir() + "/gateway.yaml"
	if _, err := Load(path); mes.CodeOf(err) != mes.CodeNotFound {
		t.Errorf("Load of no file: %v, want CodeNotFound", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file)
	f.Add("plcs: [")
	f.Add("gateway: *x")
	f.Add("gateway: &x {<<: *x}")
	f.Fuzz(func(t *testing.T, data string) {
		c, err := Parse([]byte(data))
		if err != nil {
			return
		}
		out, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(out); err != nil {
			t.Errorf("Parse refuses what YAML wrote: %v\n%s", err, out)
		}
	})
}
