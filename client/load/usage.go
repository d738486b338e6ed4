package load

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is what processes have used, by their own account (/metrics).
type usage struct {
	cpu      float64 // seconds
	resident float64 // bytes
	at       time.Time
}

// look asks the processes at the addresses, with commas between them, and adds up what they say. Who does not answer counts
// nothing. A process that is busy answers late; when it looked at itself lies somewhere between, and the middle is taken for it.
func look(ctx context.Context, addresses string) usage {
	var (
		mu  sync.Mutex
		all usage
		ask sync.WaitGroup
	)
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for address := range strings.SplitSeq(addresses, ",") {
		ask.Go(func() {
			one := lookAt(ctx, strings.TrimRight(address, "/"))
			mu.Lock()
			defer mu.Unlock()
			all.cpu += one.cpu
			all.resident += one.resident
		})
	}
	ask.Wait()
	all.at = began.Add(time.Since(began) / 2)
	return all
}

func lookAt(ctx context.Context, base string) (u usage) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return u
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return u
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(io.LimitReader(answer.Body, 8<<20)); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		switch n, _ := strconv.ParseFloat(text, 64); name {
		case "process_resident_memory_bytes":
			u.resident = n
		case "process_cpu_seconds_total":
			u.cpu = n
		}
	}
	return u
}

// spent is what processes have used from one look to another.
type spent struct {
	seconds float64
	cpu     float64 // seconds
	last    usage
}

// watchUsage looks at the processes at the window's begin and its end, or when ctx ends, and hands over what they have spent.
func watchUsage(ctx context.Context, c Config, w *window) <-chan spent {
	result := make(chan spent, 1)
	wait := func(until int64) {
		timer := time.NewTimer(time.Until(time.Unix(0, until)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	go func() {
		wait(w.begin)
		first := look(ctx, c.Metrics)
		wait(w.end)
		last := look(ctx, c.Metrics)
		s := spent{seconds: last.at.Sub(first.at).Seconds(), last: last}
		if first.cpu > 0 && last.cpu > 0 { // or one did not answer
			s.cpu = last.cpu - first.cpu
		}
		result <- s
	}()
	return result
}

// tell puts it into the report; before is what was used before anybody was connected.
func (s spent) tell(r *Report, before usage) {
	if s.seconds > 0 {
		r.CPU = 100 * s.cpu / s.seconds
	}
	if r.Rate > 0 {
		r.Cost = 10 * r.CPU * 1000 / r.Rate
	}
	if r.Clients > 0 {
		r.Memory = max(s.last.resident-before.resident, 0) / 1024 / float64(r.Clients)
	}
}
