package web_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web"
)

// run is kept outputs from number first on.
func run(first uint64, outs ...broker.Output) store.Logged {
	entries := make([]broker.Entry, len(outs))
	for i := range outs {
		entries[i].Output = &outs[i]
	}
	return store.Logged{First: first, Last: first + uint64(len(outs)) - 1, Data: broker.EncodeRun(entries)}
}

// said is an output with a body.
func said(body string) broker.Output { return broker.Output{Type: "said", Body: []byte(body)} }

// closed is a room's own $closed.
func closed() *broker.Output {
	return &broker.Output{Type: "$closed", Body: []byte(`{"reason":"game over"}`)}
}

// end closes room r1 in the store, where n is the number before $closed and log is what is kept for ann.
func (b *bench) end(n uint64, log ...store.Logged) {
	b.desk.set(func() {
		b.desk.rooms["r1"] = store.Room{ID: "r1", State: store.Closed}
		clear(b.desk.seats)
		b.desk.farewells["r1 ann"] = store.Farewell{Epoch: 1, N: n, Log: log}
	})
}

// heard checks that the client gets messages with these message-ids and bodies, and then nothing.
func (c *client) heard(want ...string) {
	c.b.Helper()
	for _, w := range want {
		f := c.expect("MESSAGE")
		id, _ := f.Get("message-id")
		if got := id + " " + string(f.Body); got != w {
			c.b.Fatalf("got %q, want %q", got, w)
		}
	}
	c.silent()
}

const closedAlone = `{"reason":"closed"}`

func TestWhoComesBackAfterTheEndHearsIt(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.end(8, run(1, said("1"), said("2"), said("3")), run(4,
			said("4"),
			broker.Output{Type: "secret", To: []string{"bob"}, Body: []byte("5")},
			broker.Output{Type: "moved", From: "ann", To: []string{"ann"}, Request: 3, Time: time.UnixMilli(1234), Body: []byte("6")},
			broker.Output{Type: "moved", From: "bob", To: []string{"bob", "ann"}, Request: 4, Body: []byte("7")},
			broker.Output{Type: "over", Body: []byte("8")},
		), run(9, *closed()))
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-4\nreceipt:1\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "1")
		ann.message("moved", "6", "message-id", "1-6", "request", "3", "from", "ann", "timestamp", "1234",
			"subscription", "s1", "destination", "/topic/room.r1")
		ann.message("moved", "7", "message-id", "1-7", "request", "")
		ann.message("over", "8", "message-id", "1-8")
		ann.message("$closed", `{"reason":"game over"}`, "message-id", "1-9")
		ann.silent()
		if got := b.pipes.bound.Load(); got != 0 {
			t.Errorf("%d topics are bound for a room that is over, want none", got)
		}

		ann.send("SEND\ndestination:/queue/room.r1\ntype:a\nseq:5\n\n\x00")
		ann.message("error", `{"code":"room_closed","message":"this room is over"}`, "request", "5", "message-id", "1-9")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-8\nreceipt:2\n\n\x00") // the old one has ended
		ann.expect("RECEIPT", "receipt-id", "2")
		ann.heard(`1-9 {"reason":"game over"}`)
		ann.send("UNSUBSCRIBE\nid:s1\nreceipt:3\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "3")
		ann.silent()
	})
}

func TestClosedIsMadeWhereNoneIsKept(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.end(2, run(1, said("1"), said("2")))
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		ann.heard("1-2 2", "1-3 "+closedAlone)
	})
}

func TestWhoseEndIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	whole := run(1, said("1"), said("2"), said("3"), *closed())
	damaged := whole
	damaged.Data = damaged.Data[:len(damaged.Data)-1]
	for _, c := range []struct {
		name, user, resume string
		log                []store.Logged
	}{
		{"no place", "ann", "", []store.Logged{whole}},
		{"no place that can be read", "ann", "1-x", []store.Logged{whole}},
		{"another epoch", "ann", "2-1", []store.Logged{whole}},
		{"a place beyond the end", "ann", "1-18446744073709551615", []store.Logged{whole}},
		{"all heard already", "ann", "1-4", []store.Logged{whole}},
		{"nothing kept", "ann", "1-1", nil},
		{"the beginning is missing", "ann", "1-1", []store.Logged{run(3, said("3"), *closed())}},
		{"a hole", "ann", "1-1", []store.Logged{run(1, said("1"), said("2")), run(4, *closed())}},
		{"the end is missing", "ann", "1-1", []store.Logged{run(1, said("1"), said("2"))}},
		{"damaged", "ann", "1-1", []store.Logged{damaged}},
		{"not seated at the end", "bob", "1-1", []store.Logged{whole}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				b.end(3, c.log...)
				s := b.signIn(c.user)
				s.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:" + c.resume + "\nreceipt:1\n\n\x00")
				s.refused("room_closed", 1008, "receipt-id", "1")
			})
		})
	}
}

func TestEndThatCannotBeLookedUp(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.end(2, run(2, said("2")))
		b.desk.set(func() { b.desk.reading = func() error { return store.ErrUnavailable } })
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		ann.refused("unavailable", 1013) // which says to come back
	})
}

// move puts the room's line at a number.
func (r *room) move(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at.N = n
}

// reply says what an attach gets from now on.
func (r *room) reply(answer func(*broker.Message) []*broker.Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// attaching is a subscription of ann whose attach the room leaves without an answer.
func (b *bench) attaching(r *room, resume string) *client {
	b.Helper()
	r.reply(func(*broker.Message) []*broker.Output { return nil })
	ann := b.signIn("ann")
	ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:" + resume + "\nreceipt:1\n\n\x00")
	ann.expect("RECEIPT", "receipt-id", "1")
	r.next(broker.Attach)
	return ann
}

func TestRoomEndsWhileSomebodyAttaches(t *testing.T) {
	t.Parallel()
	log := []store.Logged{run(1, said("1"), said("2")), run(3, said("3"), *closed())}
	t.Run("from a place", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			r.move(2)
			ann := b.attaching(r, "1-1")
			r.say("3")
			ann.silent()
			b.end(3, log...)
			r.line(closed())
			ann.heard("1-2 2", "1-3 3", `1-4 {"reason":"game over"}`)
			r.quiet()
		})
	})
	t.Run("from a place, of which the replay has come", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			r.move(1)
			ann := b.attaching(r, "1-1")
			r.reply(func(m *broker.Message) []*broker.Output {
				return []*broker.Output{{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 2}, Type: "said", Body: []byte("2")}}
			})
			m := r.next(broker.Attach) // asked again
			ann.heard("1-2 2")
			r.move(3)
			b.end(3, log...)
			r.line(closed())
			ann.heard("1-3 3", `1-4 {"reason":"game over"}`)
			r.publish(&broker.Output{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 3}, Type: "said", Body: []byte("late"), Attempt: m.Attempt})
			ann.silent()
		})
	})
	t.Run("from no place", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			r.move(3)
			ann := b.attaching(r, "")
			b.end(3, log...)
			r.line(closed())
			ann.heard(`1-4 {"reason":"game over"}`)
		})
	})
	t.Run("from a place of which not all is kept", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			r.move(3)
			ann := b.attaching(r, "1-1")
			b.end(3, log[1:]...)
			r.line(closed())
			ann.heard(`1-4 {"reason":"game over"}`)
		})
	})
	t.Run("in the queue of the keeper", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			b.subscribed(r, "bob")
			// The keeper is held up by one attach, while the next ones wait for it and the room ends.
			held, ends := make(chan struct{}), make(chan struct{})
			b.pipes.onSend(func(m *broker.Message) error {
				if m.User == "ann" && m.Kind == broker.Attach {
					held <- struct{}{}
					<-ends
					return broker.ErrNoRoom
				}
				return nil
			})
			ann := b.signIn("ann")
			ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\nreceipt:1\n\n\x00")
			<-held
			b.desk.set(func() { b.desk.seats["r1 cho"] = true })
			cho := b.signIn("cho")
			cho.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nreceipt:2\n\n\x00")
			synctest.Wait()
			r.move(3)
			b.end(3, log...)
			r.line(closed())
			cho.message("$closed", string(closed().Body))
			close(ends)
			for _, want := range []string{"2", "3", string(closed().Body)} {
				if f := ann.expect("MESSAGE"); string(f.Body) != want {
					t.Errorf("ann got %q, want %q", f.Body, want)
				}
			}
			ann.expect("RECEIPT", "receipt-id", "1")
			cho.expect("RECEIPT", "receipt-id", "2")
			ann.silent()
			cho.silent()
		})
	})
}

func TestHoleBeforeTheEndIsFilled(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.say("1")
		ann.heard("1-1 1")
		r.skip() // "over" is lost
		b.end(2, run(1, said("1")), run(2, said("over"), *closed()))
		b.desk.set(func() { b.desk.reading = failing(3) })
		r.line(closed())
		ann.heard("1-2 over", `1-3 {"reason":"game over"}`)
		synctest.Wait()
		if got := b.pipes.bound.Load(); got != 0 {
			t.Errorf("after the end %d bindings, want none", got)
		}
	})
}

// failing is a reading that fails so many times.
func failing(times int) func() error {
	return func() error {
		if times--; times >= 0 {
			return errors.New("the store is away")
		}
		return nil
	}
}

func TestEndThatTheFeedLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		log  []store.Logged
		want []string
	}{
		{"all is kept", []store.Logged{run(2, said("over"), *closed())}, []string{"1-2 over", `1-3 {"reason":"game over"}`}},
		{"all but $closed is kept", []store.Logged{run(2, said("over"))}, []string{"1-2 over", "1-3 " + closedAlone}},
		{"nothing is kept", nil, []string{"1-3 " + closedAlone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				r := b.open()
				ann := b.subscribed(r, "ann")
				r.say("1")
				ann.heard("1-1 1")
				b.end(2, c.log...)
				b.pipes.receiver.Broken()
				ann.heard(c.want...)
				r.quiet()
			})
		})
	}
	t.Run("nobody sat there", func(t *testing.T) {
		play(t, web.Config{}, func(b *bench) {
			r := b.open()
			ann := b.subscribed(r, "ann")
			b.end(0)
			b.desk.set(func() { clear(b.desk.farewells) })
			b.pipes.receiver.Broken()
			ann.refused("room_closed", 1008)
		})
	})
}

func TestAttachThatFindsNoQueueAnyMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, resume string
		want         []string
	}{
		{"from a place", "1-1", []string{"1-2 over", `1-3 {"reason":"game over"}`}},
		{"from no place", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				b.pipes.onSend(func(*broker.Message) error { // the room ends just after the seat was looked up
					b.end(2, run(2, said("over"), *closed()))
					return broker.ErrNoRoom
				})
				ann := b.signIn("ann")
				ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:" + c.resume + "\nreceipt:1\n\n\x00")
				if c.want == nil {
					ann.refused("room_closed", 1008, "receipt-id", "1")
					return
				}
				for _, want := range c.want {
					f := ann.expect("MESSAGE")
					if id, _ := f.Get("message-id"); id+" "+string(f.Body) != want {
						t.Errorf("got %s %s, want %s", id, f.Body, want)
					}
				}
				ann.expect("RECEIPT", "receipt-id", "1")
				ann.silent()
			})
		})
	}
}

func TestReplayThatComesWhileTheEndIsReadIsVoid(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		b.subscribed(r, "bob") // so the topic is heard
		attempts, reads, goes := make(chan string, 1), make(chan struct{}), make(chan struct{})
		b.pipes.onSend(func(m *broker.Message) error { // held, but the answer to that is lost; then the room is over
			attempts <- m.Attempt
			b.end(2, run(2, said("over"), *closed()))
			return broker.ErrNoRoom
		})
		b.desk.set(func() {
			b.desk.reading = func() error {
				reads <- struct{}{}
				<-goes
				return nil
			}
		})
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		<-reads
		r.publish(&broker.Output{Part: broker.Replay, At: broker.Position{Epoch: 1, N: 2}, Type: "said", Body: []byte("over"), Attempt: <-attempts})
		ann.silent()
		close(goes)
		ann.heard("1-2 over", `1-3 {"reason":"game over"}`)
	})
}

func TestClosedWhileTheSeatIsLookedUpAgain(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.attaching(r, "")
		looks, goes := make(chan struct{}), make(chan struct{})
		b.desk.set(func() {
			b.desk.seating = func() {
				looks <- struct{}{}
				<-goes
			}
		})
		<-looks // it attaches again, as nobody has answered
		r.move(3)
		r.line(closed())
		ann.heard(`1-4 {"reason":"game over"}`)
		close(goes)
		ann.silent()
	})
}

func TestWhoGoesWhileItsEndIsReadHearsNothing(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.move(1)
		ann := b.attaching(r, "1-1")
		reads, goes := make(chan struct{}), make(chan struct{})
		b.end(1, run(2, *closed()))
		b.desk.set(func() {
			b.desk.reading = func() error {
				reads <- struct{}{}
				<-goes
				return nil
			}
		})
		r.line(closed())
		<-reads
		ann.send("UNSUBSCRIBE\nid:s1\nreceipt:2\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "2")
		close(goes)
		ann.silent()
	})
}

func TestEndThatIsMoreThanCanWait(t *testing.T) {
	t.Parallel()
	var all []broker.Output
	for n := range 200 {
		all = append(all, said(fmt.Sprint(n+1)))
	}
	log := run(1, append(all, *closed())...)
	for _, c := range []struct {
		name  string
		begin func(b *bench, c *client)
	}{
		{"after the end", func(b *bench, c *client) {
			b.end(200, log)
			c.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
		}},
		{"while it attaches", func(b *bench, c *client) {
			r := b.open()
			r.move(200)
			r.reply(func(*broker.Message) []*broker.Output { return nil })
			c.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
			r.next(broker.Attach)
			b.end(200, log)
			r.line(closed())
		}},
		{"while it attaches again for a replay that was too much", func(b *bench, c *client) {
			r := b.open()
			r.move(200)
			r.reply(func(m *broker.Message) (outs []*broker.Output) {
				for n := m.Resume.N + 1; m.Resume.N != 0 && n <= 200; n++ {
					outs = append(outs, &broker.Output{Part: broker.Replay, At: broker.Position{Epoch: 1, N: n}, Type: "said", Body: all[n-1].Body})
				}
				return outs
			})
			c.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-1\n\n\x00")
			r.next(broker.Attach)
			r.next(broker.Attach)
			b.end(200, log)
			r.line(closed())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, web.Config{Limits: web.Limits{OutMessages: 50, WriteTime: time.Hour}}, func(b *bench) {
				s, err := b.connect(nil)
				if err != nil {
					t.Fatal(err)
				}
				s.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
				c.begin(b, s)
				synctest.Wait() // the socket takes nothing: all must wait
				s.read()
				next := 2
				for f := range s.frames {
					switch code, _ := f.Get("code"); {
					case f.Command == "CONNECTED", f.Command == "ERROR" && code == "slow_reader":
					case f.Command != "MESSAGE" || string(f.Body) != fmt.Sprint(next):
						t.Fatalf("got %s %v %q, want number %d or slow_reader", f.Command, f.Fields, f.Body, next)
					default:
						next++
					}
				}
				if next > 200 {
					t.Fatalf("all was written, want too much of it")
				}
				// It comes back, reads faster, and goes on from where it stands until it has all.
				for next <= 200 {
					s := b.signIn("ann")
					s.send(fmt.Sprintf("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\nresume:1-%d\n\n\x00", next-1))
					for f := range s.frames {
						if f.Command != "MESSAGE" {
							continue
						}
						if kind, _ := f.Get("type"); kind == "$closed" {
							if next != 201 {
								t.Fatalf("got $closed after %d, want it after 200", next-1)
							}
							return
						}
						if string(f.Body) != fmt.Sprint(next) {
							t.Fatalf("got %q, want %d", f.Body, next)
						}
						next++
					}
				}
			})
		})
	}
}
