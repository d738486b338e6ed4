package web_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

func TestLastOutputThatWasLostInTroubleIsAskedFor(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann, bob := b.subscribed(r, "ann"), b.subscribed(r, "bob")
		r.say("one")
		ann.message("said", "one")
		bob.message("said", "one")
		r.skip() // and nothing follows it
		begun := time.Now()
		b.pipes.receiver.Doubt()
		if m := r.next(broker.Attach); time.Since(begun) != 3*time.Second || m.Resume != (broker.Position{Epoch: 1, N: 1}) {
			t.Errorf("asked after %v from %v, want 3s and 1-1", time.Since(begun), m.Resume)
		}
		r.next(broker.Attach) // the other one, who sees the hole by the answer
		ann.message("$snapshot", "all of it", "message-id", "1-2")
		bob.message("$snapshot", "all of it", "message-id", "1-2")
		r.say("three")
		ann.message("said", "three", "message-id", "1-3")
		bob.message("said", "three", "message-id", "1-3")
	})
}

func TestSilentRoomIsAskedThreeTimesAfterTrouble(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.answer = func(*broker.Message) []*broker.Output { return []*broker.Output{{Part: broker.Live, At: r.at}} }
		ann.send("SEND\ndestination:/queue/room.r1\ntype:say\nreceipt:1\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "1")
		r.next(broker.Say)
		time.Sleep(50 * time.Second)
		begun := time.Now()
		b.pipes.receiver.Doubt()
		for _, want := range []time.Duration{3, 10, 30} {
			r.next(broker.Attach)
			if took := time.Since(begun); took != want*time.Second {
				t.Errorf("asked after %v, want %d s", took, want)
			}
		}
		time.Sleep(time.Hour)
		r.quiet()
		b.pipes.receiver.Doubt()
		time.Sleep(time.Hour)
		r.quiet() // nobody has said anything for long: nothing was on its way
	})
}

func TestRoomThatSpeaksIsNotAskedAfterTrouble(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		b.pipes.receiver.Doubt()
		for range 40 {
			r.say("more")
			ann.message("said", "more")
			time.Sleep(time.Second)
		}
		r.quiet()
	})
}

func TestOneGatewayTellsTheOthersOfTrouble(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.say("one")
		ann.message("said", "one")
		var told atomic.Int64
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err := b.pipes.Watch(ctx, func(n broker.Notice) {
			if n.Kind == broker.NoticeDoubt {
				told.Add(1)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		b.pipes.receiver.Doubt()
		synctest.Wait()
		if n := told.Load(); n != 1 {
			t.Errorf("told the others %d times, want 1", n)
		}
		for range 3 {
			r.next(broker.Attach)
		}
		r.say("two")
		ann.message("$snapshot", "all of it")
		ann.message("$snapshot", "all of it")
		ann.message("$snapshot", "all of it")
		ann.message("said", "two")
		if err := b.pipes.Post(ctx, broker.Notice{Kind: broker.NoticeDoubt, From: "another"}); err != nil {
			t.Fatal(err)
		}
		r.next(broker.Attach)
		if n := told.Load(); n != 2 {
			t.Errorf("%d notices, want only that of the other gateway beside the own one", n)
		}
	})
}

func TestTopicIsBoundAnewWhenNobodyAnswers(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		r.reply(func(*broker.Message) []*broker.Output { return nil })
		ann := b.signIn("ann")
		ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		r.next(broker.Attach)
		if binds := b.pipes.binds.Load(); binds != 1 {
			t.Errorf("bound %d times, want 1", binds)
		}
		r.reply(nil)
		r.next(broker.Attach)
		ann.message("$snapshot", "all of it")
		if binds, bound := b.pipes.binds.Load(), b.pipes.bound.Load(); binds != 2 || bound != 1 {
			t.Errorf("bound %d times, %d now; want 2 and 1", binds, bound)
		}
	})
}

func TestSignsOfTroubleWithoutEndDoNotPutTheAskingOff(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		r.say("one")
		ann.message("said", "one")
		begun := time.Now()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					b.pipes.receiver.Doubt()
				}
			}
		}()
		for _, want := range []time.Duration{4, 11, 31, 34, 41, 61} {
			r.next(broker.Attach)
			if took := time.Since(begun); took.Round(time.Second) != want*time.Second {
				t.Errorf("asked after %v, want %d s", took, want)
			}
		}
	})
}
