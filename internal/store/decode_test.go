package store

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// FuzzDecode gives bytes from a disk to everything that reads them: none may
// panic, and an error is CodeDamaged. What is written again from what was read
// is read the same.
func FuzzDecode(f *testing.F) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	event := mes.AppendEvent(nil, &mes.Event{
		EventTime: at, Equipment: "E", ProcessSegment: "ocv",
		Fact: &mes.Work{Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: "C1"}}}},
	})
	stored := entry{position: 1, record: mes.Record{
		Identity: mes.Identity{Source: "S", Epoch: 1, Sequence: 2}, Event: event,
		Provenance: mes.Provenance{Gateway: "g", Spool: "s", Offset: 3, GatewayTime: at},
	}}
	kept := entry{record: mes.Record{Event: []byte{0xff}}, reason: ReasonMalformed, detail: "malformed"}
	g := group{
		number: 1, first: 1, time: at, schemas: []mes.Schema{{Columns: []mes.Column{{Characteristic: "ocv", Unit: "V"}}}},
		tallies: []tally{{"S", 1, 2}}, durables: []durable{{"g", "s", 3}},
	}
	chained, _ := g.encode([][]byte{stored.encode()})
	for _, seed := range [][]byte{
		nil,
		{0xff},
		bytes.Repeat([]byte{0xff}, 100), bytes.Repeat([]byte{0x80}, 20), stored.encode(), kept.encode(), chained,
		chained[:len(chained)-1], stored.encode()[:20], span{first: 1, last: 9, gaps: []gap{{3, 4}}}.encode(),
		firstAttempt{position: 1, moment: moment{1, 1, 1, at}, passed: true}.encode(),
		equipmentEntry{events: 1, last: at, known: true, displayName: "OCV 1"}.encode(),
		key(nil).u8(uint8(mes.RefItem)).name("C1").name("cell"), key(nil).u8(1).moment(moment{1, 1, 1, at}),
		key(nil).u64(1).u64(2).u64(3).u64(4), key(nil).u8(1).u64(2).time(at).u64(3),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range decoders {
			if err := d.decode(t, data); err != nil && mes.CodeOf(err) != mes.CodeDamaged {
				t.Errorf("%s: %v has the code %d; want CodeDamaged", d.name, err, mes.CodeOf(err))
			}
		}
	})
}

// decoders are all that read what the file holds, each from one value, behind a
// key as long as the shortest that it is called with.
var decoders = []struct {
	name   string
	decode func(t *testing.T, data []byte) error
}{
	{"entry", func(t *testing.T, data []byte) error {
		t.Helper()
		e, err := decodeEntry(1, data, true)
		if err != nil {
			return err
		}
		again, err := decodeEntry(1, e.encode(), true)
		if err != nil || !reflect.DeepEqual(e.record, again.record) || e.reason != again.reason || e.detail != again.detail {
			t.Errorf("entry %+v read again %+v, %v", e, again, err)
		}
		return nil
	}},
	{"group", func(t *testing.T, data []byte) error {
		t.Helper()
		g, count, _, err := decodeGroup(1, data)
		if err != nil {
			return err
		}
		g.entries = make([]entry, min(count, 10))
		value, hash := g.encode(nil)
		again, _, hashAgain, err := decodeGroup(1, value)
		again.entries = g.entries
		if err != nil || hash != hashAgain || !reflect.DeepEqual(g, again) {
			t.Errorf("group %+v read again %+v, %v", g, again, err)
		}
		return nil
	}},
	{"span", func(t *testing.T, data []byte) error {
		t.Helper()
		s, err := decodeSpan(data)
		if err == nil && !bytes.Equal(s.encode(), data) {
			t.Errorf("span %x written again %x", data, s.encode())
		}
		return err
	}},
	{"first attempt", func(_ *testing.T, data []byte) error { _, err := decodeFirst(data); return err }},
	{"count", func(_ *testing.T, data []byte) error { _, err := decodeCount(data); return err }},
	{"equipment", func(_ *testing.T, data []byte) error { _, err := decodeEquipment(data); return err }},
	{"thing", func(_ *testing.T, data []byte) error { _, err := decodeThing(1, data); return err }},
	{"revision's key", func(_ *testing.T, data []byte) error {
		_, _, err := decodeRevision(data, key(nil).time(time.Time{}).u8(0).name(""))
		return err
	}},
	{"revision", func(_ *testing.T, data []byte) error {
		_, _, err := decodeRevision(key(nil).u32(1).u32(1).u64(1).u64(1), data)
		return err
	}},
	{"mention's key", func(_ *testing.T, data []byte) error {
		_, err := decodeMention(append(key(nil).u64(1), data...), key(nil).u8(1).moment(moment{}))
		return err
	}},
	{"mention", func(_ *testing.T, data []byte) error {
		_, err := decodeMention(key(nil).u64(1).u8(1).u64(1), data)
		return err
	}},
	{"use's key", func(_ *testing.T, data []byte) error {
		_, err := decodeUse(data, key(nil).time(time.Time{}).u64(1))
		return err
	}},
	{"use", func(_ *testing.T, data []byte) error {
		_, err := decodeUse(key(nil).u32(1).u64(1).u64(1), data)
		return err
	}},
	{"seal", func(_ *testing.T, data []byte) error { _, err := unseal([]byte("k"), data); return err }},
}
