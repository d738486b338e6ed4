package server

import (
	"net"
	"net/http"
	"strings"
)

// address is where a request comes from: behind a trusted proxy the last address of X-Forwarded-For, which is the one
// that this proxy has seen itself; else the peer's.
func (s *Server) address(r *http.Request) string {
	if s.config.TrustProxy {
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			last := all[len(all)-1]
			if i := strings.LastIndexByte(last, ','); i >= 0 {
				last = last[i+1:]
			}
			if last = strings.TrimSpace(last); net.ParseIP(last) != nil {
				return last
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
