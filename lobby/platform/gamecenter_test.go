package platform

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const keyAddress = "https://static.gc.apple.com/public-key/gc-prod-10.cer"

// authorities are a root, one below it, and Apple's certificate below that, with a server that has them.
type authorities struct {
	t      *testing.T
	roots  *x509.CertPool
	key    *rsa.PrivateKey // Apple's
	asks   atomic.Int64    // for Apple's certificate
	client *http.Client

	mu    sync.Mutex
	files map[string][]byte // by host and path
}

type kind func(*x509.Certificate)

func (a *authorities) certificate(name string, key *rsa.PrivateKey, parent *x509.Certificate, signer *rsa.PrivateKey, edits ...kind) *x509.Certificate {
	a.t.Helper()
	begin := newClock().now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{name}},
		NotBefore: begin.Add(-time.Hour), NotAfter: begin.Add(100 * 24 * time.Hour),
	}
	for _, edit := range edits {
		edit(c)
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return c
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func isAuthority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func signing(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	c.IssuingCertificateURL = []string{"http://cacerts.digicert.com/between.crt"}
}

func newAuthorities(t *testing.T) *authorities {
	t.Helper()
	a := &authorities{t: t, roots: x509.NewCertPool(), key: rsaKey(t, 2048), files: map[string][]byte{}}
	rootKey, betweenKey := rsaKey(t, 2048), rsaKey(t, 2048)
	root := a.certificate("Root", rootKey, nil, rootKey, isAuthority)
	between := a.certificate("Between", betweenKey, root, rootKey, isAuthority)
	a.roots.AddCert(root)
	put := func(name string, c *x509.Certificate) { a.files["static.gc.apple.com/public-key/"+name] = c.Raw }
	put("gc-prod-10.cer", a.certificate(appleName, a.key, between, betweenKey, signing))
	put("other.cer", a.certificate("Pear Inc.", a.key, between, betweenKey, signing))
	put("server.cer", a.certificate(appleName, a.key, between, betweenKey, signing, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}))
	put("over.cer", a.certificate(appleName, a.key, between, betweenKey, signing, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Minute) }))
	put("self.cer", a.certificate(appleName, a.key, nil, a.key, signing))
	put("elsewhere.cer", a.certificate(appleName, a.key, between, betweenKey, signing, func(c *x509.Certificate) {
		c.IssuingCertificateURL = []string{"http://evil.example.org/between.crt"}
	}))
	weak := rsaKey(t, 1024)
	put("weak.cer", a.certificate(appleName, weak, between, betweenKey, signing))
	a.files["static.gc.apple.com/public-key/junk.cer"] = []byte("junk")
	a.files["cacerts.digicert.com/between.crt"] = between.Raw

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.Host+r.URL.Path == "static.gc.apple.com/public-key/gc-prod-10.cer" {
			a.asks.Add(1)
		}
		body, ok := a.files[r.Host+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test's server is not called apple.com
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := plain
			if _, port, _ := net.SplitHostPort(address); port == "443" {
				to = secure
			}
			return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	a.client = &http.Client{Transport: transport}
	return a
}

// token is what Game Center gives at now, with changes; its signature is over what it says before the changes.
func (a *authorities) token(now time.Time, changes map[string]any) string {
	a.t.Helper()
	stamp := uint64(now.UnixMilli())
	salt := []byte{1, 2, 3, 4}
	signed := binary.BigEndian.AppendUint64([]byte("player-1"+"com.example.game"), stamp)
	sum := sha256.Sum256(append(signed, salt...))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		a.t.Fatal(err)
	}
	all := map[string]any{"player": "player-1", "bundle": "com.example.game", "public_key_url": keyAddress, "signature": signature, "salt": salt, "timestamp": stamp}
	maps.Copy(all, changes)
	text, err := json.Marshal(all)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

func (a *authorities) gameCenter(c *clock) *GameCenter {
	a.t.Helper()
	g, err := NewGameCenter(GameCenterConfig{Bundles: []string{"com.example.other", "com.example.game"}, Roots: a.roots, HTTP: a.client, Now: c.now})
	if err != nil {
		a.t.Fatal(err)
	}
	return g
}

func TestGameCentersSignatureIsTaken(t *testing.T) {
	t.Parallel()
	a, c := newAuthorities(t), newClock()
	g := a.gameCenter(c)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { taken(t, "at once", g, a.token(c.now(), nil), "") })
	}
	all.Wait()
	if n := a.asks.Load(); n != 1 {
		t.Errorf("the certificate was fetched %d times, want once", n)
	}
	taken(t, "of 10 minutes ago", g, a.token(c.now().Add(-signatureLife), nil), "")
	c.move(certificateLife)
	taken(t, "a day later", g, a.token(c.now(), nil), "")
	if n := a.asks.Load(); n != 2 {
		t.Errorf("the certificate was fetched %d times, want twice", n)
	}
}

func TestOtherSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	a, c := newAuthorities(t), newClock()
	g := a.gameCenter(c)
	now := c.now()
	at := func(address string) map[string]any { return map[string]any{"public_key_url": address} }
	for name, token := range map[string]string{
		"nothing":                 "",
		"no object":               "7",
		"another player":          a.token(now, map[string]any{"player": "player-2"}),
		"no player":               a.token(now, map[string]any{"player": ""}),
		"another game":            a.token(now, map[string]any{"bundle": "com.example.else"}),
		"our other game":          a.token(now, map[string]any{"bundle": "com.example.other"}),
		"another salt":            a.token(now, map[string]any{"salt": []byte{1}}),
		"another time":            a.token(now, map[string]any{"timestamp": now.Add(time.Second).UnixMilli()}),
		"old":                     a.token(now.Add(-signatureLife-time.Second), nil),
		"of the future":           a.token(now.Add(signatureLife+time.Hour), nil),
		"of no time":              a.token(now, map[string]any{"timestamp": uint64(1) << 63}),
		"no signature":            a.token(now, map[string]any{"signature": nil}),
		"long signature":          a.token(now, map[string]any{"signature": make([]byte, 2000)}),
		"not by https":            a.token(now, at("http://static.gc.apple.com/public-key/gc-prod-10.cer")),
		"elsewhere":               a.token(now, at("https://evil.example.org/key.cer")),
		"alike":                   a.token(now, at("https://static.gc.notapple.com/key.cer")),
		"before it":               a.token(now, at("https://static.gc.apple.com.evil.example.org/key.cer")),
		"with a name":             a.token(now, at("https://static.gc.apple.com@evil.example.org/key.cer")),
		"another port":            a.token(now, at("https://static.gc.apple.com:8443/key.cer")),
		"Apple's, elsewhere":      a.token(now, at("https://www.apple.com/public-key/gc-prod-10.cer")),
		"no key":                  a.token(now, at("https://static.gc.apple.com/other/gc-prod-10.cer")),
		"up and down":             a.token(now, at("https://static.gc.apple.com/public-key/../gc-prod-10.cer")),
		"with a query":            a.token(now, at(keyAddress+"?1")),
		"with an empty query":     a.token(now, at(keyAddress+"?")),
		"with a fragment":         a.token(now, at(keyAddress+"#1")),
		"escaped":                 a.token(now, at("https://static.gc.apple.com/public-key/gc-prod%2D10.cer")),
		"of another case":         a.token(now, at("HTTPS://static.gc.apple.com/public-key/gc-prod-10.cer")),
		"no address":              a.token(now, at("::")),
		"in the query of another": a.token(now, at("https://evil.example.org/?https://static.gc.apple.com/")),
	} {
		c.move(certificatePause)
		refused(t, name, g, token, "")
	}
	for _, file := range []string{"other", "server", "over", "self", "weak", "junk"} {
		c.move(certificatePause)
		refused(t, "certificate "+file, g, a.token(c.now(), at("https://static.gc.apple.com/public-key/"+file+".cer")), "")
	}
	c.move(certificatePause)
	refused(t, "nonce", g, a.token(c.now(), nil), "n")
	unsure(t, "certificate that is not there", g, a.token(c.now(), at("https://static.gc.apple.com/public-key/none.cer")))
	unsure(t, "the same one at once", g, a.token(c.now(), at("https://static.gc.apple.com/public-key/none.cer")))
	c.move(certificatePause)
	unsure(t, "issuer elsewhere", g, a.token(c.now(), at("https://static.gc.apple.com/public-key/elsewhere.cer")))
	c.move(certificatePause)
	taken(t, "the good one", g, a.token(c.now(), nil), "")
}

func TestNewGameCenterNeedsTheGame(t *testing.T) {
	t.Parallel()
	for _, bundles := range [][]string{nil, {""}} {
		if _, err := NewGameCenter(GameCenterConfig{Bundles: bundles}); err == nil {
			t.Errorf("%q: got no error", bundles)
		}
	}
}
