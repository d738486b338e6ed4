package testservers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Servers is what Up has started.
type Servers struct {
	Env     []string // name=value, for the tests
	Missing []string // what could not be had
	down    []func()
}

// Up makes sure of all shared servers and says with log what it does. Down ends those that it started.
func Up(log func(format string, a ...any)) *Servers {
	s := &Servers{}
	docker := dockerAnswers()
	s.need(log, EnvAMQP, "RabbitMQ", docker, s.dockerRabbitMQ, "rabbitmq-server", s.localRabbitMQ)
	s.need(log, EnvPostgres, "PostgreSQL", docker, s.dockerPostgres, "postgresql", s.localPostgres)
	if os.Getenv(EnvChromium) == "" && findChromium() == "" {
		s.need(log, EnvChromium, "Chromium", false, nil, "chromium", func() error {
			path := findChromium()
			if path == "" {
				return fmt.Errorf("it is not on the PATH")
			}
			s.Env = append(s.Env, EnvChromium+"="+path)
			return nil
		})
	}
	return s
}

// Down stops what Up started.
func (s *Servers) Down() {
	for i := len(s.down) - 1; i >= 0; i-- {
		s.down[i]()
	}
	s.down = nil
}

func (s *Servers) need(log func(string, ...any), name, what string, docker bool, compose func() error, pkg string, local func() error) {
	if os.Getenv(name) != "" {
		log("%s: yours, by %s", what, name)
		return
	}
	if docker && compose != nil {
		if err := compose(); err == nil {
			log("%s: by docker compose", what)
			return
		} else {
			log("%s: docker compose failed: %v", what, err)
		}
	}
	err := install(log, pkg)
	if err == nil {
		if err = local(); err == nil {
			log("%s: by the package %s", what, pkg)
			return
		}
	}
	s.Missing = append(s.Missing, what)
	log("%s: NOT THERE (%v); set %s, start a Docker engine, or run as root on Debian or Ubuntu. Its tests will not run", what, err, name)
}

// install sees to a Debian package.
func install(log func(string, ...any), pkg string) error {
	if installed(pkg) {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("there is no apt-get")
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("installing %s takes root", pkg)
	}
	log("installing %s", pkg)
	// The distribution would start the servers it installs; these tests start their own.
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	for _, args := range [][]string{{"update", "-q"}, {"install", "-y", "-q", "--no-install-recommends", pkg}} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", args[0], err, out[max(0, len(out)-500):])
		}
	}
	return nil
}

func installed(pkg string) bool {
	switch pkg {
	case "rabbitmq-server":
		_, err := os.Stat(rabbitServer)
		return err == nil
	case "postgresql":
		return postgresBin() != ""
	default:
		return findChromium() != ""
	}
}

// forbidServices puts up a policy-rc.d that keeps packages from starting services, unless there is one.
func forbidServices() (restore func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); err == nil {
		return func() {}, nil
	}
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, err
	}
	return func() { os.Remove(policy) }, nil
}

func (s *Servers) localRabbitMQ() error {
	dir, err := os.MkdirTemp("", "madang-rabbitmq-")
	if err != nil {
		return err
	}
	n, err := NewNode(dir)
	if err != nil {
		os.RemoveAll(dir)
		return err
	}
	if err := n.Start(); err != nil {
		n.Remove()
		return err
	}
	s.down = append(s.down, func() { n.Remove() })
	s.Env = append(s.Env, EnvAMQP+"="+n.URL, EnvRabbitMQAPI+"="+n.API, EnvWebSTOMP+"="+n.WebSTOMP)
	return nil
}

func (s *Servers) localPostgres() error {
	dir, err := os.MkdirTemp("", "madang-postgres-")
	if err != nil {
		return err
	}
	d, err := NewDatabase(dir)
	if err == nil {
		err = d.Start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return err
	}
	s.down = append(s.down, func() { d.Remove() })
	s.Env = append(s.Env, EnvPostgres+"="+d.URL)
	return nil
}

func dockerAnswers() bool {
	return exec.Command("docker", "info").Run() == nil
}

func composeFile() string {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/madang-games/madang/internal/testservers").Output()
	if err != nil {
		return "internal/testservers/compose.yml"
	}
	return filepath.Join(strings.TrimSpace(string(out)), "compose.yml")
}

// compose brings a service up and returns where its ports are on this machine.
func (s *Servers) compose(service string, ports ...string) ([]string, error) {
	project := fmt.Sprintf("madang-test-%d", os.Getpid())
	base := []string{"compose", "-f", composeFile(), "-p", project}
	if out, err := exec.Command("docker", append(base, "up", "-d", "--wait", service)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	s.down = append(s.down, func() { _ = exec.Command("docker", append(base, "down", "-v")...).Run() })
	addresses := make([]string, len(ports))
	for i, port := range ports {
		out, err := exec.Command("docker", append(base, "port", service, port)...).Output()
		if err != nil {
			return nil, err
		}
		addresses[i] = strings.TrimSpace(string(out))
	}
	return addresses, nil
}

func (s *Servers) dockerRabbitMQ() error {
	at, err := s.compose("rabbitmq", "5672", "15672", "15674")
	if err != nil {
		return err
	}
	s.Env = append(s.Env, EnvAMQP+"=amqp://guest:guest@"+at[0]+"/", EnvRabbitMQAPI+"=http://guest:guest@"+at[1],
		EnvWebSTOMP+"=ws://"+at[2]+"/ws")
	return nil
}

func (s *Servers) dockerPostgres() error {
	at, err := s.compose("postgres", "5432")
	if err != nil {
		return err
	}
	s.Env = append(s.Env, EnvPostgres+"=postgres://postgres:postgres@"+at[0]+"/postgres?sslmode=disable")
	return nil
}
