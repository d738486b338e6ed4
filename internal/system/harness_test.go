// Package system tests the program as its users meet it: real processes, real brokers and databases, real browsers and
// foreign clients.
package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "madang-system-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "madang")
		args := []string{"build", "-o", binary}
		if os.Getenv("MADANG_TEST_RACE") != "" { // the processes too, not only the tests
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "github.com/madang-games/madang/cmd/madang")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// process is a running madang.
type process struct {
	t    *testing.T
	URL  string
	cmd  *exec.Cmd
	out  *lines
	done chan struct{}
}

// start starts madang and returns at once; args are flags of serve. It is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startProgram(t, binary, args...)
}

// startProgram starts a program made with server.Main.
func startProgram(t *testing.T, path string, args ...string) *process {
	t.Helper()
	return startWith(t, path, nil, args...)
}

// startWith adds to the program's environment.
func startWith(t *testing.T, path string, env []string, args ...string) *process {
	t.Helper()
	address := freeAddress(t)
	if i := slices.Index(args, "--listen"); i >= 0 {
		address = args[i+1]
	} else {
		args = append([]string{"--listen", address}, args...)
	}
	p := &process{t: t, URL: "http://" + address, out: &lines{}, done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start madang: %v", err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if strings.Contains(p.out.String(), "DATA RACE") {
			t.Errorf("madang %s has a data race", strings.Join(args, " "))
		}
		if t.Failed() {
			t.Logf("madang %s said:\n%s", strings.Join(args, " "), p.out.tail(6000))
		}
	})
	return p
}

// ready waits until the process says that players may come.
func (p *process) ready() *process {
	p.t.Helper()
	eventually(p.t, "readyz of "+p.URL, func() error {
		select {
		case <-p.done:
			p.t.Fatalf("madang ended: %s", p.out.tail(3000))
		default:
		}
		response, err := http.Get(p.URL + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(response.Body)
			return fmt.Errorf("%s: %s", response.Status, text)
		}
		return nil
	})
	return p
}

// interrupt is Ctrl-C; it waits for an orderly end.
func (p *process) interrupt() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		p.t.Fatalf("madang does not end after an interrupt: %s", p.out.tail(3000))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("exit code after an interrupt: got %d, want 0: %s", code, p.out.tail(3000))
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// eventually asks until try succeeds, for at most a minute.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-tick.C
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// oneAddress stands before several processes, as a load balancer does: each request goes to the next one that has its
// role.
func oneAddress(t *testing.T, lobbies, gateways func() []*process) string {
	t.Helper()
	var turn atomic.Uint64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			at := lobbies()
			if r.In.URL.Path == "/stomp" {
				at = gateways()
			}
			target, _ := url.Parse(at[turn.Add(1)%uint64(len(at))].URL)
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: proxy}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String()
}

// rest makes a call of the lobby and decodes its answer into out, if there is one.
func rest(t *testing.T, method, address, token string, body, out any) {
	t.Helper()
	var in io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s %v", method, address, response.Status, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, address, err, text)
		}
	}
}

// Answers of the lobby, as far as tests need them.
type (
	signedIn struct {
		User  struct{ ID, Name string }
		Token string
	}
	joined struct {
		Room struct {
			ID, State string
			Players   int
		}
		Stomp struct{ URL, Topic, Queue string }
	}
)

func guest(t *testing.T, base string) (s signedIn) {
	t.Helper()
	rest(t, http.MethodPost, base+"/v1/login", "", map[string]string{"platform": "guest"}, &s)
	return s
}

// lines collects what a process says. Safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}
