package worker_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/handlers"
)

// benchmark measures messages from the queue through a handler to the topic, in so many rooms.
func benchmark(b *testing.B, keep handlers.Keep, rooms int) {
	w := newWorld(b, tallyGame(handlers.Policy{Keep: keep}, 0))
	ids := make([]string, rooms)
	for i := range ids {
		ids[i] = fmt.Sprintf("r%d", i)
		w.room(ids[i], "user-"+ids[i])
		w.join(ids[i], "user-"+ids[i])
	}
	w.start(nil, nil)
	body, _ := json.Marshal(said{})
	const ahead = 100 // messages that wait per room
	tokens := make(chan struct{}, rooms*ahead)
	var added atomic.Int64
	done := make(chan struct{})
	feed, err := w.broker.Feed(b.Context(), broker.Receiver{
		Deliver: func(_ string, outs []*broker.Output) {
			for _, o := range outs {
				if o.Type == "added" {
					<-tokens
					if added.Add(1) == int64(b.N) {
						close(done)
					}
				}
			}
		},
		Broken: func() {},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, id := range ids {
		if err := feed.Bind(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		tokens <- struct{}{}
		room := ids[n%rooms]
		w.tell(&broker.Message{
			Room: room, Type: "add", User: "user-" + room, Seq: uint64(n/rooms + 1), Conn: "c-" + room, ConnSeq: uint64(n/rooms + 1),
			Body: body, ContentType: "application/json",
		})
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkEphemeralRoom(b *testing.B)    { benchmark(b, handlers.Ephemeral{}, 1) }
func BenchmarkCheckpointedRoom(b *testing.B) { benchmark(b, handlers.Checkpointed{}, 1) }
func BenchmarkDurableRoom(b *testing.B)      { benchmark(b, handlers.Durable{}, 1) }
func BenchmarkDurableRooms100(b *testing.B)  { benchmark(b, handlers.Durable{}, 100) }

// BenchmarkWake is the way of a message to a room of which only rows are left, and back, on SQLite and the embedded broker with its
// journal, as a gateway goes it.
func BenchmarkWake(b *testing.B) {
	for name, keep := range map[string]handlers.Keep{"durable": handlers.Durable{}, "checkpointed": handlers.Checkpointed{}, "ephemeral": handlers.Ephemeral{}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, tallyGame(handlers.Policy{Keep: keep, Idle: time.Millisecond, Grace: 10 * time.Hour}, 0))
			journaled, err := memory.Open(memory.Config{Journal: b.TempDir(), Log: quiet()})
			if err != nil {
				b.Fatal(err)
			}
			if err := w.broker.Close(); err != nil {
				b.Fatal(err)
			}
			w.broker = journaled
			w.room("r", "ann")
			w.listen("r")
			p := w.start(nil, nil)
			w.join("r", "ann")
			w.awaitType("$joined", 1)
			var took []time.Duration
			for n := range b.N {
				for p.Left() > 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(5 * time.Millisecond)
				begun := time.Now()
				w.say("r", "ann", uint64(n+1), "add", said{})
				w.await("the answer", func(heard []*broker.Output) bool { return len(heard) > 0 && heard[len(heard)-1].Type == "added" })
				took = append(took, time.Since(begun))
				w.mu.Lock()
				w.heard = nil
				w.mu.Unlock()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
