package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/maintenance"
	"github.com/madang-games/madang/store"
)

// maintenanceCmd announces, begins and ends a time in which nobody is taken in.
type maintenanceCmd struct {
	Status   maintenanceStatusCmd   `cmd:"" default:"1" help:"Say what stands."`
	Announce maintenanceAnnounceCmd `cmd:"" help:"Announce one to everybody, with its begin and what follows; it takes the place of what stands."`
	Begin    maintenanceBeginCmd    `cmd:"" help:"Let it begin now: nobody signs in, and no room or match comes about; who is there plays on."`
	Close    maintenanceCloseCmd    `cmd:"" help:"Disconnect everybody now."`
	End      maintenanceEndCmd      `cmd:"" help:"Open again, or take the announcement back."`

	Data   string   `default:"./data" env:"MADANG_DATA" placeholder:"DIR" help:"Folder of the deployment's SQLite file (${default})."`
	Store  string   `default:"sqlite" env:"MADANG_STORE" placeholder:"URL" help:"The deployment's store: sqlite, or postgres://user:password@host:5432/database (${default})."`
	Broker []string `default:"memory" env:"MADANG_BROKER" placeholder:"URL" help:"The deployment's broker, amqp://user:password@host:5672/vhost, by which processes hear at once; otherwise they look each two seconds (${default})."`

	out io.Writer // nil: standard output
}

type maintenanceStatusCmd struct {
	JSON bool `name:"json" help:"As a JSON object."`
}

type maintenanceAnnounceCmd struct {
	Text     string        `arg:"" optional:"" help:"What players are told, 500 characters at most."`
	In       time.Duration `default:"15m" placeholder:"TIME" help:"When it begins (${default})."`
	For      time.Duration `placeholder:"TIME" help:"How long it is expected to take, from its begin; players are told."`
	Close    time.Duration `default:"-1s" placeholder:"TIME" help:"Disconnect everybody so long after its begin; default: not by itself."`
	EndRooms bool          `name:"end-rooms" help:"End all rooms then. Otherwise they go on without their players, with their timers and grace times."`
	Exempt   []string      `placeholder:"ID" help:"Accounts for whom there is none, such as your testers."`
}

type (
	maintenanceBeginCmd struct{}
	maintenanceCloseCmd struct{}
	maintenanceEndCmd   struct{}
)

func (c *maintenanceStatusCmd) Run(ctx context.Context, m *maintenanceCmd) error {
	return m.with(ctx, func(ctx context.Context, d *maintenance.Desk) error {
		now, phase, err := d.Status(ctx)
		if err != nil {
			return err
		}
		if !c.JSON {
			return m.say(now)
		}
		return json.NewEncoder(m.to()).Encode(map[string]any{"phase": phase.String(), "maintenance": now})
	})
}

func (c *maintenanceAnnounceCmd) Run(ctx context.Context, m *maintenanceCmd) error {
	return m.change(ctx, func(ctx context.Context, d *maintenance.Desk) (store.Maintenance, error) {
		return d.Announce(ctx, maintenance.Plan{Text: c.Text, In: c.In, For: c.For, Close: c.Close, EndRooms: c.EndRooms, Exempt: c.Exempt})
	})
}

func (*maintenanceBeginCmd) Run(ctx context.Context, m *maintenanceCmd) error {
	return m.change(ctx, func(ctx context.Context, d *maintenance.Desk) (store.Maintenance, error) { return d.Begin(ctx) })
}

func (*maintenanceCloseCmd) Run(ctx context.Context, m *maintenanceCmd) error {
	return m.change(ctx, func(ctx context.Context, d *maintenance.Desk) (store.Maintenance, error) { return d.Close(ctx) })
}

func (*maintenanceEndCmd) Run(ctx context.Context, m *maintenanceCmd) error {
	return m.change(ctx, func(ctx context.Context, d *maintenance.Desk) (store.Maintenance, error) { return d.End(ctx) })
}

// maintenanceTime is how long a command waits for store and broker.
const maintenanceTime = 10 * time.Second

// with calls do with the deployment's desk.
func (m *maintenanceCmd) with(ctx context.Context, do func(ctx context.Context, d *maintenance.Desk) error) error {
	ctx, cancel := context.WithTimeout(ctx, maintenanceTime)
	defer cancel()
	s, err := openStore(ctx, m.Data, m.Store)
	if err != nil {
		return err
	}
	defer s.Close()
	d := &maintenance.Desk{Store: s, From: "madang maintenance"}
	if len(m.Broker) != 1 || m.Broker[0] != "memory" {
		b, err := rabbitmq.New(ctx, rabbitmq.Config{URLs: m.Broker, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		defer b.Close()
		d.Board = b
	}
	return do(ctx, d)
}

func (m *maintenanceCmd) change(ctx context.Context, do func(ctx context.Context, d *maintenance.Desk) (store.Maintenance, error)) error {
	return m.with(ctx, func(ctx context.Context, d *maintenance.Desk) error {
		now, err := do(ctx, d)
		switch {
		case errors.Is(err, maintenance.ErrNone):
			return errors.New("there is no maintenance; `madang maintenance announce --in 0s` begins one now")
		case errors.Is(err, store.ErrChanged):
			return errors.New("somebody else has changed it at the same moment; see `madang maintenance status`")
		case err != nil:
			return err
		}
		return m.say(now)
	})
}

func (m *maintenanceCmd) to() io.Writer {
	if m.out != nil {
		return m.out
	}
	return os.Stdout
}

// say prints what stands.
func (m *maintenanceCmd) say(now store.Maintenance) error {
	w := m.to()
	at := time.Now()
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	phase := maintenance.PhaseOf(now, at)
	if phase == maintenance.None {
		line("no maintenance: everybody is let in")
		return err
	}
	line("%s", map[maintenance.Phase]string{
		maintenance.Announced: "announced: everything works until it begins",
		maintenance.Begun:     "begun: nobody signs in, and no room or match comes about; who is there plays on",
		maintenance.Closed:    "closed: nobody is connected",
	}[phase])
	moment := func(what string, t time.Time) {
		if !t.IsZero() {
			line("%-9s %s  (%s)", what, stamp(t), fromNow(t.Sub(at)))
		}
	}
	moment("begins", now.Begins)
	moment("closes", now.Closes)
	moment("ends", now.Ends)
	if now.EndRooms {
		line("rooms end when it closes")
	}
	if now.Text != "" {
		line("text      %s", harmless(now.Text))
	}
	for _, id := range now.Exempt {
		line("exempt    %s", id)
	}
	return err
}

func fromNow(d time.Duration) string {
	if d < 0 {
		return fmt.Sprint((-d).Round(time.Second), " ago")
	}
	return fmt.Sprint("in ", d.Round(time.Second))
}
