// Command up runs a command with the servers that the tests need, and stops them afterwards:
//
//	go run ./internal/testservers/up -- go test ./...
//
// What the environment names already is used as it is. What is missing comes from `docker compose` where a Docker engine
// answers, else from the distribution's packages, which it installs as root on Debian and Ubuntu.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/madang-games/madang/internal/testservers"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: up -- command [argument ...]")
		os.Exit(2)
	}
	os.Exit(run(args))
}

func run(args []string) int {
	servers := testservers.Up(func(format string, a ...any) {
		fmt.Fprintf(os.Stderr, "testservers: "+format+"\n", a...)
	})
	defer servers.Down()
	if os.Getenv("CI") == "true" && len(servers.Missing) > 0 {
		fmt.Fprintln(os.Stderr, "testservers: CI=true, and not everything is there: nothing was run")
		return 1
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), servers.Env...)
	// Ctrl-C reaches the command too; it ends first, then the servers do.
	signal.Ignore(os.Interrupt)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		return 1
	}
	go func() {
		for range stop {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		return 1
	}
	return 0
}
