package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// front is what listens: it answers for the process from its first moment on, and passes the rest on once the parts
// are there.
type front struct {
	server *Server
	parts  atomic.Pointer[http.ServeMux] // nil until they are built
	drains atomic.Bool
	admin  *http.ServeMux
}

func newFront(s *Server) *front {
	f := &front{server: s, admin: http.NewServeMux()}
	f.admin.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	f.admin.HandleFunc("GET /readyz", f.readyz)
	f.admin.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := f.admin.Handler(r); pattern != "" {
		f.admin.ServeHTTP(w, r)
		return
	}
	parts := f.parts.Load()
	if parts == nil || f.drains.Load() {
		notYet(w)
		return
	}
	parts.ServeHTTP(w, r)
}

// notYet answers while nothing else can.
func notYet(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The server is starting or stopping. Try again in a moment.","code":"unavailable"}` + "\n"))
}

// readyz says whether players may be sent here: the parts are built, broker and store answer, and no stop has begun.
func (f *front) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := f.server.ready(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
