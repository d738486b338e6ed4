package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/madang-games/madang/lobby"
)

// adminDoor is where the admin API listens: apart from what players reach.
type adminDoor struct {
	listener net.Listener
	keys     []lobby.AdminKey
	admin    atomic.Pointer[lobby.Admin] // nil until the parts are built
}

// openAdmin listens as the configuration says; nil: it says nothing of an admin API. What it gives as keys is in no error, as it may
// be the keys, however malformed.
func openAdmin(c *Config) (*adminDoor, error) {
	if c.AdminListen == "" {
		return nil, nil
	}
	keys, err := adminKeys(c.AdminKeys)
	if err != nil {
		return nil, fmt.Errorf("--admin-keys: %w", err)
	}
	listener, err := net.Listen("tcp", c.AdminListen)
	if err != nil {
		return nil, fmt.Errorf("--admin-listen: %w", err)
	}
	return &adminDoor{listener: listener, keys: keys}, nil
}

func adminKeys(given string) ([]lobby.AdminKey, error) {
	if strings.ContainsAny(given, "=\n") {
		return lobby.ParseAdminKeys(given)
	}
	text, err := os.ReadFile(given)
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		return nil, fmt.Errorf("the file that it names can't be read: %w", named.Err)
	}
	if err != nil {
		return nil, err
	}
	return lobby.ParseAdminKeys(string(text))
}

// open has the door answer once p are there.
func (d *adminDoor) open(p *parts) error {
	admin, err := p.lobby.Admin(lobby.AdminConfig{Store: p.store, Keys: d.keys})
	if err == nil {
		d.admin.Store(admin)
	}
	return err
}

// ServeHTTP answers for the admin API from the process's first moment on.
func (d *adminDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if admin := d.admin.Load(); admin != nil {
		admin.ServeHTTP(w, r)
		return
	}
	notYet(w)
}
