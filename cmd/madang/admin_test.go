package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/games/othello"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/server"
)

const adminSecret = "a-key-for-tests-0123456789abcdefghij"

// admin runs "madang admin" with the arguments.
func admin(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := adminCmd{out: &out}
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	k, err := parser.Parse(append([]string{"--url", url, "--key", adminSecret}, args...))
	if err != nil {
		return "", err
	}
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run(&c)
	return out.String(), err
}

func TestAdminCommands(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Config{
		Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", AdminKeys: "ops=" + adminSecret, Data: t.TempDir(), Drain: time.Second,
	}, quiet, lobby.New(), othello.Game())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
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
	player, err := client.New(client.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	user, err := player.SignInGuest(t.Context(), "Mina", "a-secret-of-the-players-own")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"grant mina gold=100 --reference ticket/1 --reason lost", "granted as admin/ticket/1; " + user.ID + ` has now {"gold":100}`},
		{"grant mina gold=100 --reference ticket/1 --reason lost", "nothing was done now"},
		{"grant mina gold=-30 --reason twice", `has now {"gold":70}`},
		{"ban Mina --reason aimbot", user.ID + " is banned for ever"},
		{"ban Mina --for 72h --reason aimbot", user.ID + " is banned until 20"},
		{"ban " + user.ID + " --until 2126-12-24T00:00:00Z --reason aimbot", user.ID + " is banned until 2126-12-24T00:00:00Z"},
		{"unban Mina --reason mistake", user.ID + " is not banned any more"},
		{"audit --action account.unban", `ops +account\.unban +` + user.ID + ` +\{\} +mistake`},
		{"audit --json --limit 1", `{"entries":`},
	} {
		got, err := admin(t, s.AdminURL(), strings.Fields(c.args)...)
		if ok, _ := regexp.MatchString(c.want, got); err != nil || !ok && !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, %v; want %q", c.args, got, err, c.want)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"unban Mina --reason again", "not_banned"},
		{"ban Nobody --reason x", `nobody is called "Nobody"`},
		{"ban Mina", "--reason"},
		{"ban Mina --reason x --for 1h --until 2126-12-24T00:00:00Z", "not both"},
		{"ban Mina --reason x --until 2020-12-24T00:00:00Z", "bad_request"},
		{"grant Mina gold --reason x", "gold=100"},
		{"grant Mina gold=1 gold=2 --reason x", "twice"},
		{"grant Mina sword=1 --reason x", "unknown_item"},
		{"audit --key x", "wrong_key"},
		{"audit --url http://127.0.0.1:1", "refused"},
		{"audit --url " + s.URL(), "status 404"},
	} {
		if got, err := admin(t, s.AdminURL(), strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, %v; want an error with %q", c.args, got, err, c.want)
		}
	}
}
