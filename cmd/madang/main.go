// Command madang is Madang's one binary: the reference games on any number of machines, and tools to play and measure.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line; every flag of serve is an environment variable too.
type cli struct {
	Serve       serveCmd       `cmd:"" default:"withargs" help:"Serve the games (what plain madang does)."`
	Bot         botCmd         `cmd:"" help:"Players made of software, so that nobody has to play alone."`
	Load        loadCmd        `cmd:"" help:"Measure a running deployment over the real protocol."`
	Drain       drainCmd       `cmd:"" help:"Tell processes to hand over what they have and end, or list who is there."`
	Dead        deadCmd        `cmd:"" help:"Messages that rooms have given up: list, show, retry, drop."`
	Maintenance maintenanceCmd `cmd:"" help:"A time in which nobody is taken in: announce, begin, close, end."`
	Admin       adminCmd       `cmd:"" help:"Speak to a deployment's admin API: ban, unban, grant, audit."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

type versionCmd struct{}

func (versionCmd) Run() error {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	fmt.Println("madang", version)
	return nil
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("madang"),
		kong.Description("Madang: write the message handlers, not the game server."),
		kong.ShortUsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if _, serves := k.Selected().Target.Interface().(serveCmd); serves {
		signals = signals[:1] // it minds SIGTERM itself
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "madang:", err)
		os.Exit(1)
	}
}
