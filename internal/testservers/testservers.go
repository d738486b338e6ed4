// Package testservers gives tests the real servers that they need: RabbitMQ, PostgreSQL and a browser.
//
// The shared ones are started once for a whole run by `go run ./internal/testservers/up -- go test ./...` (which is what
// `make test` does) and found through environment variables; anybody may set these to servers of their own:
//
//	MADANG_TEST_AMQP          amqp://user:password@host:port/      a RabbitMQ node
//	MADANG_TEST_RABBITMQ_API  http://user:password@host:port       its management plugin, to give each test a fresh vhost
//	MADANG_TEST_WEBSTOMP      ws://host:port/ws                    its Web STOMP plugin
//	MADANG_TEST_POSTGRES      postgres://user:password@host:port/  a user that may create databases
//	MADANG_TEST_CHROMIUM      /usr/bin/chromium                    a browser
//
// Where one is missing the test says so and is skipped; with CI=true it fails.
package testservers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Environment variables that name the shared servers.
const (
	EnvAMQP        = "MADANG_TEST_AMQP"
	EnvRabbitMQAPI = "MADANG_TEST_RABBITMQ_API"
	EnvWebSTOMP    = "MADANG_TEST_WEBSTOMP"
	EnvPostgres    = "MADANG_TEST_POSTGRES"
	EnvChromium    = "MADANG_TEST_CHROMIUM"
)

// Rabbit is a RabbitMQ for one test.
type Rabbit struct {
	URL      string // amqp://, with the vhost
	API      string // http:// of the management plugin; "" if there is none
	WebSTOMP string // ws:// of the Web STOMP plugin; "" if there is none
	VHost    string
}

// RabbitMQ returns the shared RabbitMQ with a fresh vhost, which is deleted when the test ends. Without a management
// plugin the vhost is the URL's own.
func RabbitMQ(t testing.TB) Rabbit {
	t.Helper()
	base := env(t, EnvAMQP, "RabbitMQ")
	r := Rabbit{URL: base, API: os.Getenv(EnvRabbitMQAPI), WebSTOMP: os.Getenv(EnvWebSTOMP), VHost: "/"}
	if r.API == "" {
		return r
	}
	r.VHost = unique("vhost")
	if err := api(r.API, http.MethodPut, "/api/vhosts/"+r.VHost, ""); err != nil {
		t.Fatalf("make a vhost: %v", err)
	}
	t.Cleanup(func() {
		if err := api(r.API, http.MethodDelete, "/api/vhosts/"+r.VHost, ""); err != nil {
			t.Logf("delete the vhost: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", EnvAMQP, err)
	}
	permissions := "/api/permissions/" + r.VHost + "/" + u.User.Username()
	if err := api(r.API, http.MethodPut, permissions, `{"configure":".*","write":".*","read":".*"}`); err != nil {
		t.Fatalf("open the vhost: %v", err)
	}
	u.Path = "/" + r.VHost
	r.URL = u.String()
	return r
}

// Postgres returns the DSN of a fresh database on the shared PostgreSQL, which is dropped when the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	base := env(t, EnvPostgres, "PostgreSQL")
	name := unique("db")
	exec := func(statement string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, base)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, statement)
		return err
	}
	if err := exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Logf("drop the database: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", EnvPostgres, err)
	}
	u.Path = "/" + name
	return u.String()
}

// Chromium returns the path of a browser.
func Chromium(t testing.TB) string {
	t.Helper()
	if os.Getenv(EnvChromium) == "" {
		if path := findChromium(); path != "" {
			return path
		}
	}
	return env(t, EnvChromium, "a Chromium browser")
}

func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func env(t testing.TB, name, what string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		missing(t, what, name+" is not set; `make test` starts what tests need")
	}
	return value
}

func missing(t testing.TB, what, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s: %s", what, why)
	}
	t.Skipf("NOT RUN, needs %s: %s", what, why)
}

var counter atomic.Int64

func unique(prefix string) string {
	return fmt.Sprintf("madang_%s_%d_%d", prefix, os.Getpid(), counter.Add(1))
}

// api calls RabbitMQ's management API; base holds user and password.
func api(base, method, path, body string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return nil
}

// Ports of test servers are below those that systems give to connections (Linux: 32768 and up), which are many in a load test: what
// was free when it was looked for might be taken when the server listens.
const portsFrom, portsTo = 15000, 30000

// FreePorts returns n different ports that are free on 127.0.0.1 now.
func FreePorts(n int) ([]int, error) {
	var ports []int
	var last error
	for range 100 * n {
		port := portsFrom + rand.IntN(portsTo-portsFrom)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		defer l.Close() // all at the end, so that none comes twice
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("find %d free ports: %w", n, last)
}
