package platform

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OpenIDConfig is an issuer of ID tokens. Issuer and ClientIDs are needed.
type OpenIDConfig struct {
	// Issuer is the address that tokens have as "iss", such as https://accounts.google.com. http is for this machine only.
	Issuer string
	// ClientIDs are those of the game, one of which a token must be for ("aud").
	ClientIDs []string
	// HTTP fetches the issuer's keys. Default: http.DefaultTransport.
	HTTP *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// OpenID takes the ID tokens of one issuer (OpenID Connect Core 1.0, section 3.1.3.7). The issuer is asked for its keys when the
// first token comes, then each hour, and when a token names a key that is not among them, but never more than once in
// 10 s. Safe for concurrent use.
type OpenID struct {
	config OpenIDConfig
	keys   *keySet
}

var _ Platform = (*OpenID)(nil)

// NewOpenID does not wait for the issuer.
func NewOpenID(c OpenIDConfig) (*OpenID, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %q is not of the form https://host", c.Issuer)
	}
	if err := secure(u); err != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("issuer %q is not of the form https://host", c.Issuer)
	}
	if len(c.ClientIDs) == 0 || slices.Contains(c.ClientIDs, "") {
		return nil, errors.New("an issuer needs the client ids of the game")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OpenID{c, newKeySet(c.Issuer, c.HTTP, c.Now)}, nil
}

// asking gives the library keys, and remembers why there were none: it tells only the text of an error.
type asking struct {
	*keySet
	err error
}

func (a *asking) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, a.err = a.verify(ctx, token)
	return payload, a.err
}

// Verify implements [Platform]. With a nonce, the token must have the same.
func (o *OpenID) Verify(ctx context.Context, token, nonce string) (string, error) {
	keys := &asking{keySet: o.keys}
	verifier := oidc.NewVerifier(o.config.Issuer, keys, &oidc.Config{
		SkipClientIDCheck:    true, // there may be several: see below
		SupportedSigningAlgs: algorithms, Now: o.config.Now,
	})
	t, err := verifier.Verify(ctx, token)
	switch {
	case keys.err != nil:
		return "", keys.err
	case err != nil:
		return "", fmt.Errorf("%w: %v", ErrRefused, err)
	}
	ours := func(id string) bool { return slices.Contains(o.config.ClientIDs, id) }
	var more struct {
		Party string `json:"azp"`
	}
	if err := t.Claims(&more); err != nil {
		return "", fmt.Errorf("%w: its claims are malformed", ErrRefused)
	}
	switch {
	case !slices.ContainsFunc(t.Audience, ours):
		return "", fmt.Errorf("%w: it is for %.200q", ErrRefused, t.Audience)
	case len(t.Audience) > 1 && !ours(more.Party):
		return "", fmt.Errorf("%w: it was given to %.200q", ErrRefused, more.Party)
	case nonce != "" && subtle.ConstantTimeCompare([]byte(nonce), []byte(t.Nonce)) != 1:
		return "", fmt.Errorf("%w: its nonce is another one", ErrRefused)
	case t.Subject == "":
		return "", fmt.Errorf("%w: it is for nobody", ErrRefused)
	}
	return t.Subject, nil
}
