//go:build unix

package match

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

const standing = 10_000 // tickets that wait

// 10,000 tickets come at once, and are matched as far as they can be. An operation is all of that. tickets/s are those that were
// matched in a second of one core's time, whatever else the machine does.
func BenchmarkCrowd(b *testing.B) {
	for _, l := range loads() {
		b.Run(l.name, func(b *testing.B) {
			matched, began := 0, cpu(b)
			for b.Loop() {
				c := crowd{load: l, pool: New(l.rules), rand: rand.New(rand.NewPCG(1, 1)), now: start}
				for range standing {
					c.come(b)
				}
				c.next()
				matched += c.matched
			}
			b.ReportMetric(float64(matched)/(cpu(b)-began).Seconds(), "tickets/s")
		})
	}
}

// 10,000 tickets wait, and each that is matched is replaced by another: Next is asked after each that comes, and time goes by only when
// 10,000 wait. An operation is a ticket that comes; tickets/s as of BenchmarkCrowd.
func BenchmarkStanding(b *testing.B) {
	for _, l := range loads() {
		if len(l.rules.Regions) == 0 {
			continue // 10,000 who all go together do not wait
		}
		b.Run(l.name, func(b *testing.B) {
			c := crowd{load: l, pool: New(l.rules), rand: rand.New(rand.NewPCG(1, 1)), now: start}
			for c.pool.Len() < standing {
				for c.pool.Len() < standing {
					c.come(b)
				}
				c.next()
			}
			come := func() {
				c.come(b)
				for c.next(); c.pool.Len() >= standing; c.next() {
					c.now = c.due
				}
			}
			for range 2000 {
				come() // until there are those who have waited long
			}
			c.matched = 0
			began := cpu(b)
			for b.Loop() {
				come()
			}
			b.ReportMetric(float64(c.matched)/(cpu(b)-began).Seconds(), "tickets/s")
		})
	}
}

// cpu is how long this process has kept cores busy.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// crowd is a pool and those who come.
type crowd struct {
	load
	pool     *Pool
	rand     *rand.Rand
	now, due time.Time
	came     int
	matched  int
}

func (c *crowd) come(b *testing.B) {
	c.came++
	c.now = c.now.Add(20 * time.Microsecond)
	if err := c.pool.Add(c.ticket(c.rand, c.came, c.now)); err != nil {
		b.Fatal(err)
	}
}

func (c *crowd) next() {
	var groups []Group
	groups, c.due = c.pool.Next(c.now)
	for _, g := range groups {
		for _, team := range g.Teams {
			c.matched += len(team)
		}
	}
}
