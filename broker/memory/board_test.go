package memory_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
)

func TestWatcherThatIsBehindIsToldThatItHasMissedSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(memory.Config{})
		defer b.Close()
		hold, seen := make(chan struct{}), make(chan string, 10_000)
		err := b.Watch(t.Context(), func(n broker.Notice) {
			<-hold
			seen <- n.Kind
		})
		if err != nil {
			t.Fatal(err)
		}
		post := func(kind string) {
			t.Helper()
			if err := b.Post(t.Context(), broker.Notice{Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5000 {
			post(fmt.Sprint(i))
		}
		close(hold)
		synctest.Wait()
		got := len(seen)
		if got == 0 || got >= 5000 {
			t.Fatalf("got %d notices, want some of 5000", got)
		}
		for i := range got {
			if kind := <-seen; kind != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", kind, i)
			}
		}
		post("next")
		synctest.Wait()
		for _, want := range []string{broker.NoticeMissed, "next"} {
			if kind := <-seen; kind != want {
				t.Errorf("got %s, want %s", kind, want)
			}
		}
		post("last")
		synctest.Wait()
		if kind := <-seen; kind != "last" {
			t.Errorf("got %s, want last", kind)
		}
	})
}
