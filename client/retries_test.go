package client

import (
	"testing"
	"time"
)

func between(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: got %s, want %s to %s", what, got, least, most)
	}
}

func TestWaitsGrowWithTheOutage(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := retries{backoff: Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}, lost: now}
	between(t, "the first", r.next(time.Minute, false, now), 50*time.Millisecond, 100*time.Millisecond)
	between(t, "the second", r.next(0, false, now.Add(time.Second)), 100*time.Millisecond, 200*time.Millisecond)
	for range 20 {
		between(t, "within 10 s", r.next(0, false, now.Add(9*time.Second)), 0, time.Second)
	}
	between(t, "after a minute", r.next(0, false, now.Add(time.Minute)), 3*time.Second, 6*time.Second)
	between(t, "after an hour", r.next(0, false, now.Add(time.Hour)), 5*time.Second, 10*time.Second)
}

func TestAConnectionThatStoodEndsTheRowOfFailures(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := retries{backoff: Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}, lost: now}
	for range 20 { // cut again and again, each time a second after it was back
		now = now.Add(time.Second)
		between(t, "cut after a second", r.next(time.Second, false, now), 50*time.Millisecond, 100*time.Millisecond)
	}
}

func TestOneThatIsThrownOutAtOnceWaitsLongerAndLonger(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := retries{backoff: Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}, lost: now}
	for range 20 {
		r.next(time.Millisecond, true, now)
	}
	between(t, "the 21st", r.next(time.Millisecond, true, now), 5*time.Second, 10*time.Second)
}

func TestANetworkThatComesAndGoesIsAskedLessAndLess(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := retries{backoff: Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}, lost: now}
	for range 20 { // back for a moment only
		now = now.Add(200 * time.Millisecond)
		between(t, "within 4 s", r.next(time.Millisecond, false, now), 0, shortOutage)
	}
	between(t, "after a minute", r.next(time.Millisecond, false, now.Add(time.Minute)), 3*time.Second, 6500*time.Millisecond)
	between(t, "when it has stood", r.next(10*time.Second, false, now.Add(2*time.Minute)), 50*time.Millisecond, 100*time.Millisecond)
}
