package broker_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

// full is a run of which one output has every field that a run keeps.
func full() []broker.Entry {
	return []broker.Entry{
		{Output: &broker.Output{Room: "r", At: broker.Position{Epoch: 3, N: 8}, Type: "plain", Time: time.UnixMilli(-5)}},
		{Output: &broker.Output{
			Room: "r", At: broker.Position{Epoch: 3, N: 9}, Type: "all", From: "ann", To: []string{"bob", ""}, Request: 300,
			Code: "no", Unseat: "eve", Time: time.UnixMilli(64), ContentType: "a/b", Body: []byte("\x00{}"),
		}, AskedBy: "c1", AskedSeq: 99},
	}
}

// fullBytes are what full has been written as since there are runs: databases hold such bytes.
const fullBytes = "0102" +
	"00" + "05706c61696e" + "09" + "00" +
	"3f" + "03616c6c" + "03616e6e" + "02" + "03626f62" + "00" + "ac02" + "026331" + "63" + "026e6f" + "03657665" + "03612f62" +
	"8001" + "03007b7d"

func TestARunKeepsItsBytes(t *testing.T) {
	t.Parallel()
	if got := hex.EncodeToString(broker.EncodeRun(full())); got != fullBytes {
		t.Errorf("written: got %s, want %s", got, fullBytes)
	}
	data, err := hex.DecodeString(fullBytes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := broker.DecodeRun("r", 3, 8, 9, data)
	if err != nil || !reflect.DeepEqual(got, full()) {
		t.Errorf("read: got error %v and\n%swant\n%s", err, shown(got), shown(full()))
	}
}

func TestARunKeepsThatOnlyTheNewestMatters(t *testing.T) {
	t.Parallel()
	want := []broker.Entry{{Output: &broker.Output{Room: "r", At: broker.Position{Epoch: 3, N: 8}, Type: "frame", Latest: true, Time: time.UnixMilli(1)}}}
	got, err := broker.DecodeRun("r", 3, 8, 8, broker.EncodeRun(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read: got error %v and\n%swant\n%s", err, shown(got), shown(want))
	}
}

func TestARunThatIsDamagedIsRefused(t *testing.T) {
	t.Parallel()
	whole := broker.EncodeRun(full())
	for n := range whole {
		if _, err := broker.DecodeRun("r", 3, 8, 9, whole[:n]); !errors.Is(err, broker.ErrDamaged) {
			t.Errorf("%d of %d bytes: got error %v, want %v", n, len(whole), err, broker.ErrDamaged)
		}
	}
	for _, c := range []struct {
		name        string
		first, last uint64
		data        []byte
	}{
		{"more bytes", 8, 9, append(broker.EncodeRun(full()), 0)},
		{"another version", 8, 9, append([]byte{2}, whole[1:]...)},
		{"fewer outputs than said", 8, 10, whole},
		{"more outputs than said", 8, 8, whole},
		{"number 0", 0, 1, whole},
		{"backwards", 9, 8, whole},
		{"outputs without end", 1, 1 << 62, []byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 63}},
		{"users without end", 1, 1, []byte{1, 1, 2, 0, 255, 255, 3}},
	} {
		if _, err := broker.DecodeRun("r", 3, c.first, c.last, c.data); !errors.Is(err, broker.ErrDamaged) {
			t.Errorf("%s: got error %v, want %v", c.name, err, broker.ErrDamaged)
		}
	}
}

func TestWhoHearsAnOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o                    broker.Output
		annHears, annAnswers bool
	}{
		{broker.Output{}, true, false},
		{broker.Output{Request: 1}, true, false},
		{broker.Output{To: []string{"ann"}}, true, false},
		{broker.Output{To: []string{"ann", "bob"}, Request: 1}, true, true},
		{broker.Output{To: []string{"bob", "ann"}, Request: 1}, true, false},
		{broker.Output{To: []string{"bob"}, Request: 1}, false, false},
	} {
		if hears, answers := c.o.MayHear("ann"), c.o.Answers("ann"); hears != c.annHears || answers != c.annAnswers {
			t.Errorf("to %q, request %d: may hear %t, answers %t; want %t, %t", c.o.To, c.o.Request, hears, answers, c.annHears, c.annAnswers)
		}
	}
}

// FuzzDecodeRun: no data makes the decoder panic or allocate beyond a multiple of the data, and what it accepts it
// writes and reads again.
func FuzzDecodeRun(f *testing.F) {
	f.Add(uint64(8), uint64(9), broker.EncodeRun(full()))
	f.Add(uint64(1), uint64(1)<<62, []byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 63})
	f.Add(uint64(1), uint64(1), []byte{1, 1, 2, 0, 255, 255, 3})
	f.Fuzz(func(t *testing.T, first, last uint64, data []byte) {
		entries, err := broker.DecodeRun("r", 1, first, last, data)
		if err != nil {
			return
		}
		if got := uint64(len(entries)); got != last-first+1 {
			t.Fatalf("%d entries, want %d", got, last-first+1)
		}
		again, err := broker.DecodeRun("r", 1, first, last, broker.EncodeRun(entries))
		if err != nil || !reflect.DeepEqual(again, entries) {
			t.Fatalf("again: %v, %s; want %s", err, shown(again), shown(entries))
		}
	})
}

func shown(entries []broker.Entry) string {
	var s strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&s, "%+v %q %d\n", *e.Output, e.AskedBy, e.AskedSeq)
	}
	return s.String()
}
