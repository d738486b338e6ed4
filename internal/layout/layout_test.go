// Package layout holds the house plan of the project as data, and a test that keeps to it.
package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/madang-games/madang/"

// room is a package (and those below it, unless they have a line of their own): its floor, and the outside
// libraries it may use beside the standard library. Imports go to lower floors only, or stay within the room.
type room struct {
	floor   int
	outside []string
}

const (
	websocket  = "github.com/coder/websocket"
	amqp       = "github.com/rabbitmq/amqp091-go"
	echo       = "github.com/labstack/echo/v4"
	uuid       = "github.com/google/uuid"
	prometheus = "github.com/prometheus/client_golang/prometheus"
	kong       = "github.com/alecthomas/kong"
)

var plan = map[string]room{
	"broker":               {0, nil},
	"store":                {0, nil},
	"handlers":             {0, nil},
	"web/stomp":            {0, nil},
	"token":                {0, nil},
	"skill":                {0, nil},
	"match":                {0, nil},
	"broker/memory":        {1, nil},
	"broker/rabbitmq":      {1, []string{amqp}},
	"broker/brokertest":    {1, nil},
	"store/sql":            {1, []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "golang.org/x/text"}},
	"store/storetest":      {1, nil},
	"client":               {1, []string{websocket}},
	"maintenance":          {1, nil},
	"web":                  {2, []string{websocket, uuid, prometheus}},
	"web/site":             {2, nil},
	"lobby":                {2, []string{echo, uuid, prometheus, "golang.org/x/crypto/argon2", "golang.org/x/text", "golang.org/x/time/rate"}},
	"lobby/platform":       {1, []string{"github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4"}},
	"worker":               {2, []string{uuid, prometheus}},
	"server":               {3, []string{uuid, prometheus, kong, "golang.org/x/sync/errgroup"}},
	"games":                {3, nil},
	"cmd/madang":           {4, []string{kong}},
	"bench/bare":           {9, []string{prometheus}},
	"bench/compare":        {9, nil},
	"bench/echo":           {9, nil},
	"bench/sleep":          {9, []string{"modernc.org/sqlite"}},
	"bench/webstomp":       {9, []string{amqp, kong, websocket}},
	"internal/chaos":       {9, nil},
	"internal/layout":      {9, nil},
	"internal/linear":      {9, []string{"github.com/anishathalye/porcupine"}},
	"internal/system":      {9, nil},
	"internal/testservers": {9, []string{"github.com/jackc/pgx/v5"}},
}

// strangers are rooms that may use only these others: games are written as a developer outside would write them.
var strangers = map[string][]string{
	"games": {"handlers", "lobby", "match", "store"},
}

// neighbours never meet, though an arrow between them would go down.
var neighbours = [][2]string{
	{"handlers", "broker"}, {"broker/memory", "store"}, {"store/sql", "broker"}, {"client", "store"}, {"client", "broker"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestImportsGoDownOnly(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	checked := 0
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		from, ok := find(name)
		if !ok {
			t.Errorf("package %s has no place in the plan", name)
			continue
		}
		checked++
		for _, imported := range p.Imports {
			if why := refuse(from, imported); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
	}
	if checked < 10 {
		t.Errorf("checked %d packages, want the whole project", checked)
	}
}

// find returns the room that a package belongs to: the longest one that is its path or above it.
func find(name string) (string, bool) {
	for ; name != "." && name != ""; name = filepath.Dir(name) {
		if _, ok := plan[name]; ok {
			return name, true
		}
	}
	return "", false
}

func refuse(from, imported string) string {
	name, ours := strings.CutPrefix(imported, module)
	if !ours {
		if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
			return "" // standard library
		}
		for _, allowed := range plan[from].outside {
			if imported == allowed || strings.HasPrefix(imported, allowed+"/") {
				return ""
			}
		}
		return "this library has no business there"
	}
	to, ok := find(name)
	switch {
	case !ok:
		return "it has no place in the plan"
	case to == from:
		return ""
	case plan[to].floor >= plan[from].floor:
		return "arrows go down only"
	case strangers[from] != nil && !slices.Contains(strangers[from], to):
		return "games use the public API alone"
	case slices.Contains(neighbours, [2]string{from, to}):
		return "neighbours that never meet"
	}
	return ""
}
