package rabbitmq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/internal/testservers"
)

func consumeGrouped(t *testing.T, ctx context.Context, b *rabbitmq.Broker, room string) *consumer {
	t.Helper()
	return consume(t, ctx, b, broker.Consumption{Room: room, Group: "g"})
}

// follow takes the messages from to to, in this order, and returns the last one's tag.
func (c *consumer) follow(from, to uint64) (tag uint64) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		d, err := c.next()
		if err != nil {
			c.t.Fatalf("message %d of %s: %v", n, c.room, err)
		} else if d.Seq != n {
			c.t.Fatalf("got message %d of %s, want %d", d.Seq, c.room, n)
		}
		tag = d.Tag
	}
	return tag
}

func (c *consumer) wait(what string) {
	c.t.Helper()
	select {
	case <-c.woken:
	case <-c.ctx.Done():
		c.t.Fatalf("%s: not in time", what)
	}
}

func (c *consumer) ack(tag uint64) {
	c.t.Helper()
	if err := c.Ack(tag); err != nil {
		c.t.Fatalf("Ack of %s: %v", c.room, err)
	}
}

func sendAll(t *testing.T, ctx context.Context, b *rabbitmq.Broker, room string, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := b.Send(ctx, &broker.Message{Room: room, Seq: n}); err != nil {
			t.Fatalf("Send %d to %s: %v", n, room, err)
		}
	}
}

// pair is two rooms of one group, each with a consumer of the first process and one of the second behind it.
func pair(t *testing.T, ctx context.Context) (first *rabbitmq.Broker, here, there [2]*consumer) {
	t.Helper()
	return pairOn(t, ctx, testservers.RabbitMQ(t))
}

func pairOn(t *testing.T, ctx context.Context, server testservers.Rabbit) (first *rabbitmq.Broker, here, there [2]*consumer) {
	t.Helper()
	first, second := dial(t, server.URL), dial(t, server.URL)
	t.Cleanup(func() { first.Close(); second.Close() })
	for i, room := range []string{"one", "two"} {
		open(t, ctx, first, room)
		here[i] = consumeGrouped(t, ctx, first, room)
	}
	for i, room := range []string{"one", "two"} {
		there[i] = consumeGrouped(t, ctx, second, room)
	}
	return first, here, there
}

func TestGroupedRoomsAckForThemselvesAlone(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b, here, there := pair(t, ctx)
	for n := uint64(1); n <= 6; n++ { // in turn, so that their tags alternate
		sendAll(t, ctx, b, "one", n, n)
		here[0].follow(n, n)
		sendAll(t, ctx, b, "two", n, n)
		tag := here[1].follow(n, n)
		if n == 4 {
			here[1].ack(tag)
		}
	}
	_ = here[0].Close()
	_ = here[1].Close()
	there[0].follow(1, 6) // nothing of it was acked
	there[1].follow(5, 6)
}

func TestAGroupLeavesTogetherAndInOrder(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b, here, there := pair(t, ctx)
	sendAll(t, ctx, b, "one", 1, 3)
	sendAll(t, ctx, b, "two", 1, 3)
	here[0].ack(here[0].follow(1, 1))
	here[1].follow(1, 3)
	closed := make(chan struct{})
	go func() {
		_ = here[0].Close()
		close(closed)
	}()
	for !here[1].Leaving() {
		here[1].wait("the other room's leaving")
	}
	select {
	case <-closed:
		t.Error("Close returned while the other room still had the channel")
	default:
	}
	sendAll(t, ctx, b, "one", 4, 5) // to one that has left already
	here[1].ack(2)                  // by tags of its channel: message 1 of the other room has another
	if err := here[1].Publish(ctx, []*broker.Output{{Room: "two", Type: "said", At: broker.Position{Epoch: 1, N: 1}}}); err != nil {
		t.Errorf("Publish of a room that is about to leave: %v", err)
	}
	fresh := consumeGrouped(t, ctx, b, "two") // stands behind the other process, on another channel
	if fresh.Leaving() {
		t.Error("who joins later leaves with those who left")
	}
	if err := here[1].Close(); err != nil {
		t.Fatal(err)
	}
	<-closed
	there[0].follow(2, 5)
	if got, err := there[1].Take(nil); err != nil || len(got) > 0 && got[0].Seq > 3 {
		t.Errorf("got %v, %v, want what was not acked", got, err)
	}
	if _, err := here[1].Take(nil); !errors.Is(err, broker.ErrLost) {
		t.Errorf("Take of one that has left: got %v, want ErrLost", err)
	}
	if there[0].Leaving() || there[1].Leaving() {
		t.Error("another process's group leaves")
	}
}

func TestWhoDoesNotLeaveWithItsGroupIsLost(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b, here, there := pair(t, ctx)
	sendAll(t, ctx, b, "two", 1, 2)
	here[1].follow(1, 2)
	if err := here[0].Close(); err != nil { // waits for the other one, which does nothing
		t.Fatal(err)
	}
	if _, err := here[1].Take(nil); !errors.Is(err, broker.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	there[1].follow(1, 2)
	sendAll(t, ctx, b, "one", 1, 1)
	there[0].follow(1, 1)
}

func TestTheEndOfARoomLeavesItsGroupAlone(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	b, here, there := pairOn(t, ctx, server)
	sendAll(t, ctx, b, "one", 1, 3)
	here[0].follow(1, 1) // and is not acked
	if err := b.Delete(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	for { // the broker tells this process, perhaps before it answers
		if _, err := here[0].Take(nil); errors.Is(err, broker.ErrLost) {
			break
		}
		here[0].wait("the end of the room")
	}
	if err := here[0].Close(); err != nil {
		t.Fatal(err)
	}
	for { // and the other one
		if _, err := there[0].Take(nil); errors.Is(err, broker.ErrLost) {
			break
		}
		there[0].wait("the end of the room elsewhere")
	}
	if err := there[0].Close(); err != nil {
		t.Fatal(err)
	}
	sendAll(t, ctx, b, "two", 1, 40)
	here[1].ack(here[1].follow(1, 40))
	if here[1].Leaving() || there[1].Leaving() {
		t.Error("a room leaves because another one of its group is over")
	}
	open(t, ctx, b, "three")
	three := consumeGrouped(t, ctx, b, "three")
	sendAll(t, ctx, b, "three", 1, 3)
	three.ack(three.follow(1, 3))
	// What the room has left unacked must not stay with the channel: the broker closes one that owes an ack for half an hour.
	eventually(t, ctx, "no ack is owed", func() bool { return owed(t, ctx, server) == 0 })
}

// owed is how many messages consumers have not acked, as RabbitMQ says, which may be some seconds old; -1: it says nothing yet.
func owed(t *testing.T, ctx context.Context, server testservers.Rabbit) int {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.API+"/api/channels", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var channels []struct {
		VHost     string `json:"vhost"`
		Consumers int    `json:"consumer_count"`
		Unacked   int    `json:"messages_unacknowledged"`
	}
	if err := json.NewDecoder(response.Body).Decode(&channels); err != nil {
		t.Fatal(err)
	}
	consumers, unacked := 0, 0
	for _, c := range channels {
		if c.VHost == server.VHost {
			consumers += c.Consumers
			unacked += c.Unacked
		}
	}
	if consumers == 0 {
		return -1
	}
	return unacked
}

func TestARoomThatIsNotThereLeavesItsGroupAlone(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b, here, _ := pair(t, ctx)
	if _, err := b.Consume(ctx, broker.Consumption{Room: "none", Group: "g"}); !errors.Is(err, broker.ErrNoRoom) {
		t.Errorf("got %v, want ErrNoRoom", err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Consume(short, broker.Consumption{Room: "one", Group: "g"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	sendAll(t, ctx, b, "two", 1, 2)
	here[1].ack(here[1].follow(1, 2))
	if here[1].Leaving() {
		t.Error("a room leaves because another one could not be consumed")
	}
}

func TestALargeGroupHasSeveralChannels(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b := dial(t, testservers.RabbitMQ(t).URL)
	defer b.Close()
	var all []*consumer
	for i := range rabbitmq.GroupMost + 2 {
		room := fmt.Sprint("r", i)
		open(t, ctx, b, room)
		all = append(all, consumeGrouped(t, ctx, b, room))
	}
	began := time.Now()
	_ = all[0].Close()
	t.Logf("the others were waited for, for %v", time.Since(began).Round(time.Millisecond))
	leaving := 0
	for _, g := range all {
		if _, err := g.Take(nil); err != nil {
			leaving++
		}
	}
	if leaving != rabbitmq.GroupMost {
		t.Errorf("%d of %d rooms have gone with one, want %d", leaving, len(all), rabbitmq.GroupMost)
	}
}

// A message is several frames, and a connection on which another's lie between them ends.
func TestWhoJoinsCutsNobodysMessage(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	b := dial(t, testservers.RabbitMQ(t).URL)
	defer b.Close()
	open(t, ctx, b, "loud")
	loud := consumeGrouped(t, ctx, b, "loud")
	body := make([]byte, 400<<10)
	stop, said := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := uint64(1); ; n++ {
			select {
			case <-stop:
				said <- nil
				return
			default:
			}
			if err := loud.Publish(ctx, []*broker.Output{{Room: "loud", Type: "said", At: broker.Position{Epoch: 1, N: n}, Body: body}}); err != nil {
				said <- err
				return
			}
		}
	}()
	for i := range rabbitmq.GroupMost - 2 {
		room := fmt.Sprint("r", i)
		open(t, ctx, b, room)
		consumeGrouped(t, ctx, b, room)
	}
	close(stop)
	if err := <-said; err != nil {
		t.Errorf("Publish beside those who join: %v", err)
	}
	if loud.Leaving() {
		t.Error("the group leaves")
	}
}

// A queue that does not answer holds its channel. Who shares one is freed from it by the connection's end; the other rooms of a
// connection must not pay for one that has its channel alone.
func TestAChannelThatDoesNotAnswerCostsTheConnectionOnlyIfItIsShared(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	server := testservers.RabbitMQ(t)
	neighbour := func(rooms ...string) *consumer {
		b := dial(t, server.URL)
		t.Cleanup(func() { b.Close() })
		var all []*consumer
		for _, room := range rooms {
			open(t, ctx, b, room)
			all = append(all, consumeGrouped(t, ctx, b, room))
		}
		open(t, ctx, b, "next-to-"+rooms[0])
		other := consume(t, ctx, b, broker.Consumption{Room: "next-to-" + rooms[0], Group: "other"})
		t.Cleanup(rabbitmq.Hold(all[0].Pipe))
		for _, c := range all {
			go c.Close()
		}
		return other
	}
	alone := neighbour("one")
	shared := neighbour("two", "three") // later, so that its patience is
	if _, err := shared.next(); !errors.Is(err, broker.ErrLost) {
		t.Errorf("beside a shared channel that does not answer: got %v, want ErrLost", err)
	}
	if _, err := alone.Take(nil); err != nil {
		t.Errorf("beside a channel of one room that does not answer: got %v, want the connection to live on", err)
	}
}
