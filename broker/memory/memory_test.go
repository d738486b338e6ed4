package memory_test

import (
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
