package platform

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer is an OpenID issuer on this machine.
type issuer struct {
	*httptest.Server
	t    *testing.T
	asks atomic.Int64 // for its keys

	mu     sync.Mutex
	keys   []jose.JSONWebKey // published
	name   string            // "": its address
	status int               // of its answers; 0: 200
	large  bool              // its description has no end
	hold   chan struct{}     // answers wait until it is closed; nil: they don't
	held   chan struct{}     // gets one for each that waits
	jwks   string            // where it says that its keys are; "": where they are
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, held: make(chan struct{}, 100)}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if hold := i.hold; hold != nil {
		i.mu.Unlock()
		i.held <- struct{}{}
		<-hold
		i.mu.Lock()
	}
	if i.status != 0 {
		w.WriteHeader(i.status)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		name, jwks := i.name, i.jwks
		if name == "" {
			name = i.URL
		}
		if jwks == "" {
			jwks = i.URL + "/keys"
		}
		if i.large {
			_, _ = w.Write([]byte(`"` + strings.Repeat("x", maxDocument) + `"`))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": name, "jwks_uri": jwks})
	case "/keys":
		i.asks.Add(1)
		public := jose.JSONWebKeySet{}
		for _, k := range i.keys {
			public.Keys = append(public.Keys, k.Public())
		}
		_ = json.NewEncoder(w).Encode(public)
	case "/away":
		http.Redirect(w, r, "http://example.com/keys", http.StatusFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// key makes a key pair, and publishes it unless kid begins with "secret".
func (i *issuer) key(kid, algorithm string) jose.JSONWebKey {
	i.t.Helper()
	var private crypto.Signer
	var err error
	if algorithm == "ES256" {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	k := jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: algorithm, Use: "sig"}
	if !strings.HasPrefix(kid, "secret") {
		i.set(func() { i.keys = append(i.keys, k) })
	}
	return k
}

// sign makes a token with these claims over the usual ones; a nil claim is left out.
func (i *issuer) sign(k jose.JSONWebKey, now time.Time, claims map[string]any) string {
	i.t.Helper()
	all := map[string]any{"iss": i.URL, "aud": "client-1", "sub": "player-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": "n1"}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k}, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()) }
func (c *clock) move(by time.Duration) { c.at.Add(int64(by)) }

func openID(t *testing.T, i *issuer, c *clock, clients ...string) *OpenID {
	t.Helper()
	if len(clients) == 0 {
		clients = []string{"client-1", "client-2"}
	}
	o, err := NewOpenID(OpenIDConfig{Issuer: i.URL, ClientIDs: clients, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func taken(t *testing.T, what string, p Platform, token, nonce string) {
	t.Helper()
	if subject, err := p.Verify(t.Context(), token, nonce); err != nil || subject != "player-1" {
		t.Errorf("%s: got %q, %v; want player-1", what, subject, err)
	}
}

func refused(t *testing.T, what string, p Platform, token, nonce string) {
	t.Helper()
	if subject, err := p.Verify(t.Context(), token, nonce); !errors.Is(err, ErrRefused) || subject != "" {
		t.Errorf("%s: got %q, %v; want %v", what, subject, err, ErrRefused)
	}
}

func unsure(t *testing.T, what string, p Platform, token string) {
	t.Helper()
	if subject, err := p.Verify(t.Context(), token, ""); err == nil || errors.Is(err, ErrRefused) || subject != "" {
		t.Errorf("%s: got %q, %v; want an error that is no refusal", what, subject, err)
	}
}

func TestTokensOfTheIssuerAreTaken(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	for _, algorithm := range []string{"RS256", "ES256", "PS256"} {
		k := i.key("key "+algorithm, algorithm)
		c.move(keysPause)
		taken(t, algorithm, o, i.sign(k, c.now(), nil), "")
		taken(t, algorithm+" with its nonce", o, i.sign(k, c.now(), nil), "n1")
		taken(t, algorithm+" of the other client", o, i.sign(k, c.now(), map[string]any{"aud": "client-2"}), "")
		taken(t, algorithm+" for several", o, i.sign(k, c.now(), map[string]any{"aud": []string{"x", "client-1"}, "azp": "client-1"}), "")
	}
}

func TestOtherTokensAreRefused(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	rs, es := i.key("rs", "RS256"), i.key("es", "ES256")
	now := c.now()
	good := i.sign(rs, now, nil)
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	strange := rs
	strange.Key = i.key("secret", "RS256").Key
	hmac := jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "rs", Algorithm: "HS256"}
	public, err := rs.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	confused := jose.JSONWebKey{Key: public, KeyID: "rs", Algorithm: "HS256"}
	crossed := es
	crossed.KeyID = "rs"
	for name, token := range map[string]string{
		"nothing":                   "",
		"no token":                  "x",
		"wrong issuer":              i.sign(rs, now, map[string]any{"iss": "https://issuer.example.org"}),
		"issuer with a slash":       i.sign(rs, now, map[string]any{"iss": i.URL + "/"}),
		"wrong audience":            i.sign(rs, now, map[string]any{"aud": "client-3"}),
		"no audience":               i.sign(rs, now, map[string]any{"aud": nil}),
		"given to another":          i.sign(rs, now, map[string]any{"aud": []string{"client-1", "x"}, "azp": "x"}),
		"for several, given to who": i.sign(rs, now, map[string]any{"aud": []string{"client-1", "x"}}),
		"expired":                   i.sign(rs, now, map[string]any{"exp": now.Add(-time.Second).Unix()}),
		"without an end":            i.sign(rs, now, map[string]any{"exp": nil}),
		"not yet":                   i.sign(rs, now, map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"for nobody":                i.sign(rs, now, map[string]any{"sub": nil}),
		"odd claims":                i.sign(rs, now, map[string]any{"azp": 7}),
		"wrong key":                 i.sign(strange, now, nil),
		"another key's name":        i.sign(crossed, now, nil),
		"none":                      encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"none with a signature":     encode([]byte(`{"alg":"none","kid":"rs"}`)) + "." + parts[1] + "." + parts[2],
		"a shared secret":           i.sign(hmac, now, nil),
		"the public key as secret":  i.sign(confused, now, nil),
		"changed claims":            parts[0] + "." + encode([]byte(`{"iss":"`+i.URL+`","aud":"client-1","sub":"player-2","exp":9999999999}`)) + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"cut":                       good[:len(good)-4],
	} {
		refused(t, name, o, token, "")
	}
	refused(t, "wrong nonce", o, good, "n2")
	refused(t, "nonce that is not there", o, i.sign(rs, now, map[string]any{"nonce": nil}), "n1")
	taken(t, "the good one", o, good, "n1")
}

func TestReplacedKeys(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	old := i.key("old", "RS256")
	taken(t, "the old key's", o, i.sign(old, c.now(), nil), "")
	c.move(keysPause)
	i.set(func() { i.keys = nil })
	fresh := i.key("fresh", "ES256")
	taken(t, "the new key's", o, i.sign(fresh, c.now(), nil), "")
	c.move(keysPause)
	refused(t, "the old key's, which is withdrawn", o, i.sign(old, c.now(), nil), "")
	i.set(func() { i.keys = nil })
	last := i.key("last", "RS256")
	c.move(keysFresh)
	refused(t, "a key's that was withdrawn an hour ago", o, i.sign(fresh, c.now(), nil), "")
	taken(t, "the last key's", o, i.sign(last, c.now(), nil), "")
}

// However many tokens name unknown keys, the issuer is asked once in a while.
func TestKeysAreFetchedWithinBounds(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	k := i.key("a", "RS256")
	strange := i.key("secret", "RS256")
	token, wrong := i.sign(k, c.now(), nil), i.sign(strange, c.now(), nil)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { taken(t, "at once", o, token, "") })
		all.Go(func() { refused(t, "at once", o, wrong, "") })
	}
	all.Wait()
	if n := i.asks.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	for range 10 {
		c.move(keysPause / 10)
		refused(t, "within the pause", o, wrong, "")
	}
	if n := i.asks.Load(); n != 2 {
		t.Errorf("asked %d times, want twice", n)
	}
	for range 20 {
		taken(t, "fresh", o, i.sign(k, c.now(), nil), "")
	}
	if n := i.asks.Load(); n != 2 {
		t.Errorf("asked %d times for keys that are fresh, want 2", n)
	}
}

func TestAnIssuerThatIsAway(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	k := i.key("a", "RS256")
	token := i.sign(k, c.now(), map[string]any{"exp": c.now().Add(100 * time.Hour).Unix()})
	fresh := openID(t, i, c)
	i.set(func() { i.status = 503 })
	unsure(t, "away from the beginning", fresh, token)
	unsure(t, "within the pause", fresh, token)
	i.set(func() { i.status = 0 })
	c.move(keysPause)
	taken(t, "back", fresh, token, "")
	i.set(func() { i.status = 503 })
	c.move(keysFresh)
	taken(t, "with the keys from before", fresh, token, "")
	unsure(t, "by a key that is not known", fresh, i.sign(i.key("b", "RS256"), c.now(), nil))
	c.move(keysStale)
	unsure(t, "away for a day", fresh, token)
}

// Who has keys to go on with does not wait for an issuer that says nothing.
func TestAnIssuerThatIsSilent(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	token := i.sign(i.key("a", "RS256"), c.now(), map[string]any{"exp": c.now().Add(100 * time.Hour).Unix()})
	taken(t, "at first", o, token, "")
	silent := func() (speak func(status int)) {
		hold := make(chan struct{})
		i.set(func() { i.hold = hold })
		return func(status int) {
			i.set(func() { i.status, i.hold = status, nil })
			close(hold)
		}
	}
	c.move(keysFresh)
	speak := silent()
	first := make(chan error, 1)
	go func() {
		_, err := o.Verify(t.Context(), token, "")
		first <- err
	}()
	<-i.held
	taken(t, "while somebody asks", o, token, "")
	speak(503)
	if err := <-first; err != nil {
		t.Errorf("who asked: got %v", err)
	}
	c.move(keysPause)
	speak = silent()
	for range 3 {
		taken(t, "while it is away", o, token, "")
	}
	<-i.held
	next := i.sign(i.key("b", "RS256"), c.now(), nil)
	speak(0)
	taken(t, "by the next key, when it is back", o, next, "")
}

func TestAnIssuerThatIsNotWhatItSays(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*issuer){
		"another name":        func(i *issuer) { i.name = "https://accounts.google.com" },
		"no keys":             func(i *issuer) { i.keys = nil },
		"keys elsewhere":      func(i *issuer) { i.jwks = "http://example.com/keys" },
		"keys in a file":      func(i *issuer) { i.jwks = "file:///etc/passwd" },
		"keys sent elsewhere": func(i *issuer) { i.jwks = i.URL + "/away" },
		"without end":         func(i *issuer) { i.large = true },
	} {
		i, c := newIssuer(t), newClock()
		k := i.key("a", "RS256")
		i.set(func() { change(i) })
		unsure(t, name, openID(t, i, c), i.sign(k, c.now(), nil))
	}
}

func TestWhoHangsUpDoesNotEndTheFetch(t *testing.T) {
	t.Parallel()
	i, c := newIssuer(t), newClock()
	o := openID(t, i, c)
	token := i.sign(i.key("a", "RS256"), c.now(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = o.Verify(ctx, token, "")
	taken(t, "the next one", o, token, "")
}

func TestNewOpenIDRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, c := range []OpenIDConfig{
		{}, {Issuer: "https://a.example"}, {Issuer: "https://a.example", ClientIDs: []string{""}}, {Issuer: "http://a.example", ClientIDs: []string{"x"}},
		{Issuer: "a.example", ClientIDs: []string{"x"}}, {Issuer: "https://a.example?x", ClientIDs: []string{"x"}}, {Issuer: "https://u:p@a.example", ClientIDs: []string{"x"}},
		{Issuer: "%", ClientIDs: []string{"x"}},
	} {
		if _, err := NewOpenID(c); err == nil {
			t.Errorf("%+v: got no error", c)
		}
	}
	if _, err := NewOpenID(OpenIDConfig{Issuer: "https://appleid.apple.com", ClientIDs: []string{"x"}}); err != nil {
		t.Error(err)
	}
}
