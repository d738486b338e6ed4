// Command webstomp measures what Madang is compared with on RabbitMQ: clients on the broker's own Web STOMP, and a worker that takes each
// room's queue and publishes what it gets on the room's topic. Nobody signs in, nothing is kept.
//
//	webstomp worker --amqp amqp://guest:guest@localhost:5672/ --rooms 20
//	webstomp load --ws ws://localhost:15674/ws --rooms 20 --clients 10 --rate 10
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"
)

type workerFlags struct {
	AMQP  string `help:"RabbitMQ." default:"amqp://guest:guest@localhost:5672/"`
	Rooms int    `help:"Rooms, the same for both." default:"20"`
}

type loadFlags struct {
	WS       string        `help:"Web STOMP." default:"ws://localhost:15674/ws"`
	User     string        `help:"RabbitMQ's user." default:"guest"`
	Password string        `help:"Its password." default:"guest"`
	Rooms    int           `help:"Rooms, the same for both." default:"20"`
	Clients  int           `help:"Clients in each." default:"10"`
	Rate     float64       `help:"Messages a second of each." default:"10"`
	Size     int           `help:"Bytes of a message." default:"100"`
	Warmup   time.Duration `help:"How long to talk before measuring." default:"2s"`
	Time     time.Duration `help:"How long to measure." default:"10s"`
}

func main() {
	var cli struct {
		Worker workerFlags `cmd:"" help:"Echo what rooms are sent."`
		Load   loadFlags   `cmd:"" help:"Measure."`
	}
	parsed := kong.Parse(&cli)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if parsed.Command() == "worker" {
		err = work(ctx, cli.Worker)
	} else {
		err = load(ctx, cli.Load)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "webstomp:", err)
		os.Exit(1)
	}
}

func queueOf(room int) string { return fmt.Sprintf("webstomp.%d", room) }

func topicOf(room int) string { return fmt.Sprintf("webstomp%d", room) }
