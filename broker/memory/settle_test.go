package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
)

func TestSettleWaitsUntilConsumersHaveTakenAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(memory.Config{})
		defer b.Close()
		if err := b.Open(t.Context(), broker.Spec{Room: "r"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Send(t.Context(), &broker.Message{Room: "r"}); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Settle(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a message waiting: got %v, want the deadline", err)
		}
		p, err := b.Consume(t.Context(), broker.Consumption{Room: "r", Wake: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		settled := make(chan error, 1)
		go func() { settled <- b.Settle(t.Context()) }()
		synctest.Wait()
		if _, err := p.Take(nil); err != nil {
			t.Fatal(err)
		}
		if err := <-settled; err != nil {
			t.Errorf("with all taken: got %v, want nil", err)
		}
	})
}
