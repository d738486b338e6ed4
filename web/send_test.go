package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

func TestSend(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.signIn("ann")
		s.send("SEND\ndestination:/queue/room.r1\ntype:move\nseq:41\ncontent-type:text/plain\nfrom:bob\nreceipt:a\n\nhello\x00")
		s.expect("RECEIPT", "receipt-id", "a")
		first := r.next(broker.Say)
		if first.Room != "r1" || first.Type != "move" || first.User != "ann" || first.Name != "Name of ann" || first.Seq != 41 ||
			first.Conn == "" || first.ConnSeq != 1 || first.ContentType != "text/plain" || string(first.Body) != "hello" || first.Time.IsZero() {
			t.Errorf("got %+v", first)
		}
		s.send("SEND\ndestination:/queue/room.r1\n\n{\"at\":{\"type\":\"no\"},\"type\":\"put\"}\x00")
		if m := r.next(broker.Say); m.Type != "put" || m.ConnSeq != 2 || m.Conn != first.Conn || m.Seq != 0 {
			t.Errorf("got %+v, want type put and the second mark of the connection", m)
		}
		s.silent()
	})
}

func TestReceiptWaitsForTheBroker(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.signIn("ann")
		held := make(chan struct{})
		b.pipes.onSend(func(*broker.Message) error { <-held; return nil })
		s.send("SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:1\n\n\x00")
		s.silent()
		close(held)
		s.expect("RECEIPT", "receipt-id", "1")
		r.next(broker.Say)
	})
}

func TestSendIsRepeatedUntilTheBrokerIsSure(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.signIn("ann")
		times := 0
		b.pipes.onSend(func(*broker.Message) error {
			if times++; times < 4 {
				return errors.New("connection lost")
			}
			return nil
		})
		s.send("SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:1\n\n\x00SEND\ndestination:/queue/room.r1\ntype:b\nreceipt:2\n\n\x00")
		s.expect("RECEIPT", "receipt-id", "1")
		s.expect("RECEIPT", "receipt-id", "2")
		if a, b := r.next(broker.Say), r.next(broker.Say); a.ConnSeq != 1 || b.ConnSeq != 2 {
			t.Errorf("got marks %d and %d, want 1 and 2", a.ConnSeq, b.ConnSeq)
		}
	})
}

func TestBrokerAwayForTooLong(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.open()
		s := b.signIn("ann")
		b.pipes.onSend(func(*broker.Message) error { return errors.New("connection lost") })
		begun := time.Now()
		s.send("SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:1\n\n\x00")
		s.refused("unavailable", 1013)
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("took %v, want 30s", took)
		}
	})
}

func TestRefusedMessages(t *testing.T) {
	t.Parallel()
	full := func(*broker.Message) error { return broker.ErrFull }
	cases := map[string]struct {
		in   string
		code string
		send func(*broker.Message) error
	}{
		"system type":        {"type:$closed\n\n", "bad_message", nil},
		"system type inside": {"\n{\"type\":\"$left\"}", "bad_message", nil},
		"no type":            {"\nhello", "bad_message", nil},
		"no JSON object":     {"\n[\"type\"]", "bad_message", nil},
		"type of an object":  {"\n{\"type\":{}}", "bad_message", nil},
		"type with a colon":  {"type:a\\cb\n\n", "bad_message", nil},
		"seq of words":       {"type:a\nseq:one\n\n", "bad_message", nil},
		"seq of nothing":     {"type:a\nseq:0\n\n", "bad_message", nil},
		"content-type":       {"type:a\ncontent-type:a\\nb\n\n", "bad_message", nil},
		"full queue":         {"type:a\nseq:3\n\n", "queue_full", full},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				r := b.open()
				s := b.subscribed(r, "ann")
				r.say("one")
				s.message("said", "one")
				if c.send != nil {
					b.pipes.onSend(c.send)
				}
				s.send("SEND\ndestination:/queue/room.r1\nreceipt:8\n" + c.in + "\x00")
				f := s.expect("MESSAGE", "type", "error", "code", c.code, "message-id", "1-1", "subscription", "s1",
					"destination", "/topic/room.r1", "receipt-id", "8")
				var body struct{ Code, Message string }
				if err := json.Unmarshal(f.Body, &body); err != nil || body.Code != c.code || body.Message == "" {
					t.Errorf("got body %q, want the code and a message", f.Body)
				}
				s.silent()
				r.quiet()
				b.pipes.onSend(func(*broker.Message) error { return nil })
				s.send("SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:9\n\n\x00")
				s.expect("RECEIPT", "receipt-id", "9")
				r.next(broker.Say)
			})
		})
	}
}

func TestRoomWithoutQueueIsAskedFor(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		asked := make(chan broker.RoomOpened, 100)
		watch, stop := context.WithCancel(context.Background())
		defer stop()
		err := b.pipes.Watch(watch, func(n broker.Notice) {
			var o broker.RoomOpened
			if n.Kind == broker.NoticeRoom && json.Unmarshal(n.Body, &o) == nil {
				asked <- o
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		s := b.signIn("ann")
		s.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nreceipt:1\n\n\x00SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:2\n\n\x00")
		if got, want := <-asked, (broker.RoomOpened{Room: "r1", Game: "relay", Version: "1"}); got != want {
			t.Errorf("asked for %v, want %v", got, want)
		}
		s.silent()
		time.Sleep(3 * time.Second)
		r := b.open()
		r.next(broker.Attach)
		r.next(broker.Say)
		commands := map[string]int{} // the snapshot may come before the receipts
		for range 3 {
			commands[(<-s.frames).Command]++
		}
		if commands["RECEIPT"] != 2 || commands["MESSAGE"] != 1 {
			t.Errorf("got %v, want two receipts and a snapshot", commands)
		}
	})
}

func TestRoomThatNobodyOpens(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"subscribe": "SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nreceipt:1\n\n\x00",
		"send":      "SEND\ndestination:/queue/room.r1\ntype:a\nreceipt:1\n\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				s := b.signIn("ann")
				begun := time.Now()
				s.send(in)
				s.refused("room_unavailable", 1013, "receipt-id", "1")
				if took := time.Since(begun); took < 10*time.Second || took > 12*time.Second {
					t.Errorf("took %v, want 10s", took)
				}
			})
		})
	}
}

func TestRoomThatClosesMeanwhile(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.subscribed(r, "ann")
		if err := b.pipes.Delete(context.Background(), "r1"); err != nil {
			t.Fatal(err)
		}
		b.desk.set(func() { b.desk.rooms["r1"] = b.desk.rooms["over"] })
		s.send("SEND\ndestination:/queue/room.r1\ntype:a\nseq:3\n\n\x00")
		s.expect("MESSAGE", "type", "error", "code", "room_closed", "request", "3")
		s.silent()
	})
}

func TestRate(t *testing.T) {
	play(t, web.Config{Limits: web.Limits{Rate: 10, Burst: 5}}, func(b *bench) {
		r := b.open()
		s := b.signIn("ann")
		begun := time.Now()
		go func() {
			for n := range 25 {
				s.send(fmt.Sprintf("SEND\ndestination:/queue/room.r1\ntype:n%d\n\n\x00", n))
			}
		}()
		for n := range 25 {
			if m := r.next(broker.Say); m.Type != fmt.Sprint("n", n) {
				t.Errorf("got %s, want n%d", m.Type, n)
			}
		}
		if took := time.Since(begun); took < 1990*time.Millisecond || took > 2010*time.Millisecond {
			t.Errorf("20 messages beyond the burst took %v, want 2s at 10 a second", took)
		}
		synctest.Wait()
		s.silent()
	})
}
