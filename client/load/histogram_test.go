package load

import (
	"testing"
	"time"
)

func TestQuantilesAreRightWithinTwoPercent(t *testing.T) {
	t.Parallel()
	h := new(histogram)
	const n = 100_000
	for i := 1; i <= n; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	if got := h.total(); got != n {
		t.Errorf("total: got %d, want %d", got, n)
	}
	for _, q := range []float64{0.5, 0.95, 0.99} {
		got, want := h.quantile(q), q*n/1000
		if got < want*0.98 || got > want*1.02 {
			t.Errorf("quantile %v: got %v ms, want %v", q, got, want)
		}
	}
	if got := h.quantile(1); got != n/1000 {
		t.Errorf("greatest: got %v, want %v", got, n/1000)
	}
}

func TestEveryDurationFallsIntoTheBucketThatHoldsIt(t *testing.T) {
	t.Parallel()
	last := -1
	for _, ns := range []int64{0, 1, 63, 64, 65, 127, 128, 129, 1000, 4095, 4096, 1e6, 1e9, 1 << 39} {
		b := bucketOf(ns)
		if b < last {
			t.Errorf("bucket of %d: got %d, below the one of a shorter duration", ns, b)
		}
		last = b
		if upper(b) < ns || (b > 0 && upper(b-1) >= ns) {
			t.Errorf("bucket of %d: got %d, which holds %d to %d", ns, b, upper(b-1)+1, upper(b))
		}
	}
	if got := bucketOf(1 << 62); got != buckets-1 {
		t.Errorf("bucket of a very long time: got %d, want the last, %d", got, buckets-1)
	}
}
