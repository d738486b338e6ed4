package lobby

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/madang-games/madang/store"
)

// AdminPrefix is where the calls of an [Admin] are.
const AdminPrefix = "/admin/v1"

// AdminStore is what an [Admin] asks of the store besides what its Service does.
type AdminStore interface {
	Store
	store.AccountBans
	store.AuditTrail
	store.Operators
	store.DeadLetters
	store.Maintenances
}

// AdminConfig is what an [Admin] is made of.
type AdminConfig struct {
	// Store is the Service's own, with more of its methods.
	Store AdminStore
	// Keys are those by which operators may call; at least one.
	Keys []AdminKey
}

// Admin answers the calls of those who run the deployment. It is served apart from the [Service] that it is made of, where players
// can't reach it. Safe for concurrent use; of a deployment's lobbies any number may have one.
//
// Every call names a key. A call that changes something gives a reason, and what it does is one transaction with its entry in
// the audit trail; with an Idempotency-Key it is done once.
type Admin struct {
	service *Service
	store   AdminStore
	keys    []hashedKey
	calls   *buckets[string] // by key
	wrong   *buckets[string] // by address
	routes  []adminRoute
	router  *echo.Echo
}

// Limits of an Admin's calls: of a key, and of wrong keys from an address. A right key is never refused for the wrong ones of others.
const (
	adminPerSecond = 50
	adminAtOnce    = 200
	wrongPerSecond = 0.2
	wrongAtOnce    = 10
)

type hashedKey struct {
	name string
	hash [sha256.Size]byte
}

// adminRoute is a call of an Admin.
type adminRoute struct {
	route
	summary string
	details details
}

// Admin makes the Service's calls for operators. An error says what is wrong with the AdminConfig.
func (s *Service) Admin(c AdminConfig) (*Admin, error) {
	if c.Store == nil || len(c.Keys) == 0 {
		return nil, errors.New("lobby: an Admin needs a Store and a key")
	}
	a := &Admin{
		service: s, store: c.Store, router: echo.New(),
		calls: newBuckets[string](adminPerSecond, adminAtOnce), wrong: newBuckets[string](wrongPerSecond, wrongAtOnce),
	}
	for _, k := range c.Keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("lobby: %w", err)
		}
		a.keys = append(a.keys, hashedKey{k.Name, sha256.Sum256([]byte(k.Secret))})
	}
	a.router.HTTPErrorHandler = s.unrouted
	a.addBans()
	a.addAccounts()
	a.addLedger()
	a.addRooms()
	a.addDeadLetters()
	a.addProcesses()
	a.addMaintenance()
	a.addAudit()
	for _, r := range a.routes {
		a.router.Add(r.method, AdminPrefix+r.path, s.handler(AdminPrefix, r.route, a.enter))
	}
	description, err := describeAdmin(a.routes)
	if err != nil {
		return nil, fmt.Errorf("lobby: %w", err)
	}
	a.router.GET("/admin.yaml", func(c echo.Context) error {
		e := exchangeOf(c)
		e.route = "/admin.yaml"
		e.send(&answer{status: http.StatusOK, contentType: "application/yaml", body: description})
		return nil
	})
	return a, nil
}

// ServeHTTP answers everything under AdminPrefix, and GET /admin.yaml, the description of the calls.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.service.serve(w, r, func(e *exchange) { a.router.ServeHTTP(e, r) })
}

var wrongKey = adminEntry(401, "wrong_key", "The key is refused", "Give a key of the deployment's as \"Authorization: Bearer <key>\".")

func init() { wrongKey.header = [2]string{"WWW-Authenticate", `Bearer realm="madang admin"`} }

// enter has the operator enter whose key a request names.
func (a *Admin) enter(c *Context, r *http.Request) error {
	now := a.service.config.Now()
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && len(secret) <= maxAdminSecret {
		hash := sha256.Sum256([]byte(secret))
		for _, k := range a.keys { // all are looked at, so that time tells nothing of them
			if subtle.ConstantTimeCompare(k.hash[:], hash[:]) == 1 {
				c.operator = k.name
			}
		}
	}
	if c.operator == "" {
		if _, wait, ok := a.wrong.take(c.address, now); !ok {
			return rateLimited.after(wait).because("Too many wrong keys from this address.")
		}
		a.service.config.Log.Warn("a wrong key was given to the admin API", "request", c.request, "address", c.address)
		return wrongKey
	}
	if _, wait, ok := a.calls.take(c.operator, now); !ok {
		return rateLimited.after(wait).because("Too many calls by this key.")
	}
	c.owner = "operator " + c.operator
	return nil
}

// adminProblems are what an Admin answers besides what is in problems.
var adminProblems = map[string]*problem{}

func adminEntry(status int, code, title, detail string) *problem {
	p := &problem{status: status, code: code, title: title, detail: detail}
	adminProblems[code] = p
	return p
}
