package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/internal/testservers"
)

// TestCluster has one cluster of three for all its cases; each leaves it whole.
func TestCluster(t *testing.T) {
	cluster := testservers.StartRabbitMQCluster(t, 3)
	for _, c := range []struct {
		name string
		run  func(*testing.T, context.Context, *testservers.Cluster)
	}{
		{"leaders are spread", testLeadersAreSpread},
		{"killed node", testKilledNode},
		{"memory alarm", testMemoryAlarm},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A node takes minutes to start while other packages' servers do the same on a slow machine.
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
			defer cancel()
			defer revive(t, cluster)
			defer tell(t, cluster)
			c.run(t, ctx, cluster)
			revive(t, cluster)
			if err := cluster.AwaitWhole(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// revive starts what a case that has failed has left down.
func revive(t *testing.T, c *testservers.Cluster) {
	for _, n := range c.Nodes {
		if !n.Running() || n.Ended() {
			if err := testservers.StartAnew(n, t.Logf); err != nil {
				t.Error(err)
			}
		}
	}
}

// tell logs what the nodes know of their queues when a case has failed.
func tell(t *testing.T, c *testservers.Cluster) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, n := range c.Nodes {
		for _, what := range [][]string{
			{"list_queues", "name", "state", "leader", "online", "messages_ready", "messages_unacknowledged", "consumers"},
			{"list_consumers", "queue_name", "channel_pid", "active", "activity_status"},
		} {
			out, err := n.Control(ctx, what...)
			t.Logf("%s: %s: %v\n%s", n.Name, what[0], err, out)
		}
	}
}

func join(t *testing.T, c *testservers.Cluster) *rabbitmq.Broker {
	t.Helper()
	b, err := rabbitmq.New(t.Context(), rabbitmq.Config{URLs: c.URLs(), Log: quiet()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func do(t *testing.T, what string, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// leaders counts the room queues that each node leads.
func leaders(t *testing.T, ctx context.Context, n *testservers.Node) map[string]int {
	t.Helper()
	out, err := n.Control(ctx, "list_queues", "--no-table-headers", "name", "leader")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 2 {
			count[f[1]]++
		}
	}
	return count
}

func testLeadersAreSpread(t *testing.T, ctx context.Context, c *testservers.Cluster) {
	b := dial(t, c.Nodes[0].URL)
	defer b.Close()
	for i := range 12 {
		open(t, ctx, b, fmt.Sprintf("spread%d", i))
	}
	count := leaders(t, ctx, c.Nodes[0])
	for _, n := range c.Nodes {
		if count[n.Name] < 2 {
			t.Errorf("%s leads %d of 12 queues, want about 4: %v", n.Name, count[n.Name], count)
		}
	}
	for i := range 12 {
		do(t, "Delete", func() error { return b.Delete(ctx, fmt.Sprintf("spread%d", i)) })
	}
}

// load is senders of numbered messages into rooms, and two workers that stand in line for each room.
type load struct {
	t     *testing.T
	rooms []*loaded
	stop  atomic.Bool
	wait  sync.WaitGroup
}

type loaded struct {
	name string
	mu   sync.Mutex
	sent uint64    // the last number that was receipted
	seen uint64    // the last number that was handled in order
	at   time.Time // when
	gap  time.Duration
	jump string // the first hole
}

// see notes a message; a number that was seen before is a double, which a room skips.
func (r *loaded) see(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.seen+1 && r.jump == "" {
		r.jump = fmt.Sprintf("%d after %d", n, r.seen)
	}
	if n == r.seen+1 {
		now := time.Now()
		if !r.at.IsZero() {
			r.gap = max(r.gap, now.Sub(r.at))
		}
		r.seen, r.at = n, now
	}
}

func startLoad(t *testing.T, ctx context.Context, c *testservers.Cluster, prefix string, rooms int, d broker.Durability) *load {
	t.Helper()
	l := &load{t: t}
	sender, one, two := join(t, c), join(t, c), join(t, c)
	for i := range rooms {
		r := &loaded{name: fmt.Sprintf("%s%d", prefix, i)}
		l.rooms = append(l.rooms, r)
		do(t, "Open", func() error { return sender.Open(ctx, broker.Spec{Room: r.name, Durability: d}) })
	}
	for i, r := range l.rooms {
		for w, b := range []*rabbitmq.Broker{one, two} {
			if i%2 == 1 {
				b = []*rabbitmq.Broker{two, one}[w]
			}
			l.wait.Go(func() { l.work(ctx, b, r) })
		}
		l.wait.Go(func() {
			for n := uint64(1); !l.stop.Load(); n++ {
				if err := sender.Send(ctx, &broker.Message{Room: r.name, Seq: n}); err != nil {
					t.Errorf("Send %d to %s: %v", n, r.name, err)
					return
				}
				r.mu.Lock()
				r.sent = n
				r.mu.Unlock()
				pace(ctx)
			}
		})
	}
	return l
}

// pace keeps a sender from being a benchmark.
func pace(ctx context.Context) {
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
}

// work is a worker's room: it comes back whenever it has lost its queue, until all is handled.
func (l *load) work(ctx context.Context, b *rabbitmq.Broker, r *loaded) {
	woken := make(chan struct{}, 1)
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	for !l.done(r) && ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		pipe, err := b.Consume(try, broker.Consumption{Room: r.name, Wake: wake})
		cancel()
		if err != nil {
			pace(ctx)
			continue
		}
		var ds []broker.Delivery
		for err == nil && !l.done(r) && ctx.Err() == nil {
			if ds, err = pipe.Take(ds[:0]); err != nil {
				break
			}
			for _, d := range ds {
				r.see(d.Seq)
			}
			if len(ds) > 0 {
				err = pipe.Ack(ds[len(ds)-1].Tag)
				continue
			}
			select {
			case <-woken:
			case <-time.After(100 * time.Millisecond): // to see that all is done
			case <-ctx.Done():
			}
		}
		pipe.Close()
	}
}

func (l *load) done(r *loaded) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return l.stop.Load() && r.seen >= r.sent
}

// moves waits until each room has handled another n messages.
func (l *load) moves(ctx context.Context, n uint64) {
	l.t.Helper()
	for _, r := range l.rooms {
		r.mu.Lock()
		want := r.seen + n
		r.mu.Unlock()
		eventually(l.t, ctx, r.name+" goes on", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.seen >= want
		})
	}
}

// end stops the senders, waits until all that was receipted is handled, and reports.
func (l *load) end(ctx context.Context) {
	l.t.Helper()
	l.stop.Store(true)
	l.wait.Wait()
	var total uint64
	var gaps []time.Duration
	for _, r := range l.rooms {
		if r.seen < r.sent || r.jump != "" {
			l.t.Errorf("%s: %d receipted, %d handled, hole: %q", r.name, r.sent, r.seen, r.jump)
		}
		total += r.sent
		gaps = append(gaps, r.gap)
	}
	if ctx.Err() != nil {
		l.t.Fatalf("not in time: %v", ctx.Err())
	}
	slices.Sort(gaps)
	l.t.Logf("%d rooms, %d receipted, lost 0; longest gap of a room: median %v, worst %v", len(l.rooms), total,
		gaps[len(gaps)/2].Round(time.Millisecond), gaps[len(gaps)-1].Round(time.Millisecond))
}

// A node dies under load and is started again. Rooms go on elsewhere, and those whose queue nobody leads meanwhile harm no
// other.
func testKilledNode(t *testing.T, ctx context.Context, c *testservers.Cluster) {
	passing := openPassing(t, ctx, c)
	declareSick(t, c.Nodes[1])
	l := startLoad(t, ctx, c, "killed", 12, broker.Kept)
	l.moves(ctx, 20)
	b := join(t, &testservers.Cluster{Nodes: []*testservers.Node{c.Nodes[0], c.Nodes[2]}})
	open(t, ctx, b, "steady")
	steady, _ := worker(t, ctx, b, "steady")

	do(t, "Kill", c.Nodes[1].Kill)
	for _, p := range passing {
		p.goesOn(t, ctx, c)
	}
	var sick sync.WaitGroup
	playSick(t, ctx, b, &sick)
	// The rooms that are well go on, those of this process too once the sick ones are known.
	l.moves(ctx, 100)
	eventually(t, ctx, "sick rooms are known", func() bool { return b.Suspects() >= sickRooms })
	_ = steady.Close()
	steady, _ = worker(t, ctx, b, "steady")
	for range 50 {
		do(t, "Send", func() error { return b.Send(ctx, &broker.Message{Room: "steady"}) })
		do(t, "Publish", func() error { return steady.Publish(ctx, []*broker.Output{{Room: "steady"}}) })
		pace(ctx)
	}

	do(t, "Start", func() error { return testservers.StartAnew(c.Nodes[1], t.Logf) })
	l.moves(ctx, 50)
	sick.Wait()
	eventually(t, ctx, "nobody is suspect any more", func() bool { return b.Suspects() == 0 })
	l.end(ctx)
}

// passing is a room whose queue is on one node alone.
type passing struct {
	room string
	pipe broker.Pipe
}

func openPassing(t *testing.T, ctx context.Context, c *testservers.Cluster) (all []passing) {
	t.Helper()
	home := dial(t, c.Nodes[1].URL)
	defer home.Close()
	b := join(t, c)
	for i := range 3 {
		room := fmt.Sprintf("pass%d", i)
		do(t, "Open", func() error { return home.Open(ctx, broker.Spec{Room: room, Durability: broker.Passing}) })
		pipe, _ := worker(t, ctx, b, room)
		all = append(all, passing{room, pipe})
	}
	return all
}

// goesOn is after the room's node has died: its messages may have gone, also one that was taken while the others had not
// heard of the death yet; it goes on once somebody has opened it again.
func (p passing) goesOn(t *testing.T, ctx context.Context, c *testservers.Cluster) {
	t.Helper()
	eventually(t, ctx, p.room+": its worker hears of it", func() bool {
		_, err := p.pipe.Take(nil)
		return errors.Is(err, broker.ErrLost)
	})
	b := join(t, c)
	defer b.Close()
	for {
		err := p.carries(ctx, b)
		if err == nil {
			return
		}
		if !errors.Is(err, broker.ErrNoRoom) && !errors.Is(err, broker.ErrLost) {
			t.Fatalf("%s: %v", p.room, err)
		}
		do(t, "Open", func() error { return b.Open(ctx, broker.Spec{Room: p.room, Durability: broker.Passing}) })
	}
}

// carries brings one message through the room.
func (p passing) carries(ctx context.Context, b *rabbitmq.Broker) error {
	pipe, err := b.Consume(ctx, broker.Consumption{Room: p.room})
	if err != nil {
		return err
	}
	defer pipe.Close()
	if err := b.Send(ctx, &broker.Message{Room: p.room, Seq: 1}); err != nil {
		return err
	}
	for {
		ds, err := pipe.Take(nil)
		if err != nil {
			return err
		}
		if len(ds) > 0 {
			if ds[0].Seq != 1 {
				return fmt.Errorf("got message %d, want 1", ds[0].Seq)
			}
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pace(ctx)
	}
}

// sickRooms is how many rooms have a queue that only one node holds, as every queue without a leader is.
const sickRooms = 5

func sickRoom(i int) string { return fmt.Sprintf("sick%d", i) }

func declareSick(t *testing.T, on *testservers.Node) {
	t.Helper()
	conn, err := amqp.Dial(on.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for i := range sickRooms {
		_, err := ch.QueueDeclare("room."+sickRoom(i), true, false, false, false, amqp.Table{
			"x-queue-type": "quorum", "x-quorum-initial-group-size": 1, "x-single-active-consumer": true,
			"x-max-length": 1000, "x-overflow": "reject-publish",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// playSick sends to each sick room and consumes it; playing ends when all that was sent has come.
func playSick(t *testing.T, ctx context.Context, b *rabbitmq.Broker, playing *sync.WaitGroup) {
	for i := range sickRooms {
		room := sickRoom(i)
		playing.Go(func() {
			for n := uint64(1); n <= 3; n++ {
				if err := b.Send(ctx, &broker.Message{Room: room, Seq: n}); err != nil {
					t.Errorf("Send %d to %s: %v", n, room, err)
				}
			}
		})
		playing.Go(func() {
			var pipe broker.Pipe
			for pipe == nil && ctx.Err() == nil {
				try, cancel := context.WithTimeout(ctx, time.Second)
				pipe, _ = b.Consume(try, broker.Consumption{Room: room})
				cancel()
			}
			seen := uint64(0)
			for seen < 3 && ctx.Err() == nil {
				ds, err := pipe.Take(nil)
				if err != nil {
					t.Errorf("Take of %s: %v", room, err)
					return
				}
				for _, d := range ds {
					if d.Seq > seen+1 {
						t.Errorf("%s: got %d after %d", room, d.Seq, seen)
					}
					seen = max(seen, d.Seq)
				}
				pace(ctx)
			}
		})
	}
}
