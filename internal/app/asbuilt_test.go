package app

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/push"
)

// TestAsBuilt pushes the as-built data of Catena-X (161 parts, 283 edges) as
// events, and asks for the traces of every part both ways: they are the closure
// of the edges, and every serial that is built into more than one parent is
// stored and flagged.
func TestAsBuilt(t *testing.T) {
	items := table(t, "genealogy/items.csv")
	edges := table(t, "genealogy/edges.csv")
	things := make(map[string]mes.Thing)
	definitions := make(map[string]string)
	for _, item := range items {
		kind := mes.RefItem
		if item["kind"] == "batch" {
			kind = mes.RefLot
		}
		things[item["catenaXId"]] = mes.Thing{Kind: kind, ID: mes.ID(item["catenaXId"])}
		definitions[item["catenaXId"]] = item["name"]
	}
	var lines bytes.Buffer
	down, up := make(closure), make(closure)
	for i, edge := range edges {
		parent, child := things[edge["parent"]], things[edge["child"]]
		down.add(parent.String(), child.String())
		up.add(child.String(), parent.String())
		assembled, err := time.Parse(time.RFC3339, edge["assembledOn"])
		if err != nil {
			t.Fatal(err)
		}
		writeLine(t, &lines, map[string]any{
			"source": "catena-x/as-built", "sequence": i + 1,
			"event": map[string]any{
				"eventTime": assembled.Format(time.RFC3339Nano), "processSegment": "assembly",
				"work": map[string]any{
					"subjects": []any{ref(parent, definitions[edge["parent"]])},
					"consumed": []any{map[string]any{
						"ref": ref(child, definitions[edge["child"]]),
						"quantity": map[string]any{
							"value": edge["quantity"], "unit": map[string]string{"unit:piece": "1", "unit:kilogram": "kg"}[edge["unit"]],
						},
					}},
				},
			},
		})
	}
	c := serve(t, Site{})
	records := push.JSON(&lines, push.Config{Name: "edges"})
	total, err := c.AppendAll(t.Context(), client.Sender{Gateway: "push", Spool: "as-built"}, nil, records.Records(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if total.Stored != uint64(len(edges)) {
		t.Fatalf("stored %d events of %d edges", total.Stored, len(edges))
	}
	traces := 0
	for _, item := range items {
		thing := things[item["catenaXId"]].String()
		for way, want := range map[taktv1.Direction]closure{taktv1.Direction_DIRECTION_BACKWARD: down, taktv1.Direction_DIRECTION_FORWARD: up} {
			if len(down[thing])+len(up[thing]) == 0 {
				continue // no edge names it, so no event does
			}
			traces++
			if diff := cmp.Diff(want.from(thing), traced(t, c, thing, way)); diff != "" {
				t.Errorf("trace %s of %s mismatch (-want +got):\n%s", way, thing, diff)
			}
		}
	}
	var wantFlagged []string
	for _, item := range items {
		if thing := things[item["catenaXId"]]; thing.Kind == mes.RefItem && len(up[thing.String()]) > 1 {
			wantFlagged = append(wantFlagged, thing.String())
		}
	}
	flags, err := taktv1.NewMaterialServiceClient(c.Conn()).ListFlags(t.Context(), &taktv1.ListFlagsRequest{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var flagged []string
	for _, f := range flags.GetFlags() {
		if f.GetKind() != taktv1.FlagKind_FLAG_KIND_TWO_PARENTS {
			t.Errorf("%s is flagged %s: %s", f.GetThing(), f.GetKind(), f.GetDetail())
		}
		flagged = append(flagged, f.GetThing())
	}
	slices.Sort(wantFlagged)
	slices.Sort(flagged)
	if diff := cmp.Diff(wantFlagged, flagged); diff != "" {
		t.Errorf("flagged serials mismatch (-want +got):\n%s", diff)
	}
	t.Logf("%d traces equal the closure of %d edges; %d serials with more than one parent flagged", traces, len(edges), len(flagged))
}

// closure is what each thing leads to in one step.
type closure map[string]map[string]bool

func (c closure) add(from, to string) {
	if c[from] == nil {
		c[from] = make(map[string]bool)
	}
	c[from][to] = true
}

// from returns everything that a thing leads to, the thing itself left out.
func (c closure) from(thing string) []string {
	reached := make(map[string]bool)
	queue := []string{thing}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for next := range c[at] {
			if !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
	}
	delete(reached, thing)
	return slices.Sorted(maps.Keys(reached))
}

// traced returns the things at the far ends of a trace's edges, in small pages.
func traced(t *testing.T, c *served, thing string, way taktv1.Direction) []string {
	t.Helper()
	reached := make(map[string]bool)
	request := &taktv1.TraceGenealogyRequest{Thing: thing, Direction: way, PageSize: 37}
	for {
		page, err := taktv1.NewGenealogyServiceClient(c.Conn()).TraceGenealogy(t.Context(), request)
		if err != nil {
			t.Fatalf("trace %s: %v", thing, err)
		}
		for _, e := range page.GetEdges() {
			if e.GetCertainty() != taktv1.Certainty_CERTAINTY_CERTAIN {
				t.Errorf("trace %s: %s to %s is %s", thing, e.GetInput(), e.GetOutput(), e.GetCertainty())
			}
			if way == taktv1.Direction_DIRECTION_BACKWARD {
				reached[e.GetInput()] = true
			} else {
				reached[e.GetOutput()] = true
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
			delete(reached, thing)
			return slices.Sorted(maps.Keys(reached))
		}
	}
}

func ref(t mes.Thing, definition string) map[string]any {
	kinds := map[mes.RefKind]string{mes.RefItem: "REF_KIND_ITEM", mes.RefLot: "REF_KIND_LOT"}
	return map[string]any{"kind": kinds[t.Kind], "id": map[string]any{"text": string(t.ID)}, "materialDefinition": definition}
}

func writeLine(t *testing.T, w *bytes.Buffer, v any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Fatal(err)
	}
}

// table reads a CSV file of the shared data, a map a row.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(shared(t, name)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, row := range rows[1:] {
		m := make(map[string]string)
		for i, column := range rows[0] {
			m[column] = row[i]
		}
		list = append(list, m)
	}
	return list
}
