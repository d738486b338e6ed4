package memory_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
)

// BenchmarkSend is Send, Take and Ack of messages with a body of 100 bytes, by so many senders with a room each.
func BenchmarkSend(b *testing.B) {
	for _, how := range []string{"memory", "journal"} {
		for _, senders := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", how, senders), func(b *testing.B) {
				m := memory.New(memory.Config{})
				if how == "journal" {
					m = reopen(b, b.TempDir())
				}
				benchSend(b, m, senders)
			})
		}
	}
}

func benchSend(b *testing.B, m *memory.Broker, senders int) {
	pipes := make([]broker.Pipe, senders)
	for i := range pipes {
		room := fmt.Sprintf("r%d", i)
		open(b, m, room, broker.Kept)
		pipes[i] = consume(b, m, room)
	}
	body := make([]byte, 100)
	var sent atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i, p := range pipes {
		all.Go(func() {
			var ds []broker.Delivery
			for sent.Add(1) <= int64(b.N) {
				err := m.Send(b.Context(), &broker.Message{Room: fmt.Sprintf("r%d", i), Type: "move", User: "u", Conn: "0123456789abcdef.1", Body: body})
				if err == nil {
					ds, err = p.Take(ds[:0])
				}
				if err == nil {
					err = p.Ack(ds[len(ds)-1].Tag)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
