package rabbitmq

import (
	"math"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
)

func TestMalformedHeadersAreNoMessageFields(t *testing.T) {
	t.Parallel()
	strange := []any{
		nil, true, int64(-1), int32(-5), float64(1.5), math.NaN(), []byte{0xff, 0}, time.Unix(1, 0), amqp.Decimal{Scale: 9, Value: 1},
		amqp.Table{"x": amqp.Table{}}, []any{nil, []any{amqp.Table{}}, 7}, "", "-", "1-", "-1", "1-2-3", "99999999999999999999999", " 7",
	}
	for _, value := range strange {
		table := amqp.Table{}
		for _, key := range []string{hKind, hFrom, hName, hSeq, hConn, hConnSeq, hAttempt, hResume, hReason, hMillis, hPart, hTerm, hTo,
			hRequest, hCode, hUnseat, hHandled, hType, hContentType} {
			table[key] = value
		}
		d := &amqp.Delivery{Headers: table, MessageId: strings.Repeat("9", 50), Body: []byte("b")}
		m, o := decodeMessage("r", d), decodeOutput("r", d)
		if m.Seq != 0 || m.ConnSeq != 0 || m.Resume != (broker.Position{}) || m.Room != "r" || string(m.Body) != "b" {
			t.Errorf("%#v: got message %+v", value, m)
		}
		if o.Term != 0 || o.Request != 0 || o.At != (broker.Position{}) || o.Part != broker.Line || o.Room != "r" {
			t.Errorf("%#v: got output %+v", value, o)
		}
	}
	decodeMessage("r", &amqp.Delivery{})
	decodeOutput("r", &amqp.Delivery{})
}

func TestNumbersMayComeAsAnyType(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"12", []byte("12"), int8(12), int16(12), int32(12), int64(12), uint8(12), 12} {
		m := decodeMessage("r", &amqp.Delivery{Headers: amqp.Table{hSeq: value}})
		if m.Seq != 12 {
			t.Errorf("%T: got seq %d, want 12", value, m.Seq)
		}
	}
}

func TestHeadersThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := encodeMessage(&broker.Message{Name: strings.Repeat("x", maxHeaders)}); err == nil {
		t.Error("message: got no error")
	}
	if _, err := encodeOutput(&broker.Output{To: make([]string, maxTo+1)}); err == nil {
		t.Error("output for too many: got no error")
	}
	if _, err := encodeOutput(&broker.Output{To: []string{strings.Repeat("x", maxHeaders)}}); err == nil {
		t.Error("output: got no error")
	}
}

func TestKeysOfOutputs(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]*broker.Output{
		"room.r":      {},
		"room.r.some": {To: []string{"u"}},
	} {
		if got := outputKey("r", o); got != want || roomOfKey(got) != "r" {
			t.Errorf("got key %s of room %s, want %s", got, roomOfKey(got), want)
		}
	}
	for _, part := range []broker.Part{broker.Replay, broker.Snapshot, broker.Live, broker.Again, broker.More} {
		if got := outputKey("r", &broker.Output{Part: part}); got != "room.r.some" {
			t.Errorf("part %d: got key %s, want room.r.some", part, got)
		}
	}
	if got := roomOfKey("else"); got != "" {
		t.Errorf("foreign key: got room %q, want none", got)
	}
}
