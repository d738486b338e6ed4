package testservers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Cluster is private RabbitMQ nodes that form one cluster. A minority that is cut off stops serving, and a frozen node is
// given up after about 5 s.
type Cluster struct {
	Nodes []*Node
	dir   string
	epmd  *portMapper
}

// StartRabbitMQCluster starts n nodes and returns once each of them knows all as running. They end with the test. There is one
// cluster at a time on a machine: another test's, also of another process, is waited for.
//
// A node that was stopped comes back by its Start. When all were down, Start those that ended last first, or all at the same
// time: a node waits for those that outlived it.
func StartRabbitMQCluster(tb testing.TB, n int) *Cluster {
	tb.Helper()
	if _, err := os.Stat(rabbitServer); err != nil {
		missing(tb, "a RabbitMQ cluster", "the rabbitmq-server package is not installed")
	}
	takeTurn(tb)
	dir, err := os.MkdirTemp("", "madang-cluster-")
	if err != nil {
		tb.Fatal(err)
	}
	c, err := NewCluster(dir, n)
	if err != nil {
		os.RemoveAll(dir)
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Remove(); err != nil {
			tb.Logf("remove the RabbitMQ cluster: %v", err)
		}
	})
	if err := c.Start(); err != nil {
		tb.Fatalf("start a RabbitMQ cluster: %v", err)
	}
	return c
}

// NewCluster prepares a cluster of n nodes that keeps everything in dir, without starting it.
func NewCluster(dir string, n int) (*Cluster, error) {
	ports, err := FreePorts(nodePorts*n + 1)
	if err != nil {
		return nil, err
	}
	// The nodes would race to make it.
	cookie := []byte(fmt.Sprintf("MADANG%d", time.Now().UnixNano()))
	if err := os.WriteFile(filepath.Join(dir, ".erlang.cookie"), cookie, 0o400); err != nil {
		return nil, err
	}
	// The settings that docs/decisions/0002 asks of a cluster.
	config := "cluster_formation.peer_discovery_backend = classic_config\ncluster_partition_handling = autoheal\n" +
		"raft.wal_max_size_bytes = 33554432\n"
	for i := range n {
		config += fmt.Sprintf("cluster_formation.classic_config.nodes.%d = %s\n", i+1, nodeName(i))
	}
	c := &Cluster{dir: dir, epmd: &portMapper{port: ports[nodePorts*n]}}
	for i := range n {
		own := filepath.Join(dir, fmt.Sprint(i+1))
		if err := os.Mkdir(own, 0o755); err != nil {
			return nil, err
		}
		node, err := newNode(nodeName(i), own, dir, ports[i*nodePorts:(i+1)*nodePorts], c.epmd, config, "-kernel net_ticktime 30")
		if err != nil {
			return nil, err
		}
		c.Nodes = append(c.Nodes, node)
	}
	return c, nil
}

func nodeName(i int) string { return fmt.Sprintf("madang%d@localhost", i+1) }

// URLs are the nodes' amqp:// addresses.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		urls[i] = n.URL
	}
	return urls
}

// Start starts all nodes and returns once each knows all as running.
func (c *Cluster) Start() error {
	if err := c.epmd.start(); err != nil {
		return err
	}
	errs := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i, n := range c.Nodes {
		all.Go(func() { errs[i] = n.Start() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	return c.AwaitWhole(ctx)
}

// AwaitWhole returns once each node knows all as running.
func (c *Cluster) AwaitWhole(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, n := range c.Nodes {
		for {
			running, err := n.members(ctx)
			if err == nil && running == len(c.Nodes) {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%s knows %d running nodes, want %d: %w", n.Name, running, len(c.Nodes), errors.Join(ctx.Err(), err))
			}
		}
	}
	return nil
}

// members counts the nodes of the cluster that this one knows as running.
func (n *Node) members(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.API+"/api/nodes", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("list nodes: %s", response.Status)
	}
	var nodes []struct{ Running bool }
	if err := json.NewDecoder(response.Body).Decode(&nodes); err != nil {
		return 0, err
	}
	running := 0
	for _, other := range nodes {
		if other.Running {
			running++
		}
	}
	return running, nil
}

// Remove ends the nodes and deletes their data.
func (c *Cluster) Remove() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Kill())
	}
	c.epmd.end()
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}
