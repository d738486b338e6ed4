package brokertest

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

var (
	someTime = time.UnixMilli(1_790_000_000_123)
	binary   = []byte("\x00\xff\xfe {\"a\":1}\r\n\x00")
	long     = strings.Repeat("가나다", 400)
)

func testMessageFields(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	messages := []*broker.Message{
		{Room: "r"},
		{
			Room: "r", Type: "move", User: "u-1", Name: "Zoë 마당", Seq: 7, Conn: "c-1", ConnSeq: 9, Reason: "why",
			Attempt: "a-1", Resume: broker.Position{Epoch: 3, N: 44}, Time: someTime, ContentType: "application/json", Body: binary,
		},
		{Room: "r", Kind: broker.Join, User: "u", Name: "n"},
		{Room: "r", Kind: broker.Leave, User: "u", Reason: "left"},
		{Room: "r", Kind: broker.Attach, User: "u", Conn: "c", Attempt: "x", Resume: broker.Position{Epoch: 1}},
		{Room: "r", Kind: broker.Detach, User: "u", Conn: "c", Reason: "lost"},
		{Room: "r", Kind: broker.Wake},
		{Room: "r", Kind: broker.End, Reason: "operator"},
		{Room: "r", Kind: broker.Job, Type: "report", Attempt: "r/1", Body: []byte(`{"n":1}`)},
		{Room: "r", Seq: math.MaxUint64, ConnSeq: math.MaxUint64, Resume: broker.Position{Epoch: math.MaxUint64, N: math.MaxUint64}},
		{Room: "r", Type: long, ContentType: long, User: long, Name: "a:b\\c\nd", Reason: "7", Attempt: "0"},
		{Room: "r", Type: "big", Body: []byte(strings.Repeat("0123456789abcdef", 40_000))},
	}
	for i, m := range messages {
		if err := b.Send(w.ctx, m); err != nil {
			t.Fatalf("Send %d: %v", i, err)
		}
	}
	c := w.consume(b, "r", 0)
	for i, want := range messages {
		d, err := c.next()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		got := *d.Message
		if !sameTime(got.Time, want.Time) || string(got.Body) != string(want.Body) {
			t.Errorf("message %d: got time %v, body %.50q; want %v, %.50q", i, got.Time, got.Body, want.Time, want.Body)
		}
		got.Time, got.Body = want.Time, want.Body
		if !reflect.DeepEqual(got, *want) {
			t.Errorf("message %d: got %+.500v, want %+.500v", i, got, *want)
		}
	}
}

func testOutputFields(t *testing.T, w *world) {
	b := w.process()
	w.open(b, broker.Spec{Room: "r"})
	c := w.consume(b, "r", 0)
	hear := w.listen(w.process())
	hear.bind("r")
	outs := []*broker.Output{
		{Room: "r"},
		{
			Room: "r", Part: broker.Again, Term: 5, At: broker.Position{Epoch: 2, N: 33}, Type: "error", From: "u-1",
			To: []string{"u-1", "마당", ""}, Request: 8, Conn: "c-1", Attempt: "a-1", Code: "illegal_move", Unseat: "u-2",
			Handled: 12, Time: someTime, ContentType: "application/json", Body: binary,
		},
		{Room: "r", Part: broker.Replay, At: broker.Position{Epoch: 1, N: 1}, To: []string{"u"}, Attempt: "a", Prev: 7, Type: "t", Body: binary},
		{Room: "r", Part: broker.Snapshot, At: broker.Position{Epoch: 1}, To: []string{"u"}, Attempt: "a", Type: "$snapshot", Handled: 1},
		{Room: "r", Part: broker.Live, At: broker.Position{Epoch: 1, N: 1}, Attempt: "a"},
		{Room: "r", Part: broker.More, At: broker.Position{Epoch: 1, N: 1}, Attempt: "a", Prev: 1},
		{Room: "r", Part: broker.Line, At: broker.Position{Epoch: 1, N: 2}, To: []string{"u"}, Type: "frame", Latest: true},
		{Room: "r", Type: broker.TypeClosed, At: broker.Position{Epoch: math.MaxUint64, N: math.MaxUint64}, Term: math.MaxUint64, Request: math.MaxUint64, Handled: math.MaxUint64},
		{Room: "r", Type: long, ContentType: long, From: "7", Code: "0"},
	}
	everybody := &broker.Output{Room: "r", Type: "frame"}
	for range 1_000 {
		everybody.To = append(everybody.To, "0f0e5c2e-7f5d-4a53-9c9d-5d1f7a1b2c3d")
	}
	outs = append(outs, everybody)
	c.publish(outs...)
	for i, o := range hear.take("r", len(outs)) {
		want, got := outs[i], *o
		if !sameTime(got.Time, want.Time) || string(got.Body) != string(want.Body) {
			t.Errorf("output %d: got time %v, body %.50q; want %v, %.50q", i, got.Time, got.Body, want.Time, want.Body)
		}
		got.Time, got.Body = want.Time, want.Body
		if !reflect.DeepEqual(got, *want) {
			t.Errorf("output %d: got %+.500v, want %+.500v", i, got, *want)
		}
	}
}

func sameTime(got, want time.Time) bool {
	return got.Equal(want) || got.IsZero() && want.IsZero()
}
