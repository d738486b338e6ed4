package web_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

func TestSubscribe(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.say("before")
		s := b.signIn("ann")
		s.send("SUBSCRIBE\nid:my id\ndestination:/topic/room.r1\nresume:3-14\nack:auto\nreceipt:77\n\n\x00")
		m := r.next(broker.Attach)
		if m.User != "ann" || m.Name != "Name of ann" || m.Conn == "" || m.Attempt == "" || m.Resume != (broker.Position{Epoch: 3, N: 14}) {
			t.Errorf("got attach %+v", m)
		}
		synctest.Wait()
		r.line(&broker.Output{Type: "said", From: "bob", Time: time.UnixMilli(1234), ContentType: "text/plain", Body: []byte("hello")})
		seen := map[string]bool{}
		for range 3 {
			f := <-s.frames
			kind, _ := f.Get("type")
			seen[f.Command+kind] = true
			switch kind {
			case "$snapshot":
				if h, _ := f.Get("handled"); h != "7" {
					t.Errorf("got handled %q, want 7", h)
				}
			case "said":
				for name, want := range map[string]string{
					"destination": "/topic/room.r1", "subscription": "my id", "message-id": "1-2", "from": "bob",
					"timestamp": "1234", "content-type": "text/plain", "content-length": "5",
				} {
					if got, _ := f.Get(name); got != want {
						t.Errorf("got %s %q, want %q", name, got, want)
					}
				}
			}
		}
		if !seen["RECEIPT"] || !seen["MESSAGE$snapshot"] || !seen["MESSAGEsaid"] {
			t.Errorf("got %v, want a receipt, a snapshot and a message", seen)
		}
	})
}

func TestSubscribeWithoutIDInVersion10(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.socket()
		s.send("CONNECT\npasscode:t-s-ann\n\n\x00SUBSCRIBE\ndestination:/topic/room.r1\n\n\x00")
		s.expect("CONNECTED", "version", "1.0")
		s.message("$snapshot", "all of it", "subscription", "/topic/room.r1")
		r.next(broker.Attach)
		s.send("UNSUBSCRIBE\ndestination:/topic/room.r1\nreceipt:2\n\n\x00")
		s.expect("RECEIPT", "receipt-id", "2")
		r.next(broker.Detach)
	})
}

func TestSplitAndJoinedFrames(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		s := b.socket()
		all := "CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00\n\n" +
			"SUBSCRIBE\nid:a\\cb\ndestination:/topic/room.r1\n\n\x00SEND\ndestination:/queue/room.r1\ntype:a\ncontent-length:3\n\n1\x003\x00\n" +
			"SEND\ndestination:/queue/room.r1\ntype:b\n\nsecond\x00"
		for _, c := range []byte(all) {
			s.write(websocket.MessageBinary, string([]byte{c}))
		}
		s.expect("CONNECTED")
		s.message("$snapshot", "all of it", "subscription", "a:b")
		r.next(broker.Attach)
		for _, want := range []string{"1\x003", "second"} {
			if m := r.next(broker.Say); string(m.Body) != want {
				t.Errorf("got body %q, want %q", m.Body, want)
			}
		}
	})
}

func TestWhoGetsWhat(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		r.line(&broker.Output{Type: "answer", To: []string{"ann", "bob", "ann"}, Request: 5, Body: []byte("1")})
		r.line(&broker.Output{Type: "secret", To: []string{"bob"}, Body: []byte("2")})
		r.line(&broker.Output{Type: "error", To: []string{"ann"}, Request: 6, Code: "not_your_turn", Body: []byte("3")})
		r.line(&broker.Output{Type: "blob", Body: []byte{0xff, 0}})
		ann.message("answer", "1", "request", "5", "message-id", "1-1")
		ann.message("error", "3", "request", "6", "code", "not_your_turn", "message-id", "1-3")
		ann.message("blob", "\xff\x00", "content-length", "2")
		if got := bob.message("answer", "1", "request", ""); got != nil {
			bob.message("secret", "2", "message-id", "1-2")
		}
		bob.message("blob", "\xff\x00")
		ann.silent()
		bob.silent()
		var last websocket.MessageType
		for len(ann.kinds) > 0 {
			last = <-ann.kinds
		}
		if last != websocket.MessageBinary {
			t.Errorf("got what is no UTF-8 as %v, want binary", last)
		}
	})
}

func TestUnsafeValuesAreMadeSafe(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.line(&broker.Output{Type: "a:b\\c\nd\xff", Body: []byte("x")})
		ann.message("a_b_c_d_", "x")
	})
}

func TestSecondSubscriptionOfARoom(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		ann.send("SUBSCRIBE\nid:s2\ndestination:/topic/room.r1\n\n\x00")
		r.next(broker.Attach)
		ann.message("$snapshot", "all of it", "subscription", "s2")
		ann.send("UNSUBSCRIBE\nid:s1\nreceipt:1\n\n\x00")
		ann.expect("RECEIPT")
		r.quiet() // the connection still listens
		r.say("x")
		ann.message("said", "x", "subscription", "s2")
		ann.send("UNSUBSCRIBE\nid:s2\n\n\x00")
		if m := r.next(broker.Detach); m.Reason != "unsubscribed" || m.User != "ann" || m.Conn == "" {
			t.Errorf("got detach %+v", m)
		}
		r.say("y")
		ann.silent()
	})
}

func TestHowConnectionsEnd(t *testing.T) {
	t.Parallel()
	t.Run("DISCONNECT", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			ann := b.subscribed(r, "ann")
			ann.send("DISCONNECT\nreceipt:bye\n\n\x00SEND\nmore\n\n\x00")
			ann.expect("RECEIPT", "receipt-id", "bye")
			ann.ends(1000, "disconnect")
			if m := r.next(broker.Detach); m.Reason != "disconnected" {
				t.Errorf("got reason %q, want disconnected", m.Reason)
			}
		})
	})
	t.Run("lost", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			ann := b.subscribed(r, "ann")
			ann.conn.CloseNow()
			if m := r.next(broker.Detach); m.Reason != "lost" {
				t.Errorf("got reason %q, want lost", m.Reason)
			}
		})
	})
	t.Run("detach is sent again", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			ann := b.subscribed(r, "ann")
			away := errors.New("broker is away")
			b.pipes.onSend(func(*broker.Message) error { return away })
			ann.conn.CloseNow()
			time.Sleep(time.Minute)
			r.quiet()
			b.pipes.onSend(func(*broker.Message) error { return nil })
			r.next(broker.Detach)
		})
	})
}

func TestHoleIsFilled(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		r.say("one")
		ann.message("said", "one", "message-id", "1-1")
		bob.message("said", "one", "message-id", "1-1")
		r.answer = func(m *broker.Message) []*broker.Output {
			return []*broker.Output{
				{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 1}, Type: "said", Body: []byte("one")}, // has it
				{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 2}, Type: "said", Body: []byte("two")},
				{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 3}, Type: "said", Body: []byte("three")},
				{Part: broker.Live, At: r.at},
			}
		}
		r.skip() // "two" is lost
		r.say("three")
		for range 2 {
			if m := r.next(broker.Attach); m.Resume != (broker.Position{Epoch: 1, N: 1}) {
				t.Errorf("got resume %v, want 1-1", m.Resume)
			}
		}
		synctest.Wait()
		r.say("four")
		for _, c := range []*client{ann, bob} {
			c.message("said", "two", "message-id", "1-2")
			c.message("said", "three", "message-id", "1-3")
			c.message("said", "four", "message-id", "1-4")
			c.silent()
		}
	})
}

// Of an answer any part may be lost, by which its rest comes from a place that the subscriber has not reached.
func TestAnAnswerThatIsNotWholeIsAskedForAgain(t *testing.T) {
	at := func(n uint64) broker.Position { return broker.Position{Epoch: 1, N: n} }
	for name, lost := range map[string][]uint64{"the first": {2}, "one in the midst": {3}, "the last": {4}, "all": {2, 3, 4}} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				r := b.open()
				r.say("one", "two", "three", "four")
				tries := 0
				r.answer = func(m *broker.Message) []*broker.Output {
					tries++
					var outs []*broker.Output
					for i, said := range []string{"two", "three", "four"} {
						n := uint64(i + 2)
						if n <= m.Resume.N || tries == 1 && slices.Contains(lost, n) {
							continue
						}
						outs = append(outs, &broker.Output{Part: broker.Replay, At: at(n), Prev: n - 1, Type: "said", Body: []byte(said)})
					}
					return append(outs, &broker.Output{Part: broker.Live, At: at(4), Prev: 4})
				}
				ann := b.signIn("ann")
				ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
				synctest.Wait()
				r.say("five")
				for _, said := range []string{"two", "three", "four", "five"} {
					ann.message("said", said)
				}
				ann.silent()
				if tries != 2 {
					t.Errorf("%d answers, want 2", tries)
				}
			})
		})
	}
}

func TestWhatIsToldInPartsIsAskedForUntilItIsAll(t *testing.T) {
	at := func(n uint64) broker.Position { return broker.Position{Epoch: 1, N: n} }
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.say("one", "two", "three", "four", "five")
		var from []uint64
		r.answer = func(m *broker.Message) []*broker.Output {
			from = append(from, m.Resume.N)
			n := m.Resume.N + 1
			told := &broker.Output{Part: broker.Replay, At: at(n), Prev: n - 1, Type: "said", Body: []byte{'0' + byte(n)}}
			switch n {
			case 3: // is for another
				return []*broker.Output{{Part: broker.More, At: at(3), Prev: 2}}
			case 5:
				return []*broker.Output{told, {Part: broker.Live, At: at(5), Prev: 5}}
			}
			return []*broker.Output{told, {Part: broker.More, At: at(n), Prev: n}}
		}
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		synctest.Wait()
		r.say("six")
		for _, said := range []string{"2", "4", "5", "six"} {
			ann.message("said", said)
		}
		ann.silent()
		if want := []uint64{1, 2, 3, 4}; !slices.Equal(from, want) {
			t.Errorf("asked for what follows %d, want %d", from, want)
		}
	})
}

func TestAPartOfWhatIsToldInPartsMayBeLost(t *testing.T) {
	at := func(n uint64) broker.Position { return broker.Position{Epoch: 1, N: n} }
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.say("one", "two", "three")
		tries := 0
		r.answer = func(m *broker.Message) []*broker.Output {
			switch tries++; tries {
			case 1: // and the replay of 2 is lost
				return []*broker.Output{{Part: broker.More, At: at(2), Prev: 2}}
			case 2:
				return []*broker.Output{
					{Part: broker.Replay, At: at(2), Prev: 1, Type: "said", Body: []byte("two")},
					{Part: broker.More, At: at(2), Prev: 2},
				}
			}
			return []*broker.Output{
				{Part: broker.Replay, At: at(3), Prev: 2, Type: "said", Body: []byte("three")}, {Part: broker.Live, At: at(3), Prev: 3},
			}
		}
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		synctest.Wait()
		ann.message("said", "two")
		ann.message("said", "three")
		ann.silent()
		if tries != 3 {
			t.Errorf("%d answers, want 3", tries)
		}
	})
}

func TestNothingPassesBeforeTheAnswer(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.answer = func(*broker.Message) []*broker.Output { return nil }
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\nreceipt:1\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "1")
		first := r.next(broker.Attach)
		r.say("one", "two")
		ann.silent()
		r.publish(&broker.Output{Part: broker.Live, At: r.at, Attempt: "of another"})
		r.say("three")
		ann.silent()
		r.publish(
			&broker.Output{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 2}, Type: "said", Body: []byte("two"), Attempt: first.Attempt, To: []string{"ann"}},
			&broker.Output{Part: broker.Replay, At: r.at, Type: "said", Body: []byte("three"), Attempt: first.Attempt},
			&broker.Output{Part: broker.Live, At: r.at, Attempt: first.Attempt})
		ann.message("said", "two")
		ann.message("said", "three")
		r.say("four")
		ann.message("said", "four")
		ann.silent()
	})
}

func TestAttachIsRetried(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.answer = func(*broker.Message) []*broker.Output { return nil }
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-5\n\n\x00")
		attempts := map[string]bool{r.next(broker.Attach).Attempt: true}
		for _, want := range []time.Duration{3, 6, 12, 24, 48, 60, 60} {
			begun := time.Now()
			m := r.next(broker.Attach)
			if took := time.Since(begun); took != want*time.Second {
				t.Errorf("attached again after %v, want %d s", took, want)
			}
			if m.Resume != (broker.Position{Epoch: 1, N: 5}) || attempts[m.Attempt] {
				t.Errorf("got attach %+v, want a new attempt with resume 1-5", m)
			}
			attempts[m.Attempt] = true
		}
		b.desk.set(func() { delete(b.desk.seats, "r1 ann") }) // the room would take an attach for a join
		ann.refused("not_seated", 1008)
		r.next(broker.Detach)
		r.quiet()
	})
}

func TestBrokenFeed(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.say("one")
		ann.message("said", "one")
		r.skip()
		b.pipes.receiver.Broken()
		if m := r.next(broker.Attach); m.Resume != (broker.Position{Epoch: 1, N: 1}) {
			t.Errorf("got resume %v, want 1-1", m.Resume)
		}
		ann.message("$snapshot", "all of it", "message-id", "1-2")
		r.say("three")
		ann.message("said", "three", "message-id", "1-3")
	})
}

func TestTermsAndEpochs(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.say("one")
		r.term = 2
		r.publish(&broker.Output{Type: "said", At: r.at, Body: []byte("one")}) // published again by the next worker
		r.say("two")
		r.publish(&broker.Output{Type: "said", Term: 1, At: broker.Position{Epoch: 1, N: 3}, Body: []byte("stale")})
		ann.message("said", "one")
		ann.message("said", "two")
		ann.silent()
		r.term, r.at = 3, broker.Position{Epoch: 2, N: 0}
		r.say("of another line")
		if m := r.next(broker.Attach); m.Resume != (broker.Position{Epoch: 1, N: 2}) {
			t.Errorf("got resume %v, want 1-2", m.Resume)
		}
		ann.message("$snapshot", "all of it", "message-id", "2-1")
		r.say("on")
		ann.message("said", "on", "message-id", "2-2")
	})
}

func TestAgain(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		conn := r.next(broker.Attach).Conn
		ann.message("$snapshot", "all of it")
		r.line(&broker.Output{Type: "moved", To: []string{"ann"}, Request: 3, Body: []byte("x")})
		again := broker.Output{Part: broker.Again, At: r.at, Type: "moved", To: []string{"ann"}, Request: 3, Body: []byte("x")}
		r.publish(&again)
		mine := again
		mine.Conn = conn
		r.publish(&mine)
		ann.message("moved", "x", "request", "3")
		ann.message("moved", "x", "request", "3", "message-id", "1-1")
		ann.silent()
	})
}

func TestLeftAndClosed(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		b.desk.set(func() { delete(b.desk.seats, "r1 ann") })
		r.line(&broker.Output{Type: "$left", Unseat: "ann", Body: []byte("{}")})
		ann.message("$left", "{}")
		bob.message("$left", "{}")
		r.say("not for ann")
		bob.message("said", "not for ann")
		ann.send("SEND\ndestination:/queue/room.r1\ntype:a\nseq:4\nreceipt:9\n\n\x00")
		ann.message("error", `{"code":"not_seated","message":"no seat in this room; join it first"}`,
			"code", "not_seated", "request", "4", "receipt-id", "9", "subscription", "s1")
		b.desk.set(func() { b.desk.seats["r1 ann"] = true })
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00") // the old one has ended
		r.next(broker.Attach)
		ann.message("$snapshot", "all of it")
		r.line(&broker.Output{Type: "$closed", Body: []byte("{}")})
		ann.message("$closed", "{}")
		bob.message("$closed", "{}")
		r.say("to nobody")
		ann.send("UNSUBSCRIBE\nid:s1\nreceipt:10\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "10")
		ann.silent()
		bob.silent()
		r.quiet()
	})
}

func TestReplayThatIsTooMuchGetsASnapshot(t *testing.T) {
	play(t, web.Config{Limits: web.Limits{OutMessages: 50}}, func(b *bench) {
		r := b.open()
		r.at.N = 100
		r.answer = func(m *broker.Message) (outs []*broker.Output) {
			if m.Resume.N == 0 {
				return []*broker.Output{{Part: broker.Snapshot, At: r.at, Type: "$snapshot", Body: []byte("short")}}
			}
			for n := m.Resume.N + 1; n <= 100; n++ {
				outs = append(outs, &broker.Output{Part: broker.Replay, At: broker.Position{Epoch: 1, N: n}, Type: "said"})
			}
			return append(outs, &broker.Output{Part: broker.Live, At: r.at})
		}
		c, err := b.connect(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		c.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		synctest.Wait() // the socket takes nothing: all must wait
		c.read()
		for f := range c.frames {
			if kind, _ := f.Get("type"); kind == "$snapshot" {
				break
			}
		}
		r.say("live")
		c.message("said", "live", "message-id", "1-101")
	})
}

func TestSlowReader(t *testing.T) {
	for name, limits := range map[string]web.Limits{
		"messages": {OutMessages: 20, WriteTime: time.Hour},
		"bytes":    {OutBytes: 2000, WriteTime: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Limits: limits}, func(b *bench) {
				r := b.open()
				bob := b.subscribed(r, "bob")
				ann, err := b.connect(nil)
				if err != nil {
					t.Fatal(err)
				}
				ann.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
				ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
				r.next(broker.Attach)
				for range 100 {
					synctest.Wait()
					r.say(strings.Repeat("x", 100))
					bob.expect("MESSAGE")
				}
				ann.read()
				for f := range ann.frames {
					if f.Command == "ERROR" {
						if code, _ := f.Get("code"); code != "slow_reader" {
							t.Errorf("got code %q, want slow_reader", code)
						}
					}
				}
				if got := websocket.CloseStatus(ann.closed); got != websocket.StatusTryAgainLater {
					t.Errorf("closed with %v, want 1013", ann.closed)
				}
				r.next(broker.Detach)
				r.say("for bob")
				bob.message("said", "for bob")
			})
		})
	}
}

func TestSocketThatTakesNothingIsCut(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann, err := b.connect(nil)
		if err != nil {
			t.Fatal(err)
		}
		ann.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		begun := time.Now()
		r.next(broker.Attach)
		r.next(broker.Detach)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

func TestRoomsThatNobodyHearsAreUnbound(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		for range 3 {
			ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
			ann.send("UNSUBSCRIBE\nid:s1\n\n\x00")
			r.next(broker.Detach)
			synctest.Wait()
			if got := b.pipes.bound.Load(); got != 1 {
				t.Errorf("with a subscriber %d bindings, want 1", got)
			}
			bob.conn.CloseNow()
			r.next(broker.Detach)
			synctest.Wait()
			if got := b.pipes.bound.Load(); got != 0 {
				t.Errorf("without subscribers %d bindings, want none", got)
			}
		}
		b.subscribed(r, "ann")
		r.line(&broker.Output{Type: "$closed"})
		synctest.Wait()
		if got := b.pipes.bound.Load(); got != 0 {
			t.Errorf("after the end %d bindings, want none", got)
		}
	})
}
