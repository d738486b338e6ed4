package platform

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// GameCenterConfig is what Game Center is asked with. Bundles is needed.
type GameCenterConfig struct {
	// Bundles are the bundle ids of the game, one of which a signature must be for.
	Bundles []string
	// Roots are the authorities that Apple's certificate must come from. Default: those of the system.
	Roots *x509.CertPool
	// HTTP fetches certificates. Default: http.DefaultTransport.
	HTTP *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// GameCenter takes the identity signatures of Apple's Game Center, as GKLocalPlayer.fetchItems gives them to the game. A
// token is a JSON object {"player", "bundle", "public_key_url", "signature", "salt", "timestamp"}: the teamPlayerID, the bundle id,
// what fetchItems gave, with signature and salt in base64 and timestamp in milliseconds. Safe for concurrent use.
type GameCenter struct {
	config GameCenterConfig
	keys   *appleKeys
}

var _ Platform = (*GameCenter)(nil)

const (
	signatureLife = 10 * time.Minute // before and after the present
	maxIssuers    = 3                // certificates between Apple's and a root
	appleName     = "Apple Inc."
	leastKey      = 2048 // bits
)

// NewGameCenter does not wait for Apple.
func NewGameCenter(c GameCenterConfig) (*GameCenter, error) {
	if len(c.Bundles) == 0 || slices.Contains(c.Bundles, "") {
		return nil, errors.New("game center needs the bundle ids of the game")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &GameCenter{config: c}
	g.keys = newAppleKeys(c.Now, g.fetch)
	return g, nil
}

// Verify implements [Platform]. Game Center has no nonce; a signature is good for 10 minutes.
func (g *GameCenter) Verify(ctx context.Context, token, nonce string) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
	}
	var in struct {
		Player    string `json:"player"`
		Bundle    string `json:"bundle"`
		Key       string `json:"public_key_url"`
		Signature []byte `json:"signature"`
		Salt      []byte `json:"salt"`
		Timestamp uint64 `json:"timestamp"`
	}
	if err := json.Unmarshal([]byte(token), &in); err != nil {
		return refuse("it is malformed")
	}
	now := g.config.Now()
	switch {
	case nonce != "":
		return refuse("game center has no nonce")
	case in.Player == "" || len(in.Salt) > 256 || len(in.Signature) > 1024:
		return refuse("it is malformed")
	case !slices.Contains(g.config.Bundles, in.Bundle):
		return refuse("it is for %.200q", in.Bundle)
	case in.Timestamp > 1<<53 || now.Sub(time.UnixMilli(int64(in.Timestamp))).Abs() > signatureLife:
		return refuse("it is not of the last 10 minutes")
	}
	key, err := g.keys.get(ctx, in.Key)
	if err != nil {
		return "", err
	}
	signed := append([]byte(in.Player), in.Bundle...)
	signed = binary.BigEndian.AppendUint64(signed, in.Timestamp)
	sum := sha256.Sum256(append(signed, in.Salt...))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], in.Signature) != nil {
		return refuse("the signature is wrong")
	}
	return in.Player, nil
}

// fetch gets Apple's public key at an address, from a certificate that Apple has.
func (g *GameCenter) fetch(ctx context.Context, address string) (*rsa.PublicKey, error) {
	der, err := fetch(ctx, g.config.HTTP, address, keyAt)
	if err != nil {
		return nil, err
	}
	return g.certify(ctx, der, g.config.Now())
}

// certify checks that the certificate is Apple's, for signing, and comes from a root that is trusted. Those between the two are
// fetched from where each names its issuer's.
func (g *GameCenter) certify(ctx context.Context, der []byte, now time.Time) (*rsa.PublicKey, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: its certificate is malformed", ErrRefused)
	}
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < leastKey || !slices.Contains(leaf.Subject.Organization, appleName) {
		return nil, fmt.Errorf("%w: its certificate is none of Apple's", ErrRefused)
	}
	between := x509.NewCertPool()
	last := leaf
	for range maxIssuers {
		_, err = leaf.Verify(x509.VerifyOptions{
			Roots: g.config.Roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		})
		if err == nil {
			return key, nil
		}
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) || len(last.IssuingCertificateURL) == 0 {
			break
		}
		der, fetchErr := fetch(ctx, g.config.HTTP, last.IssuingCertificateURL[0], authority)
		if fetchErr != nil {
			return nil, fetchErr
		}
		if last, fetchErr = x509.ParseCertificate(der); fetchErr != nil {
			return nil, fmt.Errorf("the issuer of game center's certificate has a malformed one: %w", fetchErr)
		}
		between.AddCert(last)
	}
	return nil, fmt.Errorf("%w: its certificate: %v", ErrRefused, err)
}

// authority says that an address is one where issuers of Apple's certificates have theirs. It may be http (RFC 5280, section 8):
// what comes is checked by its signature.
func authority(u *url.URL) error {
	for _, domain := range []string{".apple.com", ".digicert.com"} {
		if (u.Scheme == "https" || u.Scheme == "http") && u.User == nil && u.Port() == "" && strings.HasSuffix(u.Hostname(), domain) {
			return nil
		}
	}
	return fmt.Errorf("%.200q is no address of an authority that signs for Apple", u.Redacted())
}
