package brokertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/madang-games/madang/broker"
)

// Bench measures the way of a message through a room: Send, Take, Publish, Deliver, Ack, one after the other.
func Bench(b *testing.B, p broker.Broker) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := p.Open(ctx, broker.Spec{Room: "r"}); err != nil {
		b.Fatal(err)
	}
	woken, heard := make(chan struct{}, 1), make(chan struct{}, 1)
	pipe, err := p.Consume(ctx, broker.Consumption{Room: "r", Wake: func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	feed, err := p.Feed(ctx, broker.Receiver{
		Deliver: func(_ string, outs []*broker.Output) {
			for range outs {
				heard <- struct{}{}
			}
		},
		Broken: func() { b.Error("the feed was broken") },
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := feed.Bind(ctx, "r"); err != nil {
		b.Fatal(err)
	}
	var ds []broker.Delivery
	body := make([]byte, 100)
	outs := make([]*broker.Output, 1)
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		if err := p.Send(ctx, &broker.Message{Room: "r", Type: "move", User: "u", Seq: n, Body: body}); err != nil {
			b.Fatal(err)
		}
		for ds = ds[:0]; len(ds) == 0; {
			<-woken
			if ds, err = pipe.Take(ds); err != nil {
				b.Fatal(err)
			}
		}
		outs[0] = &broker.Output{Room: "r", Type: "moved", From: "u", At: broker.Position{Epoch: 1, N: n}, Body: ds[0].Body}
		if err := pipe.Publish(ctx, outs); err != nil {
			b.Fatal(err)
		}
		<-heard
		if err := pipe.Ack(ds[0].Tag); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchParallel measures Send, Take, Publish, Deliver and Ack with a room for each core.
func BenchParallel(b *testing.B, p broker.Broker) {
	ctx := b.Context()
	rooms := make(chan string, 1024)
	for i := range cap(rooms) {
		rooms <- roomName(i)
	}
	feed, err := p.Feed(ctx, broker.Receiver{Deliver: func(string, []*broker.Output) {}, Broken: func() {}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		room := <-rooms
		if err := p.Open(ctx, broker.Spec{Room: room, Durability: broker.Passing}); err != nil {
			b.Error(err)
			return
		}
		if err := feed.Bind(ctx, room); err != nil {
			b.Error(err)
			return
		}
		woken := make(chan struct{}, 1)
		pipe, err := p.Consume(ctx, broker.Consumption{Room: room, Wake: func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		}})
		if err != nil {
			b.Error(err)
			return
		}
		var ds []broker.Delivery
		for n := uint64(1); pb.Next(); n++ {
			if err := p.Send(ctx, &broker.Message{Room: room, Type: "move", User: "u", Seq: n}); err != nil {
				b.Error(err)
				return
			}
			for ds = ds[:0]; len(ds) == 0; {
				<-woken
				ds, _ = pipe.Take(ds)
			}
			out := &broker.Output{Room: room, Type: "moved", At: broker.Position{Epoch: 1, N: n}}
			if err := pipe.Publish(ctx, []*broker.Output{out}); err != nil {
				b.Error(err)
				return
			}
			if err := pipe.Ack(ds[len(ds)-1].Tag); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func roomName(i int) string { return fmt.Sprintf("r%d", i) }
