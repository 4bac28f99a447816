package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// record asks for a cell's whole record.
func (t *takt) record(ctx context.Context, cell string) (*taktv1.GetItemRecordResponse, error) {
	return t.client.ItemRecord(ctx, &taktv1.GetItemRecordRequest{Name: "items/" + cell})
}

// recordLines returns a record as lines that can be compared.
func recordLines(r *taktv1.GetItemRecordResponse) []string {
	var lines []string
	for _, entry := range r.GetEntries() {
		id, e := entry.GetEvent().GetIdentity(), entry.GetEvent().GetEvent()
		work := e.GetWork()
		lines = append(lines, eventLine(
			string(id.GetSource()), id.GetSequence(), e.GetEventTime().AsTime(), string(e.GetEquipment()), e.GetProcessSegment(),
			int(work.GetDisposition()), int(work.GetAttempt()), work.GetMeasurements().GetValues(),
		))
	}
	return lines
}

// eventLine returns what both sides say of an event, values to the bit.
func eventLine(source string, sequence uint64, at time.Time, equipment, segment string, disposition, attempt int, values []float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %s %s %s %d %d", source, sequence, at.UTC().Format(time.RFC3339Nano), equipment, segment, disposition, attempt)
	for _, v := range values {
		fmt.Fprintf(&b, " %x", math.Float64bits(v))
	}
	return b.String()
}

// backward returns the edges that lead to a cell.
func (t *takt) backward(ctx context.Context, cell string) ([]*taktv1.GenealogyEdge, error) {
	var edges []*taktv1.GenealogyEdge
	request := &taktv1.StreamGenealogyRequest{Thing: "items/" + cell, Direction: taktv1.Direction_DIRECTION_BACKWARD}
	for response, err := range t.client.Trace(ctx, request) {
		if err != nil {
			return nil, err
		}
		edges = append(edges, response.GetEdges()...)
	}
	return edges, nil
}

// edgeLines returns edges as lines that can be compared, in no order of time.
func edgeLines(edges []*taktv1.GenealogyEdge) []string {
	var lines []string
	for _, e := range edges {
		lines = append(lines, edgeLine(thingID(e.GetInput()), thingID(e.GetOutput()), int(e.GetDepth())))
	}
	slices.Sort(lines)
	return lines
}

func edgeLine(input, output string, depth int) string {
	return fmt.Sprintf("%s %s %d", input, output, depth)
}

// thingID returns the id in a thing's name; the bench's ids need no unescaping.
func thingID(name string) string { return name[strings.IndexByte(name, '/')+1:] }

// forward returns the ids of all that was made of a lot, each once.
func (t *takt) forward(ctx context.Context, lot string) (map[string]bool, error) {
	things := make(map[string]bool)
	request := &taktv1.StreamGenealogyRequest{Thing: "lots/" + lot, Direction: taktv1.Direction_DIRECTION_FORWARD, ThingsOnly: true}
	for response, err := range t.client.Trace(ctx, request) {
		if err != nil {
			return nil, err
		}
		for _, alike := range response.GetThings() {
			for _, id := range alike.GetIds() {
				things[string(id)] = true
			}
		}
	}
	return things, nil
}

// yield asks for first-pass yield between two instants.
func (t *takt) yield(ctx context.Context, from, to time.Time) ([]string, error) {
	response, err := taktv1.NewYieldServiceClient(t.client.Conn()).ComputeYield(ctx, &taktv1.ComputeYieldRequest{
		StartTime: timestamppb.New(from), EndTime: timestamppb.New(to),
	})
	var lines []string
	for _, r := range response.GetRows() {
		lines = append(lines, yieldLine(r.GetProcessSegment(), r.GetTested(), r.GetPassed()))
	}
	slices.Sort(lines)
	return lines, err
}

func yieldLine(segment string, tested, passed uint64) string {
	return fmt.Sprintf("%s %d of %d", segment, passed, tested)
}
