package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby"
)

// Main is a whole program: it reads flags and environment, serves app and games until SIGINT, which stops it in order, or
// SIGTERM, which drains it (see [Server.Drain]), and ends the process. A second SIGTERM stops it in order, a second SIGINT
// ends it at once.
func Main(app *lobby.App, games ...handlers.Definition) {
	var c Config
	kong.Parse(&c, kong.Name(filepath.Base(os.Args[0])), kong.Description("A Madang game server."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal has its usual effect
	if err := Serve(ctx, c, app, games...); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Serve is Main after the flags: it logs to standard error, greets on standard output, and serves until ctx ends or SIGTERM
// has drained it. It returns after an orderly stop. It takes the process for its own: beside SIGTERM, it gives one on a single core a
// second of Go's processors, unless GOMAXPROCS is set.
func Serve(ctx context.Context, c Config, app *lobby.App, games ...handlers.Definition) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil && c.Log != "" {
		return fmt.Errorf("--log %q is none of debug, info, warn and error", c.Log)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	useSpareProcessor()
	s, err := New(c, log, app, games...)
	if err != nil {
		return err
	}
	go s.greet(ctx, os.Stdout)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	terms := make(chan os.Signal, 2)
	signal.Notify(terms, syscall.SIGTERM)
	defer signal.Stop(terms)
	go func() {
		for _, obey := range []func(){s.Drain, stop} {
			select {
			case <-terms:
				obey()
			case <-ctx.Done():
				return
			}
		}
	}()
	return s.Run(ctx)
}
