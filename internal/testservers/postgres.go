package testservers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is a private PostgreSQL with its own data, on a free port of 127.0.0.1. It needs Debian's postgresql
// package. Its methods belong to one goroutine.
type Database struct {
	URL  string
	dir  string
	bin  string
	port int
	as   *syscall.Credential
	cmd  *exec.Cmd
	done chan struct{}
}

func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// NewDatabase makes an empty cluster in dir, without starting it. As root it belongs to user postgres, as PostgreSQL
// will not run as root.
func NewDatabase(dir string) (*Database, error) {
	ports, err := FreePorts(1)
	if err != nil {
		return nil, err
	}
	d := &Database{dir: dir, bin: postgresBin(), port: ports[0]}
	if d.bin == "" {
		return nil, fmt.Errorf("the postgresql package is not installed")
	}
	d.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", d.port)
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		d.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	initdb := d.command("initdb", "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return d, nil
}

func (d *Database) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(d.bin, name), args...)
	cmd.Dir = d.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.as, Setpgid: true}
	return cmd
}

// Start starts the server and returns once it answers.
func (d *Database) Start() error {
	d.cmd = d.command("postgres", "-D", filepath.Join(d.dir, "data"), "-p", fmt.Sprint(d.port), "-k", d.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200")
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	done, cmd := make(chan struct{}), d.cmd
	d.done = done
	go func() { cmd.Wait(); close(done) }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, d.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-d.done:
			text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			return fmt.Errorf("postgres ended: %s", text)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// Stop ends the server without waiting for its clients ("fast" shutdown).
func (d *Database) Stop() { d.end(syscall.SIGINT) }

// Signal sends s to the server's first process: SIGSTOP keeps it from taking connections, SIGKILL ends it as a crash
// does, and its others with it a moment later; Kill then cleans up, and Start may fail until they are gone.
func (d *Database) Signal(s syscall.Signal) error {
	if d.cmd == nil {
		return nil
	}
	return d.cmd.Process.Signal(s)
}

// Kill ends it at once, without a checkpoint.
func (d *Database) Kill() { d.end(syscall.SIGQUIT) }

func (d *Database) end(s syscall.Signal) {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(s)
	select {
	case <-d.done:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.done
	}
	d.cmd = nil
}

// Remove ends the server and deletes its data.
func (d *Database) Remove() error {
	d.Kill()
	return os.RemoveAll(d.dir)
}
