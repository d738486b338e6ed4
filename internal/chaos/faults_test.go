package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/madang-games/madang/internal/testservers"
)

// fault is one row: something that goes wrong, and is put right again.
type fault struct {
	name string
	// on names what it happens to: two faults on the same thing do not happen at once.
	on  string
	run func(ctx context.Context, d *deployment, r *dice) error
}

// dice is chance from a seed, safe for concurrent use.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, 0))} }

func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

const (
	deadTime  = time.Second // until a dead process is started again
	readyTime = time.Minute // for a process to be ready again
)

// frozenTime is until a frozen process is woken, and a cut cable is put in again: in any case longer than it takes the
// others to give up on it.
func frozenTime() time.Duration {
	if full() {
		return 6 * time.Second
	}
	return 4 * time.Second
}

// faults are all the rows but everything at once.
func faults() []fault {
	var all []fault
	for _, role := range []string{"worker", "web", "lobby"} {
		all = append(all,
			fault{"kill -9 of a " + called(role), role, func(ctx context.Context, d *deployment, r *dice) error { return killed(ctx, d, role, r) }},
			fault{"SIGSTOP, SIGCONT of a " + called(role), role, func(ctx context.Context, d *deployment, r *dice) error { return frozen(ctx, d, role, r) }},
		)
	}
	for _, role := range []string{"worker", "web"} {
		all = append(all, fault{"SIGTERM of a " + called(role), role, func(ctx context.Context, d *deployment, r *dice) error { return drained(ctx, d, role, r) }})
	}
	if full() { // it takes the CPU of other packages' tests as well
		all = append(all, fault{"no CPU: busy neighbours", "cpu", crowded})
	}
	return append(all,
		fault{"rolling update of all workers", "worker", rolled},
		fault{"cut between a worker and the broker", "worker", cutOff},
		fault{"players' connections cut", "players", disconnected},
		fault{"kill -9 of a RabbitMQ node", "rabbitmq", nodeKilled},
		fault{"SIGSTOP, SIGCONT of a RabbitMQ node", "rabbitmq", nodeFrozen},
		fault{"memory alarm on a RabbitMQ node", "rabbitmq", nodeAlarmed},
		fault{"restart of PostgreSQL", "postgres", databaseRestarted},
		fault{"kill -9 of PostgreSQL", "postgres", databaseKilled},
	)
}

func called(role string) string {
	if role == "web" {
		return "gateway"
	}
	return role
}

// pick takes a process of a role; of the workers, one that plays a room, if that is told within 2 s.
func pick(ctx context.Context, d *deployment, role string, r *dice) *process {
	all := d.of(role)
	if role == "worker" && len(d.scouts) > 0 {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if pid, err := d.scouts[r.n(len(d.scouts))].player(ctx); err == nil {
			for _, p := range all {
				if p.pid() == pid {
					return p
				}
			}
		}
	}
	return all[r.n(len(all))]
}

func back(ctx context.Context, p *process) error {
	if err := p.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return p.ready(ctx)
}

func killed(ctx context.Context, d *deployment, role string, r *dice) error {
	p := pick(ctx, d, role, r)
	p.kill()
	if err := pause(ctx, deadTime); err != nil {
		return err
	}
	return back(ctx, p)
}

func frozen(ctx context.Context, d *deployment, role string, r *dice) error {
	p := pick(ctx, d, role, r)
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := pause(ctx, frozenTime())
	return errors.Join(err, p.signal(syscall.SIGCONT), back(ctx, p))
}

func drained(ctx context.Context, d *deployment, role string, r *dice) error {
	p := pick(ctx, d, role, r)
	err := p.drain(2 * drainTime)
	return errors.Join(err, back(ctx, p))
}

// rolled starts a new worker beside each one, and then drains the old one.
func rolled(ctx context.Context, d *deployment, _ *dice) error {
	var errs []error
	for _, old := range d.of("worker") {
		by := d.newProcess("worker", d.island.holds(old))
		if err := back(ctx, by); err != nil {
			by.kill()
			return errors.Join(append(errs, err)...)
		}
		d.replace("worker", old, by)
		errs = append(errs, old.drain(2*drainTime))
	}
	return errors.Join(errs...)
}

var errNoIsland = errors.New("this machine allows no network namespaces")

// settleIsland sees to it that the worker on the island plays some of the scouts' rooms: if need be by restarting all the
// others.
func (d *deployment) settleIsland(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		// The dead are taken for alive for 3 s, and until then the island may be no room's first or second.
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); {
			for _, s := range d.scouts {
				pid, err := s.player(ctx)
				if err != nil {
					return err
				}
				for _, p := range d.of("worker") {
					if d.island.holds(p) && p.pid() == pid {
						return nil
					}
				}
			}
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		for _, p := range d.of("worker") {
			if !d.island.holds(p) {
				p.kill()
				if err := back(ctx, p); err != nil {
					return err
				}
			}
		}
	}
}

func cutOff(ctx context.Context, d *deployment, _ *dice) error {
	if d.island == nil {
		return fmt.Errorf("%w: %w", errNoIsland, d.why)
	}
	if err := d.settleIsland(ctx); err != nil {
		return err
	}
	if err := d.island.cut(); err != nil {
		return errors.Join(err, d.island.heal())
	}
	err := pause(ctx, frozenTime())
	if err = errors.Join(err, d.island.heal()); err != nil {
		return err
	}
	for _, p := range d.of("worker") {
		if d.island.holds(p) {
			err = errors.Join(err, back(ctx, p))
		}
	}
	return err
}

// disconnected cuts a third of the players' connections, six times.
func disconnected(ctx context.Context, d *deployment, r *dice) error {
	for range 6 {
		d.front.cut(func() bool { return r.n(3) == 0 })
		if err := pause(ctx, 400*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// tend starts nodes again that have ended by themselves, as a service manager would: without its third node a cluster
// survives no other's death.
func tend(d *deployment) error {
	var errs []error
	for i, n := range d.nodes {
		if n.Ended() {
			d.t.Logf("RabbitMQ node %d has ended by itself: it is started again", i+1)
			errs = append(errs, start(d, n))
		}
	}
	return errors.Join(errs...)
}

func start(d *deployment, n node) error { return testservers.StartAnew(n, d.t.Logf) }

func nodeKilled(ctx context.Context, d *deployment, r *dice) error {
	if err := tend(d); err != nil {
		return err
	}
	n := d.nodes[r.n(len(d.nodes))]
	err := n.Kill()
	return errors.Join(err, pause(ctx, deadTime), start(d, n))
}

func nodeFrozen(ctx context.Context, d *deployment, r *dice) error {
	if err := tend(d); err != nil {
		return err
	}
	n := d.nodes[r.n(len(d.nodes))]
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := pause(ctx, frozenTime())
	return errors.Join(err, n.Signal(syscall.SIGCONT))
}

// nodeAlarmed has a node find that its memory is used up: it holds back whoever publishes, and so do the others once they hear of it.
func nodeAlarmed(ctx context.Context, d *deployment, r *dice) error {
	n := d.nodes[r.n(len(d.nodes))]
	err := setAlarm(ctx, d, n, true)
	if err == nil {
		err = pause(ctx, frozenTime())
	}
	return errors.Join(err, setAlarm(ctx, d, n, false))
}

// setAlarm raises or ends the alarm of n, and returns when all nodes say so; that it is raised some may not hear (RabbitMQ tells those
// that have registered for it, and one that was started again a moment ago can miss that). What fails is done again: a node that was
// frozen or killed a moment ago takes its time, and one that has ended by itself has no alarm when it is back.
func setAlarm(ctx context.Context, d *deployment, n node, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		err := tend(d)
		if err == nil {
			err = n.SetMemoryAlarm(ctx, on)
		}
		if err == nil {
			err = alarmed(ctx, on, n)
		}
		if err == nil {
			err = alarmed(ctx, on, d.nodes...)
			if err != nil && on {
				d.t.Logf("an alarm is not heard of everywhere: %.300s", err)
				return nil
			}
		}
		if err == nil {
			return nil
		}
		if pause(ctx, time.Second) != nil {
			return fmt.Errorf("alarm %t: %w", on, err)
		}
		d.t.Logf("alarm %t: trying again: %.300s", on, err)
	}
}

// alarmed waits until all of these nodes say that there is an alarm in their cluster, or that there is none.
func alarmed(ctx context.Context, on bool, nodes ...node) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime/4)
	defer cancel()
	for _, n := range nodes {
		for {
			is, err := n.Alarmed(ctx)
			if err == nil && is == on {
				break
			}
			if n.Ended() || pause(ctx, 50*time.Millisecond) != nil {
				return errors.Join(fmt.Errorf("a node (ended: %t) says alarm %t", n.Ended(), is), err)
			}
		}
	}
	return nil
}

// crowded has other processes take most of the CPU: with four that never wait for each core, whoever wakes up has to wait for its turn.
func crowded(ctx context.Context, _ *deployment, _ *dice) error {
	var neighbours []*exec.Cmd
	var err error
	for range 4 * runtime.NumCPU() {
		c := exec.Command("sh", "-c", "ulimit -t 60; while :; do :; done")
		if err = c.Start(); err != nil {
			break
		}
		neighbours = append(neighbours, c)
	}
	err = errors.Join(err, pause(ctx, 2*frozenTime()))
	for _, c := range neighbours {
		err = errors.Join(err, c.Process.Kill())
		_ = c.Wait() // says that it was killed
	}
	return err
}

func databaseRestarted(ctx context.Context, d *deployment, _ *dice) error {
	d.db.Stop()
	err := pause(ctx, deadTime)
	return errors.Join(err, d.db.Start())
}

func databaseKilled(ctx context.Context, d *deployment, _ *dice) error {
	if err := d.db.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	d.db.Kill()
	err := pause(ctx, deadTime)
	for range 20 { // the dead one's children keep its memory until they have seen that it is gone
		if d.db.Start() == nil {
			return err
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.Join(err, d.db.Start())
}

// everything lets faults happen by chance, some at once, until time is over; it returns when all of them are put right.
func everything(ctx context.Context, d *deployment, r *dice, lasts time.Duration, log func(format string, args ...any)) error {
	all := faults()
	if d.island == nil {
		kept := all[:0]
		for _, f := range all {
			if f.name != "cut between a worker and the broker" {
				kept = append(kept, f)
			}
		}
		all = kept
	}
	var (
		mu      sync.Mutex
		busy    = map[string]bool{}
		errs    []error
		running sync.WaitGroup
	)
	began := time.Now()
	for time.Since(began) < lasts && ctx.Err() == nil {
		f := all[r.n(len(all))]
		mu.Lock()
		free := !busy[f.on]
		busy[f.on] = true
		mu.Unlock()
		if free {
			running.Go(func() {
				log("%s %s", time.Now().UTC().Format("15:04:05.000"), f.name)
				err := f.run(ctx, d, r)
				if err == nil {
					err = pause(ctx, time.Duration(r.n(3000))*time.Millisecond)
				} else {
					err = fmt.Errorf("%s: %w", f.name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				busy[f.on] = false
				errs = append(errs, err)
			})
		}
		_ = pause(ctx, time.Duration(500+r.n(2500))*time.Millisecond)
	}
	running.Wait()
	return errors.Join(append(errs, tend(d))...)
}
