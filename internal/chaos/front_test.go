package chaos

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// front is the one address of the deployment: a load balancer that asks every process each 200 ms whether it is ready,
// and gives each request to the next one that is. It can cut the players' connections.
type front struct {
	url    string
	of     func(role string) []*process
	server *http.Server

	mu    sync.Mutex
	gone  bool
	turn  int
	conns map[*tracked]struct{}
}

type targetKey struct{}

func startFront(of func(role string) []*process) (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{url: "http://" + l.Addr().String(), of: of, conns: map[*tracked]struct{}{}}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(r.In.Context().Value(targetKey{}).(*url.URL))
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	f.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role := "lobby"
		if r.URL.Path == "/stomp" {
			role = "web"
		}
		target := f.next(role)
		if target == nil {
			http.Error(w, "no "+role+" is ready", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), targetKey{}, target)))
	})}
	go f.server.Serve(&trackingListener{l, f})
	return f, nil
}

func (f *front) next(role string) *url.URL {
	all := f.of(role)
	f.mu.Lock()
	f.turn++
	turn := f.turn
	f.mu.Unlock()
	for i := range all {
		p := all[(turn+i)%len(all)]
		p.mu.Lock()
		up := p.healthy && p.runningLocked()
		p.mu.Unlock()
		if up {
			u, _ := url.Parse(p.url)
			return u
		}
	}
	return nil
}

// watch asks the processes until ctx ends.
func (f *front) watch(ctx context.Context) {
	for pause(ctx, 200*time.Millisecond) == nil {
		var all sync.WaitGroup
		for _, role := range []string{"lobby", "web"} {
			for _, p := range f.of(role) {
				all.Go(func() {
					up := p.asked(ctx) == nil
					p.mu.Lock()
					defer p.mu.Unlock()
					p.healthy = up
				})
			}
		}
		all.Wait()
	}
}

// cut ends those of the players' connections that it is told to, without a word; it returns how many.
func (f *front) cut(this func() bool) (n int) {
	f.mu.Lock()
	var some []*tracked
	for c := range f.conns {
		if this() {
			some = append(some, c)
		}
	}
	f.mu.Unlock()
	for _, c := range some {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a router that has forgotten the connection
		}
		c.Close()
	}
	return len(some)
}

// away ends all connections, and those that come as soon as they have come, until it is told false.
func (f *front) away(gone bool) {
	f.mu.Lock()
	f.gone = gone
	f.mu.Unlock()
	if gone {
		f.cut(func() bool { return true })
	}
}

type trackingListener struct {
	net.Listener
	f *front
}

func (l *trackingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t := &tracked{Conn: c, f: l.f}
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if l.f.gone {
		c.Close()
	} else {
		l.f.conns[t] = struct{}{}
	}
	return t, nil
}

type tracked struct {
	net.Conn
	f *front
}

func (t *tracked) Close() error {
	t.f.mu.Lock()
	delete(t.f.conns, t)
	t.f.mu.Unlock()
	return t.Conn.Close()
}
