package lobby

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/store"
)

func TestAPanicAtAJobsEndIsATryThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		app := New()
		wild := Job(app, "wild", func(c *JobContext, _ struct{}) (int, error) {
			pay(c, 100)
			c.Then(func(*Context) error { panic("oh no") })
			return 0, nil
		}, JobOptions{Tries: 2})
		after := Job(app, "after", func(c *JobContext, _ struct{}) (int, error) {
			c.Then(func(c *Context) error {
				c.After(func(context.Context) { panic("too late") })
				return nil
			})
			pay(c, 1)
			return 0, nil
		})
		defer y.runner(app, "one", nil)()
		ask(y, wild, struct{}{}, 0, nil)
		ask(y, after, struct{}{}, 0, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := y.gold(); got != 1 {
			t.Errorf("got %d gold, want 1 of the job that ended", got)
		}
		letters, _, err := y.store.DeadLetters(t.Context(), store.DeadFilter{}, "", 10)
		if err != nil || len(letters) != 1 || letters[0].Type != "wild" || letters[0].Attempts != 2 || letters[0].Error != "panic: oh no" {
			t.Fatalf("got letters %+v, %v, want one of wild's second try", letters, err)
		}
		if l, err := y.store.DeadLetter(t.Context(), letters[0].ID); err != nil || !strings.Contains(l.Stack, "job_panic_test.go") {
			t.Errorf("got stack %q, %v, want where it panicked", l.Stack, err)
		}
	})
}
