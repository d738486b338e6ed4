package memory_test

import (
	"fmt"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/brokertest"
	"github.com/madang-games/madang/broker/memory"
)

func TestBroker(t *testing.T) {
	brokertest.Test(t, brokertest.Backend{
		System: func(t *testing.T) brokertest.System {
			first := memory.New(memory.Config{})
			return brokertest.System{New: func() broker.Broker { return first.Peer() }, Left: first.Left}
		},
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	m := memory.New(memory.Config{})
	defer m.Close()
	brokertest.Bench(b, m)
}

func BenchmarkRoundTripsOfManyRooms(b *testing.B) {
	m := memory.New(memory.Config{})
	defer m.Close()
	brokertest.BenchParallel(b, m)
}

func BenchmarkOpenRoom(b *testing.B) {
	m := memory.New(memory.Config{})
	defer m.Close()
	names := make([]string, 1<<20)
	for i := range names {
		names[i] = fmt.Sprintf("room-%d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.Open(b.Context(), broker.Spec{Room: names[i%len(names)]}); err != nil {
			b.Fatal(err)
		}
	}
}
