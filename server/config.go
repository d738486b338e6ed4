package server

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/lobby"
)

// The roles a process may have.
const (
	RoleLobby  = "lobby"  // REST, and the page
	RoleWeb    = "web"    // the gateway: STOMP over WebSocket
	RoleWorker = "worker" // plays the rooms
)

// Config is how one process takes part in a deployment. Its fields are also the flags and environment variables of the
// program; the zero value is the program without flags.
type Config struct {
	Listen      string        `default:":8080" env:"MADANG_LISTEN" placeholder:"ADDR" help:"Address to listen on; port 0 picks a free one and prints it (${default})."`
	Data        string        `default:"./data" env:"MADANG_DATA" placeholder:"DIR" help:"Folder of the SQLite file and the embedded broker's journal (${default})."`
	Role        []string      `default:"all" env:"MADANG_ROLE" placeholder:"ROLE" help:"What this process does: all, or any of lobby,web,worker (${default})."`
	Broker      []string      `default:"memory" env:"MADANG_BROKER" placeholder:"URL" help:"memory, or amqp://user:password@host:5672/vhost; several with commas (${default})."`
	Store       string        `default:"sqlite" env:"MADANG_STORE" placeholder:"URL" help:"sqlite, or postgres://user:password@host:5432/database (${default})."`
	PublicURL   string        `name:"public-url" env:"MADANG_PUBLIC_URL" placeholder:"URL" help:"Where players reach the deployment, such as https://play.example.org. Default: the address that they asked."`
	Origins     []string      `env:"MADANG_ORIGINS" placeholder:"URL" help:"Other web origins whose pages may play here, such as https://game.example.org."`
	TrustProxy  bool          `name:"trust-proxy" env:"MADANG_TRUST_PROXY" help:"Believe X-Forwarded-For and -Proto. Only behind a proxy that sets them itself."`
	Canary      []string      `env:"MADANG_CANARY" placeholder:"GAME=VERSION:PERCENT" help:"Give this share of the players a version of a game; the others get the newest below it."`
	TokenKeys   string        `name:"token-keys" env:"MADANG_TOKEN_KEYS" placeholder:"FILE" help:"File of the keys that sign sessions, or the keys themselves: id=<32 bytes in base64>, the first one signs. Default: made and kept in the store."`
	Platforms   []string      `env:"MADANG_PLATFORMS" placeholder:"NAME" help:"By which of guest, custom and password players may sign in. Default: all."`
	OIDC        []string      `name:"oidc" sep:";" env:"MADANG_OIDC" placeholder:"NAME=ISSUER,CLIENT-ID" help:"A platform whose OpenID tokens sign players in, such as google=https://accounts.google.com,<client id>; more client ids with commas, more platforms with semicolons."`
	GameCenter  []string      `name:"game-center" env:"MADANG_GAME_CENTER" placeholder:"BUNDLE-ID" help:"Let players of these apps sign in by Apple's Game Center."`
	Drain       time.Duration `default:"10s" env:"MADANG_DRAIN" placeholder:"TIME" help:"How long a stop may take: on SIGTERM, for rooms that no other worker plays to end; always, to finish what is under way (${default})."`
	Profile     string        `name:"profile-listen" env:"MADANG_PROFILE_LISTEN" placeholder:"ADDR" help:"Address for CPU, heap and other profiles (/debug/pprof/), such as localhost:6060; not for the public. Default: none."`
	AdminListen string        `name:"admin-listen" env:"MADANG_ADMIN_LISTEN" placeholder:"ADDR" help:"Address of the admin API, which lobbies serve there and nowhere else; best one that only you reach, such as 127.0.0.1:8081. Default: none."`
	AdminKeys   string        `name:"admin-keys" env:"MADANG_ADMIN_KEYS" placeholder:"FILE" help:"File of the keys for the admin API, or the keys themselves: name=<32 or more characters>; the name is who it is in the audit."`
	Log         string        `default:"info" enum:"debug,info,warn,error" env:"MADANG_LOG" placeholder:"LEVEL" help:"Least level to log: debug, info, warn or error (${default})."`

	// OnReady is called with the address of this process, such as http://localhost:8080, before it takes its first
	// request.
	OnReady func(address string) `kong:"-"`
}

const (
	brokerMemory = "memory"
	storeSQLite  = "sqlite"
)

// filled returns c with its defaults, or says what is wrong with it.
func (c Config) filled() (Config, error) {
	if c.Listen == "" {
		c.Listen = ":8080"
	}
	if c.Data == "" {
		c.Data = "./data"
	}
	if c.Store == "" {
		c.Store = storeSQLite
	}
	if c.Drain <= 0 {
		c.Drain = 10 * time.Second
	}
	var err error
	if c.Role, err = roles(c.Role); err != nil {
		return c, err
	}
	if len(c.Broker) == 0 {
		c.Broker = []string{brokerMemory}
	}
	if c.embedded() {
		if len(c.Broker) > 1 || len(c.Role) < 3 {
			return c, fmt.Errorf("--broker memory lives in one process: it goes with --role all only; several processes need --broker amqp://user:password@host")
		}
	} else {
		for _, address := range c.Broker {
			if u, err := url.Parse(address); err != nil || (u.Scheme != "amqp" && u.Scheme != "amqps") || u.Host == "" {
				return c, fmt.Errorf("--broker %q is neither memory nor of the form amqp://user:password@host:5672/", redact(address))
			}
		}
	}
	if c.Store != storeSQLite {
		if u, err := url.Parse(c.Store); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
			return c, fmt.Errorf("--store %q is neither sqlite nor of the form postgres://user:password@host:5432/database", redact(c.Store))
		}
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return c, fmt.Errorf("--public-url %q is not of the form https://play.example.org", c.PublicURL)
		}
		c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	}
	if c.has(RoleLobby) && !c.has(RoleWeb) && c.PublicURL == "" {
		return c, fmt.Errorf("a lobby without a gateway beside it needs --public-url, to tell players where the gateways are")
	}
	if (c.AdminListen == "") != (c.AdminKeys == "") {
		return c, fmt.Errorf("--admin-listen and --admin-keys go together: the admin API needs an address and keys")
	}
	if c.AdminListen != "" && !c.has(RoleLobby) {
		return c, fmt.Errorf("--admin-listen is for lobbies: this process is none")
	}
	if _, err := c.canaries(); err != nil {
		return c, err
	}
	if _, err := c.signInPlatforms(); err != nil {
		return c, err
	}
	if c.Log != "" {
		if err := new(slog.Level).UnmarshalText([]byte(c.Log)); err != nil {
			return c, fmt.Errorf("--log %q is none of debug, info, warn and error", c.Log)
		}
	}
	return c, nil
}

// canaries reads Canary.
func (c *Config) canaries() (map[string]lobby.Canary, error) {
	all := map[string]lobby.Canary{}
	for _, text := range c.Canary {
		game, rest, _ := strings.Cut(text, "=")
		version, share, _ := strings.Cut(rest, ":")
		percent, err := strconv.Atoi(share)
		if err != nil || game == "" || version == "" || percent < 0 || percent > 100 {
			return nil, fmt.Errorf("--canary %q is not of the form othello=2:10, a game, its version and 0 to 100 percent", text)
		}
		all[game] = lobby.Canary{Version: version, Percent: percent}
	}
	return all, nil
}

func roles(given []string) ([]string, error) {
	all := []string{RoleLobby, RoleWeb, RoleWorker}
	if len(given) == 0 {
		return all, nil
	}
	var roles []string
	for _, role := range given {
		switch {
		case role == "all":
			roles = append(roles, all...)
		case slices.Contains(all, role):
			roles = append(roles, role)
		default:
			return nil, fmt.Errorf("--role %q is none of all, lobby, web and worker", role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

func (c *Config) has(role string) bool { return slices.Contains(c.Role, role) }

// embedded reports whether the broker lives in this process.
func (c *Config) embedded() bool { return c.Broker[0] == brokerMemory }

// redact takes the password out of a URL, for logs and errors.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}
