package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a place in the deployment: a role, an address and a log, whoever runs there now. Its methods are safe for
// concurrent use.
type process struct {
	name    string   // worker-2
	url     string   // http://127.0.0.1:1234
	command []string // program and flags
	log     string   // path

	mu      sync.Mutex
	cmd     *exec.Cmd
	done    chan struct{}
	healthy bool // as the load balancer has seen it last
}

// start runs the program; it returns at once. A process that runs is left alone.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runningLocked() {
		return nil
	}
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "---- %s starts at %s\n", p.name, time.Now().UTC().Format(time.RFC3339Nano))
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() { cmd.Wait(); close(done) }()
	return nil
}

func (p *process) runningLocked() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runningLocked()
}

// pid is 0 while nothing runs.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runningLocked() {
		return 0
	}
	return p.cmd.Process.Pid
}

func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runningLocked() {
		return nil
	}
	return p.cmd.Process.Signal(s)
}

// kill is kill -9; on return the process is gone.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL)
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	if done != nil {
		<-done
	}
}

// drain is SIGTERM; an error says that it did not end in order, and then it has been killed.
func (p *process) drain(within time.Duration) error {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-done:
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("%s ended with code %d after SIGTERM: see %s", p.name, code, p.log)
		}
		return nil
	case <-time.After(within):
		p.kill()
		return fmt.Errorf("%s has not ended %s after SIGTERM: see %s", p.name, within, p.log)
	}
}

// ready waits until the process says that it can work.
func (p *process) ready(ctx context.Context) error {
	for {
		err := p.asked(ctx)
		if err == nil {
			p.mu.Lock()
			p.healthy = true
			p.mu.Unlock()
			return nil
		}
		if !p.running() {
			return fmt.Errorf("%s has ended: see %s", p.name, p.log)
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("%s is not ready: %w: see %s", p.name, err, p.log)
		}
	}
}

// asked is one question to /readyz.
func (p *process) asked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// pause waits; an error says that ctx ended first. Faults take their time: this is what the suite measures against.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
