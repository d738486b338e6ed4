package lobby

import (
	"net/http"
	"slices"
)

// cors says which pages may call the lobby (Fetch, section 3.3 "CORS protocol"), and answers preflights: then it
// returns true. Sign-in goes by a header that a page must set itself, never by cookies, so a foreign page that is
// not allowed can do nothing in a player's name.
func (s *Service) cors(e *exchange, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(s.config.Origins) == 0 {
		return false
	}
	h := e.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(s.config.Origins, "*") && !slices.Contains(s.config.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
	h.Set("Access-Control-Max-Age", "600")
	e.send(&answer{status: http.StatusNoContent})
	return true
}
