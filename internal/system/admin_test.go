package system

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/lobby"
)

// TestOperatorsOfADeployment: one process has the admin API, another one the player.
func TestOperatorsOfADeployment(t *testing.T) {
	t.Parallel()
	deployment := []string{"--broker", testservers.RabbitMQ(t).URL, "--store", testservers.Postgres(t)}
	const key = "a-key-for-tests-0123456789abcdefghij"
	address := freeAddress(t)
	one := start(t, append([]string{"--admin-listen", address, "--admin-keys", "ops=" + key}, deployment...)...).ready()
	other := start(t, deployment...).ready()
	api := "http://" + address + lobby.AdminPrefix
	operate := func(args ...string) string {
		t.Helper()
		return tool(t, append([]string{"admin", "--url", "http://" + address, "--key", key}, args...)...)
	}

	var took []time.Duration
	for _, name := range []string{"Ann", "Bob", "Cho", "Dan", "Eve"} {
		f := newFriend(t, other.URL, name, "the-secret-of-"+name)
		begun := time.Now()
		rest(t, http.MethodPut, api+"/accounts/"+f.me.Me().ID+"/ban", key, map[string]string{"reason": "cheats"}, nil)
		select {
		case <-f.conn.Done():
			took = append(took, time.Since(begun))
		case <-time.After(time.Minute):
			t.Fatalf("%s is banned and still connected", name)
		}
		for _, base := range []string{one.URL, other.URL} {
			again, err := client.New(client.Config{URL: base})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := again.SignInGuest(t.Context(), "", "the-secret-of-"+name); client.CodeOf(err) != "banned" {
				t.Errorf("%s signs in: got %v, want banned", name, err)
			}
		}
	}
	t.Logf("from the call to the end of the other process's connection: %v", took)

	if got := operate("unban", "ann", "--reason", "a mistake"); !strings.Contains(got, "not banned") {
		t.Errorf("got %q", got)
	}
	newFriend(t, other.URL, "", "the-secret-of-Ann")
	if got := operate("audit", "--action", "account.unban"); !strings.Contains(got, "a mistake") {
		t.Errorf("got %q", got)
	}

	var there struct{ Processes []struct{ ID string } }
	eventually(t, "both processes are listed", func() error {
		rest(t, http.MethodGet, api+"/processes", key, nil, &there)
		if len(there.Processes) != 2 {
			return fmt.Errorf("got %+v", there)
		}
		return nil
	})
	for _, p := range there.Processes {
		if !strings.Contains(one.out.String(), "process="+p.ID[:8]) {
			rest(t, http.MethodPost, api+"/processes/"+p.ID+"/drain", key, map[string]string{"reason": "an update"}, nil)
		}
	}
	select {
	case <-other.done:
	case <-time.After(time.Minute):
		t.Error("the process that was drained goes on")
	}
}
