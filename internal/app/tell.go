package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// progress overwrites the last line on a terminal, and is silent elsewhere.
func (d *demo) progress(format string, args ...any) {
	if d.cfg.Terminal {
		_, _ = fmt.Fprintf(d.cfg.Out, "\r\033[K"+format, args...)
	}
}

// suggest prints where the service is and what is worth trying, with names out
// of the store.
func (d *demo) suggest(ctx context.Context, began time.Time) error {
	cell, lot, err := d.example(ctx)
	if err != nil {
		return err
	}
	if d.cfg.Terminal {
		_, _ = fmt.Fprint(d.cfg.Out, "\r\033[K")
	}
	d.say("ready in %.1f s", time.Since(began).Seconds())
	d.say("  page   http://%s/", d.service.http.Addr())
	d.say("  gRPC   %s (reflection is on: grpcurl -plaintext %s list)", d.service.grpc.Addr(), d.service.grpc.Addr())
	d.say("try in a second terminal:")
	server := ""
	if addr := d.service.grpc.Addr().String(); addr != "127.0.0.1:7600" {
		server = " --server " + addr
	}
	for _, command := range []string{"trace backward " + cell, "item show " + cell, "trace forward lots/" + lot} {
		d.say("  go run ./cmd/takt %s%s", command, server)
	}
	return nil
}

// example returns a finished cell that is built into a pack, and a supplier's
// lot that went into it.
func (d *demo) example(ctx context.Context) (cell, lot string, err error) {
	packs, err := taktv1.NewMaterialServiceClient(d.client.Conn()).ListItems(ctx, &taktv1.ListItemsRequest{MaterialDefinition: "pack-96S", PageSize: 1})
	if err != nil {
		return "", "", fmt.Errorf("ask for a pack: %w", err)
	}
	if len(packs.GetItems()) == 0 {
		return "", "", errors.New("the history has no finished pack")
	}
	trace, err := taktv1.NewGenealogyServiceClient(d.client.Conn()).TraceGenealogy(ctx, &taktv1.TraceGenealogyRequest{
		Thing: packs.GetItems()[0].GetName(), Direction: taktv1.Direction_DIRECTION_BACKWARD, PageSize: 10_000,
	})
	if err != nil {
		return "", "", fmt.Errorf("trace a pack: %w", err)
	}
	for _, e := range trace.GetEdges() {
		if cell == "" && e.GetInputDefinition() == "cell" {
			cell = strings.TrimPrefix(e.GetInput(), "items/")
		}
		if lot == "" && e.GetInputDefinition() == "electrolyte" {
			lot = strings.TrimPrefix(e.GetInput(), "lots/")
		}
	}
	if cell == "" || lot == "" {
		return "", "", errors.New("the history has no pack that can be traced to its lots")
	}
	return cell, lot, nil
}

// teller returns what tells how the line goes: each second on a terminal, and
// every ten seconds elsewhere, or when it is the last word.
func (d *demo) teller() func(last bool) {
	const elsewhere = 10
	n := 0
	return func(last bool) {
		n++
		line, gateway := d.sim.Stats(), d.gateway.Stats()
		text := fmt.Sprintf("%s  %d cells finished live, %d records acknowledged; ready to ack p50 %s p99 %s at the PLC, %s and %s of it the gateway's; position %d",
			line.Now.Format("2006-01-02 15:04:05"), d.finished.Load(), line.Acknowledged,
			milliseconds(line.Latency.Quantile(.5)), milliseconds(line.Latency.Quantile(.99)),
			milliseconds(gateway.Spooled.Quantile(.5)+gateway.Acked.Quantile(.5)), milliseconds(gateway.Spooled.Quantile(.99)+gateway.Acked.Quantile(.99)), d.service.store.Position())
		switch {
		case d.cfg.Terminal && !last:
			d.progress("%s", text)
		case last && d.cfg.Terminal:
			d.progress("%s\n", text)
		case last || n%elsewhere == 0:
			d.say("%s", text)
		}
	}
}

func milliseconds(t time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(t)/float64(time.Millisecond))
}
