package system

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A player of an OpenID issuer registers and signs in to a process that was told of the issuer by a flag.
func TestAnOpenIDIssuersPlayersSignIn(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"})
		case "/keys":
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
				"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
				"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
			}}})
		default:
			http.NotFound(w, r)
		}
	}))
	defer issuer.Close()
	token := func(client string) string {
		claims, err := json.Marshal(map[string]any{"iss": issuer.URL, "aud": client, "sub": "248289761001", "exp": time.Now().Add(time.Hour).Unix(), "nonce": "n-0S6"})
		if err != nil {
			t.Fatal(err)
		}
		text := encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode(claims)
		sum := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + encode(signature)
	}

	p := start(t, "--oidc", "local="+issuer.URL+",client-1", "--platforms", "guest").ready()
	in := map[string]string{"platform": "local", "token": token("client-1"), "nonce": "n-0S6"}
	for call, want := range map[string]string{
		`/v1/login {"platform":"local","token":"` + token("client-1") + `"}`:  "user_not_registered",
		`/v1/login {"platform":"local","token":"` + token("client-2") + `"}`:  "wrong_token",
		`/v1/login {"platform":"custom","token":"device-1:0123456789abcdef"}`: "unknown_platform",
	} {
		path, body, _ := strings.Cut(call, " ")
		response, err := http.Post(p.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Code string }
		if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Code != want {
			t.Errorf("%s: got %q, %v; want %q", body[:60], problem.Code, err, want)
		}
		response.Body.Close()
	}
	guest := guest(t, p.URL)
	rest(t, http.MethodPost, p.URL+"/v1/user/identities", guest.Token, in, nil)
	var back signedIn
	rest(t, http.MethodPost, p.URL+"/v1/login", "", in, &back)
	if back.User != guest.User {
		t.Errorf("who has linked comes back as %+v, want %+v", back.User, guest.User)
	}
}
