package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
)

// node is one RabbitMQ node of the cluster.
type node interface {
	Start() error
	Kill() error
	Ended() bool
	Signal(s syscall.Signal) error
	Control(ctx context.Context, args ...string) (string, error)
	SetMemoryAlarm(ctx context.Context, on bool) error
	Alarmed(ctx context.Context) (bool, error)
	Logs() []string
}

// deployment is all that players meet behind one address: two lobbies, two gateways and three workers, on a RabbitMQ
// cluster and a PostgreSQL of their own.
type deployment struct {
	t      *testing.T
	logs   string // folder
	nodes  []node
	urls   []string // of the nodes
	db     *testservers.Database
	island *island // where worker-3 lives; nil where this machine does not allow it
	why    error   // and then why not
	front  *front
	scouts []*probe // rooms that tell which worker plays them

	mu      sync.Mutex
	all     map[string][]*process // by role
	flags   map[string][]string   // by role
	started int
}

const drainTime = 10 * time.Second

// deploy starts everything, with so many RabbitMQ nodes, and returns when all of it is ready. It ends with the test, and
// says then where the logs are if something failed.
func deploy(t *testing.T, nodes int) *deployment {
	t.Helper()
	d := &deployment{t: t, all: map[string][]*process{}, flags: map[string][]string{}}
	d.keepLogs()
	began := time.Now()
	d.startBroker(nodes)
	dir, err := os.MkdirTemp("", "madang-chaos-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	if d.db, err = testservers.NewDatabase(dir); err != nil {
		os.RemoveAll(dir)
		needs(t, "a PostgreSQL of its own", err)
	}
	t.Cleanup(func() { d.db.Remove() })
	if err := d.db.Start(); err != nil {
		t.Fatal(err)
	}
	if d.front, err = startFront(d.of); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.front.server.Close() })
	if d.island, d.why = newIsland(append([]string{d.db.URL}, d.urls...)); d.island != nil {
		t.Cleanup(d.island.remove)
	}

	common := []string{"--broker", strings.Join(d.urls, ","), "--store", d.db.URL, "--public-url", d.front.url,
		"--drain", drainTime.String(), "--log", "debug"}
	for role, n := range map[string]int{"lobby": 2, "web": 2, "worker": 3} {
		d.flags[role] = append([]string{"--role", role}, common...)
		for i := range n {
			p := d.newProcess(role, role == "worker" && i == 2 && d.island != nil)
			d.all[role] = append(d.all[role], p)
		}
	}
	t.Cleanup(func() {
		for _, p := range d.processes() {
			p.kill()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, p := range d.processes() {
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range d.processes() {
		if err := p.ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	go d.front.watch(t.Context())
	t.Logf("%d RabbitMQ nodes, PostgreSQL and %d processes were up after %s; logs in %s",
		len(d.nodes), len(d.processes()), time.Since(began).Round(time.Second), d.logs)
	return d
}

// keepLogs makes the folder for logs, which stays when the test has failed or the folder was asked for.
func (d *deployment) keepLogs() {
	given := os.Getenv(envLogs)
	if given != "" {
		d.logs = filepath.Join(given, d.t.Name())
		if err := os.MkdirAll(d.logs, 0o755); err != nil {
			d.t.Fatal(err)
		}
		return
	}
	var err error
	if d.logs, err = os.MkdirTemp("", "madang-chaos-logs-"); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Logf("the logs are kept in %s", d.logs)
			return
		}
		os.RemoveAll(d.logs)
	})
}

func (d *deployment) startBroker(nodes int) {
	c := testservers.StartRabbitMQCluster(d.t, nodes)
	d.urls = c.URLs()
	for _, n := range c.Nodes {
		d.nodes = append(d.nodes, n)
	}
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.keepBrokerLogs()
		}
	})
}

// newProcess makes the place for one more process of a role; it is not in the deployment yet.
func (d *deployment) newProcess(role string, onIsland bool) *process {
	d.mu.Lock()
	d.started++
	name := fmt.Sprintf("%s-%d", role, d.started)
	flags := append([]string{}, d.flags[role]...)
	d.mu.Unlock()
	p := &process{name: name, log: filepath.Join(d.logs, name+".log")}
	host := "127.0.0.1"
	if onIsland {
		p.name += "-island"
		host = d.island.address()
		for i := range flags {
			flags[i] = d.island.translate(flags[i])
		}
		p.command = d.island.enter()
	}
	ports, err := testservers.FreePorts(1)
	if err != nil {
		d.t.Fatal(err)
	}
	address := fmt.Sprintf("%s:%d", host, ports[0])
	p.url = "http://" + address
	p.command = append(append(p.command, program, "--listen", address, "--data", d.logs), flags...)
	return p
}

// of returns the processes of a role now.
func (d *deployment) of(role string) []*process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*process(nil), d.all[role]...)
}

func (d *deployment) processes() []*process {
	return append(append(d.of("lobby"), d.of("web")...), d.of("worker")...)
}

// replace puts a process into the place of another one.
func (d *deployment) replace(role string, old, by *process) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, p := range d.all[role] {
		if p == old {
			d.all[role][i] = by
		}
	}
}

// needs ends a test that this machine can't run: with CI=true it fails.
func needs(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s: %v", what, err)
	}
	t.Skipf("NOT RUN, needs %s: %v", what, err)
}

// keepBrokerLogs copies the logs of the RabbitMQ nodes to the others.
func (d *deployment) keepBrokerLogs() {
	for i, n := range d.nodes {
		for _, path := range n.Logs() {
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(filepath.Join(d.logs, fmt.Sprintf("rabbitmq-%d-%s", i+1, filepath.Base(path))), text, 0o644)
			}
			if err != nil {
				d.t.Logf("keep a log of RabbitMQ: %v", err)
			}
		}
	}
}

// queues keeps what each RabbitMQ node says of its queues.
func (d *deployment) queues(ctx context.Context) {
	for i, n := range d.nodes {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		said, err := n.Control(ctx, "list_queues", "name", "messages_ready", "messages_unacknowledged", "consumers", "state", "leader", "online")
		cancel()
		if err != nil {
			said += err.Error()
		}
		if err := os.WriteFile(filepath.Join(d.logs, fmt.Sprintf("queues-%d.txt", i+1)), []byte(said), 0o644); err != nil {
			d.t.Log(err)
		}
	}
}
