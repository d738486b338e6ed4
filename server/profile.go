package server

import (
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// profiles serves what net/http/pprof does on an address of its own, which the public one never has: a profile shows the
// inside of the program, and making one costs. It ends with the listener.
func (s *Server) profiles(listener net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // and heap, goroutine, mutex... by their names
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	own := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	_ = own.Serve(listener)
}
