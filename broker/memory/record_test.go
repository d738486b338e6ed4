package memory_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
)

func full() *broker.Message {
	return &broker.Message{
		Room: "r", Kind: broker.Attach, Type: "move", User: "u", Name: "이름", Seq: 1, Conn: "g.1", ConnSeq: 1 << 40, Attempt: "a",
		Resume: broker.Position{Epoch: 2, N: 3}, Reason: broker.ReasonLost, Time: time.UnixMilli(1_790_000_000_123),
		ContentType: "application/octet-stream", Body: []byte{0, 0xff, '\n'},
	}
}

func TestRecordKeepsEveryField(t *testing.T) {
	t.Parallel()
	for i, want := range []*broker.Message{full(), {Room: "r"}, {Room: "r", Body: make([]byte, 100_000)}, {Room: "r", Time: time.UnixMilli(-1)}} {
		got, err := memory.ReadRecords(memory.Records("r", want))
		if err != nil || len(got["r"]) != 1 {
			t.Fatalf("message %d: got %v, %v", i, got, err)
		}
		if !reflect.DeepEqual(got["r"][0], want) {
			t.Errorf("message %d: got %+v, want %+v", i, got["r"][0], want)
		}
	}
}

func TestRecordHasAPlaceForEveryField(t *testing.T) {
	t.Parallel()
	m := reflect.ValueOf(*full())
	for i := range m.NumField() {
		if name := m.Type().Field(i).Name; name == "Unawaited" {
			continue // about the sending alone
		}
		if m.Field(i).IsZero() {
			t.Errorf("field %s is not set here, so nothing shows that the journal keeps it", m.Type().Field(i).Name)
		}
	}
}

// FuzzRecords reads anything; what it takes is never larger than what it was read from.
func FuzzRecords(f *testing.F) {
	f.Add(memory.Records("r", full(), &broker.Message{Room: "r", Type: "say"}))
	f.Add([]byte{2, 0, 0, 0, 4, 1})
	f.Add([]byte{8, 0, 0, 0, 1, 1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, in []byte) {
		rooms, err := memory.ReadRecords(in)
		if err != nil {
			return
		}
		size := 0
		for name, messages := range rooms {
			size += len(name)
			for _, m := range messages {
				size += len(m.Kind) + len(m.Type) + len(m.User) + len(m.Name) + len(m.Conn) + len(m.Attempt) + len(m.Reason) +
					len(m.ContentType) + cap(m.Body)/2 // what append allocates is rounded up
				again, err := memory.ReadRecords(memory.Records(name, m))
				if err != nil || len(again[name]) != 1 || !reflect.DeepEqual(again[name][0], m) {
					t.Fatalf("written again: got %+v, %v; want %+v", again[name], err, m)
				}
			}
		}
		if size > len(in)+64 {
			t.Errorf("%d bytes came out of %d", size, len(in))
		}
	})
}

// FuzzJournal reads any file.
func FuzzJournal(f *testing.F) {
	f.Add([]byte("MADANGJ\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, whole, err := memory.ReadJournal(in); err == nil && whole > len(in) {
			t.Errorf("%d of %d bytes are whole", whole, len(in))
		}
	})
}
