package lobby

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/lobby/platform"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// Store is what the lobby asks of the store.
type Store interface {
	store.Accounts
	store.Identities
	store.Profiles
	store.Deletions
	store.Sessions
	store.Seats
	store.Ledger
	store.Ranks
	store.Transactor
	store.Answers
	store.Doors
	store.Notes
	store.Jobs
	store.Friends
	store.Contacts
	store.Messages
	Presences(ctx context.Context, users []string) ([]store.Presence, error)
	Watchers(ctx context.Context, users []string, limit int) (map[string][]string, error)
	store.Parties
	store.Matching
	CreateRoom(ctx context.Context, r store.Room, memory []byte, user string) error
	Room(ctx context.Context, id string) (store.Room, error)
	Rooms(ctx context.Context, f store.RoomFilter, cursor string, limit int) (rooms []store.Room, next string, err error)
	TakeUp(ctx context.Context, room string) (store.Record, error)
}

// Broker is what the lobby asks of the broker.
type Broker interface {
	broker.Rooms
	broker.Sender
	broker.Queues
	broker.Board
}

// Config is what a [Service] is made of. Store and Broker are needed; the rest works when left out.
type Config struct {
	Store  Store
	Broker Broker
	// Games are the games that rooms can be made of. Of several versions of one name, new rooms get the newest that a
	// worker plays: numbers in versions are compared as numbers ("1.10" is newer than "1.9"), and of equal ones the
	// last counts.
	Games []handlers.Definition
	// Canary is, by game, the version that a share of the players gets; the others get the newest below it.
	Canary map[string]Canary
	// PublicURL is where players reach this deployment, such as https://play.example.org. It makes the address of
	// the gateway in answers. Default: the host that the player's request names.
	PublicURL string
	// TrustProxy believes X-Forwarded-For, X-Forwarded-Proto and X-Request-Id. Set it only behind a proxy that sets
	// them itself: else any player can claim any address.
	TrustProxy bool
	// Origins are the web origins, such as https://game.example.org, whose pages may call the lobby from a browser
	// besides its own; "*" is all. Default: none.
	Origins []string
	// Process is the id of this process on the bulletin board. Default: "lobby".
	Process string
	// LoginRate is how many sign-ins a second one address may make in the long run, LoginBurst how many at once. An
	// address is an IPv4 address or an IPv6 /64; connections from this machine itself are not limited. Defaults:
	// 50 and 500. A negative LoginRate is no limit.
	LoginRate  float64
	LoginBurst int
	// Tokens signs the tokens of sessions. All lobbies and gateways of a deployment need the same keys. Default: a key that
	// nobody else knows and that ends with this Service.
	Tokens *token.Ring
	// OwnPlatforms are those of guest, custom and password by which players may sign in. Default: all three.
	OwnPlatforms []string
	// Platforms are others, by their names: 1 to 32 of a-z, 0-9, _ and -. Default: none.
	Platforms map[string]platform.Platform
	// Pause says when there is maintenance. Default: never.
	Pause Pause
	// Metrics is where the lobby's counters are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Log defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
}

// Limits of requests.
const (
	maxBody        = 64 << 10         // bytes of a body
	requestTimeout = 15 * time.Second // for the store's and the game's part of a request
	tellTimeout    = 3 * time.Second  // for telling the broker, when the store has the seat already
)

// withDefaults checks c and returns it with its defaults filled in.
func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Broker == nil {
		return c, fmt.Errorf("lobby: Config needs a Store and a Broker")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return c, fmt.Errorf("lobby: public URL %q is not of the form https://host", c.PublicURL)
		}
		c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o) {
			return c, fmt.Errorf("lobby: origin %q is not of the form https://host", o)
		}
	}
	if c.Process == "" {
		c.Process = "lobby"
	}
	if c.Pause == nil {
		c.Pause = never{}
	}
	if c.LoginRate == 0 {
		c.LoginRate = 50
	}
	if c.LoginBurst <= 0 {
		c.LoginBurst = 500
	}
	if c.OwnPlatforms == nil {
		c.OwnPlatforms = ownPlatforms
	}
	for _, name := range c.OwnPlatforms {
		if !slices.Contains(ownPlatforms, name) {
			return c, fmt.Errorf("lobby: platform %q is none of %s", name, strings.Join(ownPlatforms, ", "))
		}
	}
	for name := range c.Platforms {
		if !goodPlatform.MatchString(name) || slices.Contains(ownPlatforms, name) {
			return c, fmt.Errorf("lobby: %q can't be a platform's name: it is one of ours, or not 1 to 32 of a-z, 0-9, _ and -", name)
		}
	}
	if c.Tokens == nil {
		var err error
		if c.Tokens, err = newRing(); err != nil {
			return c, err
		}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

var goodPlatform = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// goodID matches what may be an id of ours; anything else is not worth asking the store for.
var goodID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
