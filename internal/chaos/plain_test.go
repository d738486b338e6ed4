package chaos

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// plain is the least that a program can do with rooms on RabbitMQ: two workers consume each room's queue, the one that is active
// publishes an answer to each question, and one listener hears all answers. It remembers nothing, looks after nobody, and is what
// the takeover of many rooms is compared with: most of that time is the broker's.
type plain struct {
	t         *testing.T
	urls      []string
	dialled   int
	rooms     int
	asks      int
	questions *amqp.Channel
	answers   <-chan amqp.Delivery
	workers   [2]plainWorker // the first plays the even rooms
	conns     []*amqp.Connection
}

type plainWorker struct {
	conn  *amqp.Connection // the latest
	under []net.Conn
	rooms int
}

// plainFigures prints how long half of the rooms take to answer, and how long after the death of the worker that plays them.
func plainFigures(t *testing.T, urls []string, rooms int) {
	t.Helper()
	p := &plain{t: t, urls: urls, rooms: rooms}
	defer p.start()()
	p.ask("plain program, nothing happens") // the broker's first message from a channel to a queue takes longer
	p.say("plain program, nothing happens", p.ask("plain program, nothing happens"))
	for _, c := range p.workers[0].under {
		c.Close()
	}
	p.say("plain program, killed worker", p.ask("plain program, killed worker"))
}

func (p *plain) say(what string, took []time.Duration) {
	fmt.Printf("%-48s %s\n", fmt.Sprintf("%s, %d rooms of it", what, len(took)), spread(took))
}

// start makes the rooms and their workers, and returns what ends them.
func (p *plain) start() (end func()) {
	p.t.Helper()
	conn, _ := p.dial()
	p.questions = p.channel(conn)
	for i := range p.rooms {
		_, err := p.questions.QueueDeclare(plainQueue(i), true, false, false, false, amqp.Table{
			"x-queue-type": "quorum", "x-single-active-consumer": true, "x-max-length": 1000, "x-overflow": "reject-publish",
			"x-queue-leader-locator": "balanced",
		})
		p.check(err)
	}
	conn, _ = p.dial()
	ears := p.channel(conn)
	feed, err := ears.QueueDeclare("", false, true, true, false, nil)
	p.check(err)
	for i := range p.rooms {
		p.check(ears.QueueBind(feed.Name, plainQueue(i), "amq.topic", false, nil))
	}
	p.answers, err = ears.Consume(feed.Name, "", true, true, false, false, nil)
	p.check(err)
	for i := range p.rooms {
		p.work(&p.workers[i%2], i) // the first in a queue's line is its active consumer
		p.work(&p.workers[1-i%2], i)
	}
	return func() {
		for i := range p.rooms {
			_, err := p.questions.QueueDelete(plainQueue(i), false, false, false)
			p.check(err)
		}
		for _, c := range p.conns {
			_ = c.Close() // the killed worker's are closed already
		}
	}
}

func plainQueue(i int) string { return fmt.Sprintf("plain%d", i) }

func (p *plain) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// dial takes the nodes in turn.
func (p *plain) dial() (conn *amqp.Connection, under net.Conn) {
	p.t.Helper()
	url := p.urls[p.dialled%len(p.urls)]
	p.dialled++
	conn, err := amqp.DialConfig(url, amqp.Config{Dial: func(network, address string) (c net.Conn, err error) {
		c, err = amqp.DefaultDial(10*time.Second)(network, address)
		under = c
		return c, err
	}})
	p.check(err)
	p.conns = append(p.conns, conn)
	return conn, under
}

func (p *plain) channel(conn *amqp.Connection) *amqp.Channel {
	p.t.Helper()
	ch, err := conn.Channel()
	p.check(err)
	p.check(ch.Confirm(false))
	return ch
}

// work answers a room's questions until its connection ends.
func (p *plain) work(w *plainWorker, room int) {
	p.t.Helper()
	const perConnection = 500
	if w.rooms%perConnection == 0 {
		conn, under := p.dial()
		w.conn, w.under = conn, append(w.under, under)
	}
	w.rooms++
	ch, queue := p.channel(w.conn), plainQueue(room)
	p.check(ch.Qos(256, 0, false))
	questions, err := ch.Consume(queue, "", false, false, false, false, nil)
	p.check(err)
	go func() {
		for q := range questions {
			confirm, err := ch.PublishWithDeferredConfirm("amq.topic", queue, false, false, amqp.Publishing{Body: q.Body})
			if err != nil || !confirm.Wait() || ch.Ack(q.DeliveryTag, false) != nil {
				return
			}
		}
	}()
}

// ask asks each room that the first worker plays, and returns how long each took until its first answer.
func (p *plain) ask(what string) []time.Duration {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	p.asks++
	began := time.Now()
	var taken sync.WaitGroup
	waiting := map[string]bool{}
	for i := 0; i < p.rooms; i += 2 {
		question := fmt.Sprintf("%100s", fmt.Sprint(p.asks, " ", i))
		waiting[question] = true
		confirm, err := p.questions.PublishWithDeferredConfirm("", plainQueue(i), true, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(question)})
		p.check(err)
		taken.Go(func() { _, _ = confirm.WaitContext(ctx) })
	}
	var took []time.Duration
	for len(waiting) > 0 {
		select {
		case a := <-p.answers:
			if waiting[string(a.Body)] { // a question whose worker died before its ack is answered again
				delete(waiting, string(a.Body))
				took = append(took, time.Since(began))
			}
		case <-ctx.Done():
			p.t.Fatalf("%s: %d have not answered", what, len(waiting))
		}
	}
	taken.Wait()
	return took
}
