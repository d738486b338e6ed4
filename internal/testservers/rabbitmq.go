package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Node is a private RabbitMQ node with its own data, on free ports of 127.0.0.1, with the management and Web STOMP
// plugins. It needs Debian's rabbitmq-server package. Its methods belong to one goroutine.
type Node struct {
	Rabbit
	Name string // Erlang's, such as madang@localhost; what `rabbitmqctl -n` wants
	dir  string
	env  []string
	epmd *portMapper
	cmd  *exec.Cmd
	done chan struct{}
}

// portMapper is the Erlang port mapper daemon of one node or one cluster. It is used by one goroutine at a time.
type portMapper struct {
	port int
	cmd  *exec.Cmd
}

func (e *portMapper) start() error {
	if e.cmd != nil {
		return nil
	}
	cmd := exec.Command("epmd", "-port", fmt.Sprint(e.port), "-address", "127.0.0.1")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start epmd: %w", err)
	}
	e.cmd = cmd
	return nil
}

func (e *portMapper) end() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		e.cmd = nil
	}
}

const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// StartRabbitMQ starts a private node for tests that stop and start it. It ends with the test.
func StartRabbitMQ(t testing.TB) *Node {
	t.Helper()
	if _, err := os.Stat(rabbitServer); err != nil {
		missing(t, "a RabbitMQ of its own", "the rabbitmq-server package is not installed")
	}
	dir, err := os.MkdirTemp("", "madang-rabbitmq-")
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNode(dir)
	if err == nil {
		err = n.Start()
	}
	t.Cleanup(func() {
		if n != nil {
			n.Remove()
		}
	})
	if err != nil {
		t.Fatalf("start RabbitMQ: %v", err)
	}
	return n
}

// NewNode prepares a node that keeps everything in dir, without starting it.
func NewNode(dir string) (*Node, error) {
	ports, err := FreePorts(nodePorts + 1)
	if err != nil {
		return nil, err
	}
	return newNode("madang@localhost", dir, dir, ports[:nodePorts], &portMapper{port: ports[nodePorts]}, "", "")
}

// memoryLimit is more than a node ever has here, memoryAlarm less than any has.
const memoryLimit, memoryAlarm = "2GB", "1MB"

// nodePorts is how many ports a node listens on, epmd aside.
const nodePorts = 5

// newNode prepares a node. home holds the Erlang cookie; config and erlang are added to what every node has.
func newNode(name, dir, home string, ports []int, epmd *portMapper, config, erlang string) (*Node, error) {
	amqp, dist, management, webstomp, stomp := ports[0], ports[1], ports[2], ports[3], ports[4]
	config = fmt.Sprintf(`listeners.tcp.local = 127.0.0.1:%d
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = %d
stomp.listeners.tcp.1 = 127.0.0.1:%d
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = %s
log.console = false
log.file.level = warning
`, amqp, management, webstomp, stomp, memoryLimit) + config
	for file, text := range map[string]string{
		"rabbitmq.conf":   config,
		"enabled_plugins": "[rabbitmq_management,rabbitmq_web_stomp].\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return &Node{
		Rabbit: Rabbit{
			URL:      fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", amqp),
			API:      fmt.Sprintf("http://guest:guest@127.0.0.1:%d", management),
			WebSTOMP: fmt.Sprintf("ws://127.0.0.1:%d/ws", webstomp),
			VHost:    "/",
		},
		Name: name,
		dir:  dir,
		env: append(os.Environ(),
			"HOME="+home, // the Erlang cookie
			"RABBITMQ_NODENAME="+name,
			fmt.Sprintf("RABBITMQ_NODE_PORT=%d", amqp),
			fmt.Sprintf("RABBITMQ_DIST_PORT=%d", dist),
			fmt.Sprintf("ERL_EPMD_PORT=%d", epmd.port),
			"RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "data"),
			"RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
			"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq.conf"),
			"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "enabled_plugins"),
			"ERL_CRASH_DUMP="+filepath.Join(dir, "erl_crash.dump"),
			"RABBITMQ_CONF_ENV_FILE="+filepath.Join(dir, "none"),
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+erlang+" +sbwt none +sbwtdcpu none +sbwtdio none",
		),
		epmd: epmd,
	}, nil
}

// StartAnew starts a node that was killed, again when it ends during its start (RabbitMQ 3.10.8 sometimes does: file_handle_cache),
// or hangs in it before it has written a line of its log.
func StartAnew(n interface {
	Start() error
	Kill() error
	Ended() bool
}, log func(format string, args ...any)) error {
	for tries := 1; ; tries++ {
		err := n.Start()
		if err == nil || tries == 5 {
			return err
		}
		log("a RabbitMQ node has not started: it is started again: %.300s", err)
		if !n.Ended() {
			if err := n.Kill(); err != nil {
				return err
			}
		}
	}
}

// Control runs rabbitmqctl for this node and returns what it says.
func (n *Node) Control(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "/usr/lib/rabbitmq/bin/rabbitmqctl", append([]string{"-q", "-n", n.Name}, args...)...)
	cmd.Env, cmd.Dir = n.env, n.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("rabbitmqctl %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}

// SetMemoryAlarm has the node find that its memory is used up, or that it is not; a node that is started again finds that it is
// not. Each node of a cluster hears of it in its own time (see Alarmed), and then holds back whoever publishes there.
func (n *Node) SetMemoryAlarm(ctx context.Context, on bool) error {
	limit := memoryLimit
	if on {
		limit = memoryAlarm
	}
	_, err := n.Control(ctx, "set_vm_memory_high_watermark", "absolute", limit)
	return err
}

// Alarmed asks the node whether it knows of an alarm (memory, disk) on any node of its cluster.
func (n *Node) Alarmed(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.API+"/api/health/checks/alarms", nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return false, nil
	case http.StatusServiceUnavailable:
		return true, nil
	}
	return false, fmt.Errorf("ask for alarms: %s", response.Status)
}

// Start starts the node and returns once it takes connections.
func (n *Node) Start() error {
	if err := n.epmd.start(); err != nil {
		return err
	}
	n.cmd = exec.Command(rabbitServer)
	n.cmd.Env, n.cmd.Dir = n.env, n.dir                     // where it leaves a dump if it crashes
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the Erlang machine has helpers: they end with it
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start rabbitmq-server: %w", err)
	}
	done := make(chan struct{})
	n.done = done
	cmd := n.cmd
	go func() { cmd.Wait(); close(done) }()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for _, address := range []string{n.URL, n.API, n.WebSTOMP} {
		if err := n.await(ctx, hostOf(address)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) await(ctx context.Context, address string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-n.done:
			return fmt.Errorf("rabbitmq-server ended: %s", n.lastLog())
		case <-ctx.Done():
			return fmt.Errorf("rabbitmq-server does not answer on %s: %s", address, n.lastLog())
		}
	}
}

// Logs are the files of the node's log. They end with the node's folder.
func (n *Node) Logs() []string {
	logs, _ := filepath.Glob(filepath.Join(n.dir, "log", "*.log")) // the pattern is a good one
	return logs
}

func (n *Node) lastLog() string {
	var all strings.Builder
	for _, path := range n.Logs() {
		if text, err := os.ReadFile(path); err == nil {
			all.Write(text[max(0, len(text)-2000):])
		}
	}
	return all.String()
}

// Stop stops the node in order and returns when it is gone.
func (n *Node) Stop() error { return n.end(syscall.SIGTERM) }

// Kill kills the node and returns when it is gone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL) }

// Signal sends s to the node and all its helpers; SIGSTOP freezes it.
func (n *Node) Signal(s syscall.Signal) error { return syscall.Kill(-n.cmd.Process.Pid, s) }

// Ended reports whether the node was started and has ended by itself. Start starts it again.
func (n *Node) Ended() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// Running reports whether the node was started and not stopped or killed since by this Node.
func (n *Node) Running() bool { return n.cmd != nil }

func (n *Node) end(s syscall.Signal) error {
	if n.cmd == nil {
		return nil
	}
	if s == syscall.SIGKILL {
		_ = n.Signal(s)
	} else {
		_ = n.cmd.Process.Signal(s)
	}
	defer func() { n.cmd = nil }()
	select {
	case <-n.done:
		return nil
	case <-time.After(30 * time.Second):
		_ = n.Signal(syscall.SIGKILL)
		<-n.done
		return errors.New("rabbitmq-server had to be killed")
	}
}

// Remove ends the node and deletes its data.
func (n *Node) Remove() error {
	err := n.Kill()
	n.epmd.end()
	return errors.Join(err, os.RemoveAll(n.dir))
}

func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	if _, after, found := strings.Cut(rest, "@"); found {
		rest = after
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}
