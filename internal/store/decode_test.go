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
	g.count = 1
	chained := g.encode()
	list := packGroups([]group{g, {number: 2, first: 2, count: 3, time: at.Add(time.Second), durables: []durable{{"g", "s", 6}}}})
	seal := chunk{first: 1, group: 1, entries: 4, groups: 2}
	for _, seed := range [][]byte{
		nil,
		{0xff},
		bytes.Repeat([]byte{0xff}, 100), bytes.Repeat([]byte{0x80}, 20), encoded(&stored), encoded(&kept), chained, list, list[:len(list)-1], seal.encode(), seal.key(),
		chained[:len(chained)-1], encoded(&stored)[:20], span{first: 1, last: 9, gaps: []gap{{3, 4}}}.encode(),
		key(nil).number(1),
		equipmentEntry{events: 1, last: at, known: true, displayName: "OCV 1"}.encode(),
		key(nil).u8(uint8(mes.RefItem)).name("C1").name("cell"), key(nil).u8(1).moment(moment{1, 1, 1, at}),
		key(nil).number(1).number(2).number(3).number(4), key(nil).u8(1).number(2).time(at).number(3),
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

func encoded(e *entry) []byte {
	b, _ := e.encode(nil, nil)
	return b
}

func readEntry(data []byte) (entry, error) {
	row, err := rowOf(1, data)
	if err != nil {
		return entry{}, err
	}
	return entryOf(1, row, true)
}

func readGroups(data []byte) (groups []group, err error) {
	l, err := openGroups(data)
	if err != nil {
		return nil, err
	}
	err = l.all(func(g group) error {
		groups = append(groups, g)
		return nil
	})
	return groups, err
}

// decoders are all that read what the file holds, each from one value, behind a
// key as long as the shortest that it is called with.
var decoders = []struct {
	name   string
	decode func(t *testing.T, data []byte) error
}{
	{"entry", func(t *testing.T, data []byte) error {
		t.Helper()
		e, err := readEntry(data)
		if err != nil {
			return err
		}
		again, err := readEntry(encoded(&e))
		if err != nil || !reflect.DeepEqual(e.record, again.record) || e.reason != again.reason || e.detail != again.detail {
			t.Errorf("entry %+v read again %+v, %v", e, again, err)
		}
		return nil
	}},
	{"group", func(t *testing.T, data []byte) error {
		t.Helper()
		g, err := decodeGroup(1, data)
		if err != nil {
			return err
		}
		again, err := decodeGroup(1, g.encode())
		if err != nil || !reflect.DeepEqual(g, again) {
			t.Errorf("group %+v read again %+v, %v", g, again, err)
		}
		return nil
	}},
	{"list of groups", func(t *testing.T, data []byte) error {
		t.Helper()
		groups, err := readGroups(data)
		if err != nil {
			return err
		}
		again, err := readGroups(packGroups(groups))
		if err != nil || !reflect.DeepEqual(groups, again) {
			t.Errorf("groups %+v read again %+v, %v", groups, again, err)
		}
		return nil
	}},
	{"time of a position", func(_ *testing.T, data []byte) error {
		l, err := openGroups(data)
		if err == nil {
			_, err = l.time(2)
		}
		return err
	}},
	{"chunk", func(_ *testing.T, data []byte) error {
		_, err := decodeChunk(key(nil).number(1).number(1), data)
		return err
	}},
	{"chunk's key", func(_ *testing.T, data []byte) error {
		c := chunk{}
		_, err := decodeChunk(data, c.encode())
		return err
	}},
	{"span", func(t *testing.T, data []byte) error {
		t.Helper()
		s, err := decodeSpan(data)
		if err == nil && !bytes.Equal(s.encode(), data) {
			t.Errorf("span %x written again %x", data, s.encode())
		}
		return err
	}},
	{"attempt", func(_ *testing.T, data []byte) error { _, err := decodeAttempt(data); return err }},
	{"count of what was tested", func(t *testing.T, data []byte) error {
		t.Helper()
		c, err := decodeTested(data)
		if err == nil && !bytes.Equal(c.encode(), data) {
			t.Errorf("count %+v of %x is written %x", c, data, c.encode())
		}
		return err
	}},
	{"run of identities", func(_ *testing.T, data []byte) error { _, err := decodeRun(data); return err }},
	{"count", func(_ *testing.T, data []byte) error { _, err := decodeCount(data); return err }},
	{"equipment", func(_ *testing.T, data []byte) error { _, err := decodeEquipment(data); return err }},
	{"thing's name", func(_ *testing.T, data []byte) error { _, _, err := decodeNamed(data); return err }},
	{"thing", func(_ *testing.T, data []byte) error { _, err := decodeThing(1, data); return err }},
	{"revision's key", func(_ *testing.T, data []byte) error {
		_, _, err := decodeRevision(data, key(nil).time(time.Time{}).u8(0).name(""))
		return err
	}},
	{"revision", func(_ *testing.T, data []byte) error {
		_, _, err := decodeRevision(key(nil).number32(1).number32(1).number(1).number(1), data)
		return err
	}},
	{"mention's key", func(_ *testing.T, data []byte) error {
		_, err := decodeMention(append(key(nil).number(1), data...), encodeMention(moment{}, true, nil))
		return err
	}},
	{"mention", func(_ *testing.T, data []byte) error {
		_, err := decodeMention(key(nil).number(1).u8(1).number(1), data)
		return err
	}},
	{"content", func(_ *testing.T, data []byte) error { _, _, err := decodeHappening(data); return err }},
	{"use's key", func(_ *testing.T, data []byte) error {
		_, err := decodeUse(data, key(nil).time(time.Time{}).number(1))
		return err
	}},
	{"use", func(_ *testing.T, data []byte) error {
		_, err := decodeUse(key(nil).number32(1).number(1).number(1), data)
		return err
	}},
	{"seal", func(_ *testing.T, data []byte) error { _, err := unseal([]byte("k"), data); return err }},
}
