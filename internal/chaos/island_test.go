package chaos

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// island is a network namespace with two cables: one to the broker, which can be cut without either side hearing of it,
// and one for all else. Servers on 127.0.0.1 are reached through forwarders at the near ends.
type island struct {
	name   string
	broker cable
	other  cable
	urls   map[string]string // of a server on 127.0.0.1: as the island sees it

	listeners []net.Listener
}

// cable is a pair of virtual interfaces.
type cable struct {
	near, far     string // interfaces
	nearIP, farIP string
}

// newIsland takes the URLs of the database and of the broker's nodes, in this order.
func newIsland(urls []string) (*island, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("network namespaces take root")
	}
	n := os.Getpid() % 8192 * 8 // two /30 nets of 10.213.0.0/16
	ip := func(i int) string { return fmt.Sprintf("10.213.%d.%d", (n+i)/256, (n+i)%256) }
	id := fmt.Sprintf("mdg%d", os.Getpid())
	is := &island{
		name:   id,
		broker: cable{near: id + "b", far: id + "B", nearIP: ip(1), farIP: ip(2)},
		other:  cable{near: id + "o", far: id + "O", nearIP: ip(5), farIP: ip(6)},
		urls:   map[string]string{},
	}
	if err := is.build(); err != nil {
		is.remove()
		return nil, err
	}
	for i, address := range urls {
		at := is.broker.nearIP
		if i == 0 {
			at = is.other.nearIP
		}
		if err := is.forward(address, at); err != nil {
			is.remove()
			return nil, err
		}
	}
	return is, nil
}

func (is *island) build() error {
	if err := ip("netns", "add", is.name); err != nil {
		return err
	}
	if err := ip("-n", is.name, "link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, c := range []*cable{&is.broker, &is.other} {
		for _, args := range [][]string{
			{"link", "add", c.near, "type", "veth", "peer", "name", c.far, "netns", is.name},
			{"addr", "add", c.nearIP + "/30", "dev", c.near},
			{"-n", is.name, "addr", "add", c.farIP + "/30", "dev", c.far},
			{"link", "set", c.near, "up"},
			{"-n", is.name, "link", "set", c.far, "up"},
		} {
			if err := ip(args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// ip is the command of iproute2.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// forward listens at a near end and passes everything on to a server on this machine.
func (is *island) forward(address, at string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	target := u.Host
	l, err := net.Listen("tcp", at+":"+u.Port())
	if err != nil {
		return err
	}
	u.Host = l.Addr().String()
	is.urls[address] = u.String()
	is.listeners = append(is.listeners, l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				go func() {
					defer server.Close()
					io.Copy(server, c)
				}()
				io.Copy(c, server)
			}()
		}
	}()
	return nil
}

// address is where its processes may listen.
func (is *island) address() string { return is.other.farIP }

// enter is what to put before a command that is to run there.
func (is *island) enter() []string { return []string{"ip", "netns", "exec", is.name} }

// holds reports whether a process lives there.
func (is *island) holds(p *process) bool { return is != nil && p.command[0] == "ip" }

// translate turns the addresses of servers in a flag into what the island sees.
func (is *island) translate(flag string) string {
	for from, to := range is.urls {
		flag = strings.ReplaceAll(flag, from, to)
	}
	return flag
}

// cut makes both ends of the broker's cable send to a machine that is not there: packets vanish in both directions, and
// nobody is told.
func (is *island) cut() error {
	const nobody = "02:00:00:00:00:99"
	c := is.broker
	if err := ip("neigh", "replace", c.farIP, "lladdr", nobody, "dev", c.near, "nud", "permanent"); err != nil {
		return err
	}
	return ip("-n", is.name, "neigh", "replace", c.nearIP, "lladdr", nobody, "dev", c.far, "nud", "permanent")
}

// heal ends a cut.
func (is *island) heal() error {
	c := is.broker
	if err := ip("neigh", "del", c.farIP, "dev", c.near); err != nil {
		return err
	}
	return ip("-n", is.name, "neigh", "del", c.nearIP, "dev", c.far)
}

func (is *island) remove() {
	for _, l := range is.listeners {
		l.Close()
	}
	for _, c := range []cable{is.broker, is.other} {
		_ = ip("link", "del", c.near) // may not be there yet
	}
	_ = ip("netns", "del", is.name)
}
