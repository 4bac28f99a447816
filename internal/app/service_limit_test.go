package app

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
)

// TestFewFiles has many more clients connect than the process may have files: those
// that are connected are served, the store opens what it needs, and others come to
// their turn when somebody leaves.
func TestFewFiles(t *testing.T) {
	dir := t.TempDir()
	bin := build(t, dir)
	addresses := filepath.Join(dir, "addresses")
	service := startProcess(t, "sh", filepath.Join(dir, "serve.log"), "-c", `ulimit -n 64 && exec "$0" "$@"`,
		bin, "serve", "--data", filepath.Join(dir, "store"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--address-file", addresses)
	grpc, http := readAddresses(t, service, addresses)
	c, err := client.Dial(client.Config{Addr: grpc})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	sent := 0
	send := func() {
		t.Helper()
		sent++
		item := mes.Thing{Kind: mes.RefItem, ID: mes.ID("CELL-" + strconv.Itoa(sent))}
		event := mes.Event{EventTime: time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC), Fact: &mes.Work{Subjects: []mes.Ref{{Thing: item}}}}
		record := mes.Record{Identity: mes.Identity{Source: "P1", Epoch: 1, Sequence: mes.Sequence(sent)}, Event: mes.AppendEvent(nil, &event)}
		if _, err := c.AppendAll(t.Context(), client.Sender{Gateway: "g1", Spool: strconv.Itoa(sent)}, nil, one(record), nil); err != nil {
			t.Fatalf("record %d: %v", sent, err)
		}
	}
	send()
	var crowd []net.Conn
	for range 100 {
		for _, address := range []string{grpc, http} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, conn)
		}
	}
	for range 20 {
		send()
	}
	// A check writes a file of its own.
	check, err := taktv1.NewAdminServiceClient(c.Conn()).CheckStore(t.Context(), &taktv1.CheckStoreRequest{})
	for err == nil {
		_, err = check.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("check, while many are connected: %v", err)
	}
	for _, conn := range crowd {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	late, err := client.Dial(client.Config{Addr: grpc})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	record, err := late.ItemRecord(t.Context(), &taktv1.GetItemRecordRequest{Name: "items/CELL-" + strconv.Itoa(sent)})
	if err != nil || len(record.GetEntries()) != 1 {
		t.Errorf("a client that came later is answered %d entries, %v", len(record.GetEntries()), err)
	}
	service.interrupt()
	if err := service.wait(); err != nil {
		t.Errorf("end after an interrupt: %v", err)
	}
	checkStore(t, filepath.Join(dir, "store"))
}
