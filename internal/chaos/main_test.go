// Package chaos kills, freezes, cuts off and restarts every part of a deployment of real processes while people play, and
// counts what players lost, heard twice or heard out of order: docs/faults.md.
package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Environment variables of the suite.
const (
	envFull   = "MADANG_CHAOS"        // "full": every row with its whole load, and everything at once
	envTime   = "MADANG_CHAOS_TIME"   // how long everything at once lasts; default 10m
	envSeed   = "MADANG_CHAOS_SEED"   // a number, to have the same faults again
	envRows   = "MADANG_CHAOS_ROWS"   // a regular expression: only these rows
	envReport = "MADANG_CHAOS_REPORT" // file for the report as JSON
	envLogs   = "MADANG_CHAOS_LOGS"   // folder where the logs stay; default: a new one, kept when something failed
	envRooms  = "MADANG_CHAOS_ROOMS"  // rooms of the figures; default 2000
	envNodes  = "MADANG_CHAOS_NODES"  // RabbitMQ nodes of the figures; default 3
)

// program is what is tested, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "madang-chaos-program-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "program")
		args := []string{"build", "-o", program}
		if os.Getenv("MADANG_TEST_RACE") != "" {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "github.com/madang-games/madang/internal/chaos/program")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func full() bool { return os.Getenv(envFull) == "full" }

// envDuration reads a time such as 10m.
func envDuration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s=%q is no time such as 10m", name, text)
	}
	return d
}
