package system

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stompJS is what npm gives a game developer who has never heard of Madang.
var stompJS = []string{"@stomp/stompjs@7.5.0", "ws@8"}

func TestStompJSExchanges1000MessagesInOrder(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("this test needs %s", tool)
			}
			t.Skipf("NOT RUN, needs %s", tool)
		}
	}
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join("testdata", "stompjs.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stompjs.mjs"), script, 0o644); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", append([]string{"install", "--no-audit", "--no-fund", "--prefix", dir}, stompJS...)...)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}

	p := start(t).ready()
	one, two := guest(t, p.URL), guest(t, p.URL)
	var mine, yours joined
	rest(t, "POST", p.URL+"/v1/rooms", one.Token, map[string]string{"game": "relay"}, &mine)
	rest(t, "POST", p.URL+"/v1/rooms/"+mine.Room.ID+"/join", two.Token, nil, &yours)
	player := func(s signedIn, j joined) map[string]string {
		return map[string]string{"token": s.Token, "user": s.User.ID, "url": j.Stomp.URL, "topic": j.Stomp.Topic, "queue": j.Stomp.Queue}
	}
	players, err := json.Marshal([]map[string]string{player(one, mine), player(two, yours)})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "stompjs.mjs", string(players), "1000")
	node.Dir = dir
	out, err := node.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "heard 2000 each, in one order") {
		t.Errorf("stompjs: %v\n%s", err, out)
	}
}
