package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/games/relay"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

const adminKey = "a-key-for-tests-0123456789abcdefghij"

// administered runs a whole deployment in this process that has an admin API.
func administered(t *testing.T) (*server.Server, <-chan error) {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# who\nops="+adminKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{
		Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", AdminKeys: keys, Data: t.TempDir(), Drain: time.Second,
	}, slog.New(slog.DiscardHandler), lobby.New(), relay.Game())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case <-s.Built():
	case err := <-ended:
		t.Fatalf("the server did not start: %v", err)
	}
	return s, ended
}

// ask sends a request with the key of the operator.
func ask(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(text)
}

func TestABanEndsTheConnection(t *testing.T) {
	t.Parallel()
	s, _ := administered(t)
	c, err := client.New(client.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "a-secret-of-the-players-own"
	user, err := c.SignInGuest(t.Context(), "", secret)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asked := time.Now()
	if status, answer := ask(t, "PUT", s.AdminURL()+lobby.AdminPrefix+"/accounts/"+user.ID+"/ban", `{"reason":"cheats"}`); status != 200 {
		t.Fatalf("ban: got %d %s", status, answer)
	}
	select {
	case <-conn.Done():
		t.Logf("the connection had ended %v after the ban was asked for", time.Since(asked))
	case <-time.After(10 * time.Second):
		t.Fatal("the connection goes on")
	}
	if code := client.CodeOf(conn.Err()); code != "session_replaced" && code != "not_signed_in" {
		t.Errorf("the connection ended with %v", conn.Err())
	}
	if _, err := c.SignInGuest(t.Context(), "", secret); client.CodeOf(err) != "banned" {
		t.Errorf("sign in: got %v, want banned", err)
	}
	var page struct {
		Entries []struct{ Actor, Action, User string }
	}
	_, answer := ask(t, "GET", s.AdminURL()+lobby.AdminPrefix+"/audit", "")
	if err := json.Unmarshal([]byte(answer), &page); err != nil || len(page.Entries) != 1 || page.Entries[0].Actor != "ops" || page.Entries[0].User != user.ID {
		t.Errorf("audit: got %s, %v", answer, err)
	}
}

func TestAnOperatorDrainsTheProcess(t *testing.T) {
	t.Parallel()
	s, ended := administered(t)
	var there struct{ Processes []struct{ ID string } }
	for deadline := time.Now().Add(10 * time.Second); len(there.Processes) == 0; { // it announces itself each second
		if time.Now().After(deadline) {
			t.Fatal("the process is never listed")
		}
		_, answer := ask(t, "GET", s.AdminURL()+lobby.AdminPrefix+"/processes", "")
		if err := json.Unmarshal([]byte(answer), &there); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		<-time.After(20 * time.Millisecond)
	}
	status, answer := ask(t, "POST", s.AdminURL()+lobby.AdminPrefix+"/processes/"+there.Processes[0].ID+"/drain", `{"reason":"a test"}`)
	if status != 204 {
		t.Fatalf("drain: got %d %s", status, answer)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the process goes on")
	}
}

// What players reach serves nothing of the admin API, and that serves nothing of what players reach.
func TestTheAdminAPIHasAListenerOfItsOwn(t *testing.T) {
	t.Parallel()
	s, _ := administered(t)
	status, description := ask(t, "GET", s.AdminURL()+"/admin.yaml", "")
	if status != 200 || !strings.Contains(description, lobby.AdminPrefix+"/audit") {
		t.Fatalf("got %d %.100s", status, description)
	}
	// "/" is the page, for all paths that are nobody's.
	_, page := ask(t, "GET", s.URL()+"/nobody's", "")
	for line := range strings.Lines(description) {
		path, is := strings.CutPrefix(strings.TrimSpace(line), `"`+lobby.AdminPrefix)
		if !is {
			continue
		}
		path = lobby.AdminPrefix + strings.TrimSuffix(path, `":`)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			status, answer := ask(t, method, s.URL()+path, "")
			if status < 400 && answer != page {
				t.Errorf("%s %s of the public listener: got %d %.200s", method, path, status, answer)
			}
		}
	}
	for _, path := range []string{"/v1/games", "/metrics", "/healthz", "/", "/stomp", "/openapi.yaml"} {
		if status, answer := ask(t, "GET", s.AdminURL()+path, ""); status != 404 {
			t.Errorf("%s of the admin listener: got %d %.200s", path, status, answer)
		}
	}
}

func TestAdminConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("ops=topsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]server.Config{
		"no keys":        {AdminListen: "127.0.0.1:0"},
		"no address":     {AdminKeys: "ops=" + adminKey},
		"no file":        {AdminListen: "127.0.0.1:0", AdminKeys: filepath.Join(t.TempDir(), "nothing")},
		"a bad file":     {AdminListen: "127.0.0.1:0", AdminKeys: file},
		"bad keys":       {AdminListen: "127.0.0.1:0", AdminKeys: "ops=topsecret"},
		"no address one": {AdminListen: "nowhere:x", AdminKeys: "ops=" + adminKey},
		"no lobby":       {AdminListen: "127.0.0.1:0", AdminKeys: "ops=" + adminKey, Role: []string{"web"}, Broker: []string{"amqp://localhost"}},
	} {
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		_, err := server.New(c, slog.New(slog.DiscardHandler), lobby.New(), relay.Game())
		if err == nil || !strings.Contains(err.Error(), "--admin-") || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: got %v, want an error about the flags without a secret", name, err)
		}
	}
}
