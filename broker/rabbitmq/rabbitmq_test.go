package rabbitmq_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/brokertest"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/internal/testservers"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func dial(t testing.TB, address string) *rabbitmq.Broker {
	t.Helper()
	b, err := rabbitmq.New(t.Context(), rabbitmq.Config{URLs: []string{address}, Log: quiet()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return b
}

func TestBroker(t *testing.T) {
	brokertest.Test(t, brokertest.Backend{
		Many: 300,
		Over: 1, // a quorum queue is full when it holds more than its bound
		System: func(t *testing.T) brokertest.System {
			server := testservers.RabbitMQ(t)
			return brokertest.System{
				New:  func() broker.Broker { return dial(t, server.URL) },
				Left: left(t, server),
			}
		},
		Restartable: func(t *testing.T) brokertest.System {
			node := testservers.StartRabbitMQ(t)
			return brokertest.System{
				New: func() broker.Broker { return dial(t, node.URL) },
				Stop: func() {
					if err := node.Stop(); err != nil {
						t.Fatalf("stop RabbitMQ: %v", err)
					}
				},
				Start: func() {
					if err := node.Start(); err != nil {
						t.Fatalf("start RabbitMQ: %v", err)
					}
				},
			}
		},
	})
}

// left asks the management plugin for the queues and bindings of the test's vhost.
func left(t *testing.T, server testservers.Rabbit) func() (queues, bindings int) {
	if server.API == "" {
		return nil
	}
	list := func(what string, into any) {
		t.Helper()
		response, err := http.Get(server.API + "/api/" + what + "/" + url.PathEscape(server.VHost))
		if err != nil {
			t.Fatalf("list %s: %v", what, err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatalf("list %s: %s: %v", what, response.Status, err)
		}
	}
	return func() (queues, bindings int) {
		var qs []struct{ Name string }
		list("queues", &qs)
		var bs []struct{ Source string }
		list("bindings", &bs)
		for _, b := range bs {
			if b.Source != "" { // each queue is bound to the default exchange
				bindings++
			}
		}
		return len(slices.DeleteFunc(qs, func(q struct{ Name string }) bool { return q.Name == rabbitmq.PulseQueue })), bindings
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	r := dial(b, testservers.RabbitMQ(b).URL)
	defer r.Close()
	brokertest.Bench(b, r)
}

func BenchmarkRoundTripsOfManyRooms(b *testing.B) {
	r := dial(b, testservers.RabbitMQ(b).URL)
	defer r.Close()
	b.SetParallelism(50)
	brokertest.BenchParallel(b, r)
}
