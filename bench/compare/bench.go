package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench has the programs, built.
type bench struct {
	folder string
	rounds int
	long   time.Duration
	pinned bool
}

// report is what `madang load --json` says.
type report struct {
	Clients     int     `json:"clients"`
	JoinSeconds float64 `json:"join_seconds"`
	JoinP99     float64 `json:"join_p99_ms"`
	Rate        float64 `json:"deliveries_per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	BeyondP50   float64 `json:"beyond_tick_p50_ms"`
	BeyondP99   float64 `json:"beyond_tick_p99_ms"`
	Memory      float64 `json:"memory_kib"`
	CPU         float64 `json:"cpu_percent"`
	Cost        float64 `json:"cpu_ms_per_1000"`
	Lost        int64   `json:"lost"`
	Doubled     int64   `json:"doubled"`
	Disordered  int64   `json:"out_of_order"`
	Dropped     int     `json:"connections_lost"`
}

func build(ctx context.Context, rounds int, long time.Duration) (*bench, error) {
	folder, err := os.MkdirTemp("", "madang-compare-")
	if err != nil {
		return nil, err
	}
	b := &bench{folder: folder, rounds: max(rounds, 1), long: long}
	for _, of := range []string{"./cmd/madang", "./bench/bare", "./bench/echo"} {
		c := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, filepath.Base(of)), of)
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			b.close()
			return nil, fmt.Errorf("build %s: %w", of, err)
		}
	}
	_, err = exec.LookPath("taskset")
	b.pinned = err == nil && runtime.NumCPU() > 1
	if !b.pinned {
		fmt.Fprintln(os.Stderr, "compare: without taskset and a second core the server and the load share what there is")
	}
	return b, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.folder) }

// command runs a program on one core, if that can be had.
func (b *bench) command(ctx context.Context, core int, program string, args ...string) *exec.Cmd {
	name, all := filepath.Join(b.folder, program), args
	if b.pinned {
		all = append([]string{"-c", fmt.Sprint(core), name}, args...)
		name = "taskset"
	}
	c := exec.CommandContext(ctx, name, all...)
	return c
}

// measure starts the server anew, a program that build has built, and loads it once.
func (b *bench) measure(ctx context.Context, server string, load ...string) (r report, err error) {
	address, err := free()
	if err != nil {
		return r, err
	}
	args := []string{"--listen", address}
	data := filepath.Join(b.folder, "data")
	if server != "bare" {
		args = append(args, "--data", data, "--log", "error")
		defer os.RemoveAll(data)
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	s := b.command(serving, 0, server, args...)
	s.Cancel = func() error { return s.Process.Signal(os.Interrupt) }
	s.WaitDelay = 20 * time.Second
	var said bytes.Buffer
	s.Stderr = &said
	if err := s.Start(); err != nil {
		return r, err
	}
	defer func() {
		stop()
		if e := s.Wait(); e != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w: %s", server, e, said.String()))
		}
	}()
	if err := reach(ctx, "http://"+address+"/metrics"); err != nil {
		return r, err
	}
	all := []string{"load", "--url", "http://" + address, "--quiet", "--json"}
	if !slices.ContainsFunc(load, func(a string) bool { return strings.HasPrefix(a, "--time") }) {
		all = append(all, "--time", b.long.String())
	}
	l := b.command(ctx, 1, "madang", append(all, load...)...)
	var out, failed bytes.Buffer
	l.Stdout, l.Stderr = &out, &failed
	if err := l.Run(); err != nil {
		return r, fmt.Errorf("load %s: %w: %s%s", server, err, failed.String(), out.String())
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}

// free finds a port; nobody keeps it until it is used.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func reach(ctx context.Context, url string) error {
	for range 200 {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer", url)
}
