package lobby

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/madang-games/madang/lobby/platform"
	"github.com/madang-games/madang/store"
)

// The platforms that need nobody else.
const (
	platformGuest    = "guest"    // token: a secret of the client's; none: a guest that can't come back
	platformCustom   = "custom"   // token: "<device id>:<secret>", both of a program's making
	platformPassword = "password" // token: "<login name>:<password>", both of a person's
)

var ownPlatforms = []string{platformGuest, platformCustom, platformPassword}

// credentials are how a player says who it is.
type credentials struct {
	Platform string  `json:"platform"`
	Token    *string `json:"token"`
	Nonce    *string `json:"nonce"`
}

const (
	maxPlatformToken = 8 << 10 // bytes
	maxNonce         = 256     // bytes
	maxSubject       = 255     // bytes
	maxDevice        = 128     // bytes
	maxLogin         = 64      // characters
	leastPassword    = 8       // characters
	maxPassword      = 128     // characters
)

// proof is who the player says to be; secret is still to be checked against what is kept, where the platform is one of
// those with secrets.
type proof struct {
	id     store.Identity
	secret string
	from   string // the player's address
}

// keepsSecret says whether something is kept with identities of the platform.
func keepsSecret(platform string) bool {
	return platform == platformCustom || platform == platformPassword
}

// prove reads the credentials of a call, and asks the platform where there is one to ask.
func (s *Service) prove(c *Context, in credentials) (proof, error) {
	p, err := s.read(c.ctx, in)
	p.from = c.address
	return p, err
}

func (s *Service) read(ctx context.Context, in credentials) (proof, error) {
	if !slices.Contains(s.platforms(), in.Platform) {
		return proof{}, unknownPlatform.because("This deployment signs in by: %s.", strings.Join(s.platforms(), ", "))
	}
	var token, nonce string
	if in.Token != nil {
		token = *in.Token
	}
	if in.Nonce != nil {
		nonce = *in.Nonce
	}
	if len(token) > maxPlatformToken || len(nonce) > maxNonce {
		return proof{}, badRequest.because("A token has at most %d bytes, a nonce %d.", maxPlatformToken, maxNonce)
	}
	asked := s.config.Platforms[in.Platform]
	if nonce != "" && asked == nil {
		return proof{}, badRequest.because("The platform %q has no nonce.", in.Platform)
	}
	switch {
	case asked != nil:
		return s.ask(ctx, asked, in.Platform, token, nonce)
	case in.Platform == platformCustom:
		return customProof(token)
	case in.Platform == platformPassword:
		return passwordProof(token)
	}
	return guestProof(in.Token)
}

// foldLogin is the form of a login name in which names that count as the same are the same.
func foldLogin(login string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(login))))
}

// platforms are the names of all that players may sign in by, in their order.
func (s *Service) platforms() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for _, name := range s.config.OwnPlatforms {
			if !yield(name) {
				return
			}
		}
		maps.Keys(s.config.Platforms)(yield)
	})
}

func (s *Service) ask(ctx context.Context, p platform.Platform, name, token, nonce string) (proof, error) {
	subject, err := p.Verify(ctx, token, nonce)
	if errors.Is(err, platform.ErrRefused) {
		s.config.Log.Debug("a platform refuses a token", "platform", name, "error", err)
		return proof{}, wrongToken
	}
	if err != nil {
		s.config.Log.Warn("a platform can't be asked about a token", "platform", name, "error", err)
		return proof{}, unavailable.because("The platform %q can't be reached now.", name)
	}
	if subject == "" || len(subject) > maxSubject || !printable(subject) {
		return proof{}, fmt.Errorf("platform %q calls a player %q", name, subject)
	}
	return proof{id: store.Identity{Platform: name, Subject: subject}}, nil
}

func guestProof(token *string) (proof, error) {
	p := proof{id: store.Identity{Platform: platformGuest}}
	if token != nil {
		if !goodSecret(*token) {
			return p, badRequest.because("A guest's token is 16 to 200 printable ASCII characters without spaces.")
		}
		sum := sha256.Sum256([]byte(*token))
		p.id.Subject = hex.EncodeToString(sum[:])
	}
	return p, nil
}

func customProof(token string) (proof, error) {
	device, secret, _ := strings.Cut(token, ":")
	ok := len(device) >= 6 && len(device) <= maxDevice && goodSecret(secret)
	for i := range len(device) {
		ok = ok && device[i] > ' ' && device[i] <= '~'
	}
	if !ok {
		return proof{}, badRequest.because("A token of platform \"custom\" is \"<device id>:<secret>\": 6 to %d and 16 to 200 printable ASCII characters without spaces.", maxDevice)
	}
	return proof{id: store.Identity{Platform: platformCustom, Subject: device}, secret: secret}, nil
}

// passwordProof: login names are the same without regard to case and to how their letters are composed; passwords are
// taken as they are, in NFC (RFC 8265, OpaqueString).
func passwordProof(token string) (proof, error) {
	login, password, _ := strings.Cut(token, ":")
	login = foldLogin(login)
	password = norm.NFC.String(password)
	n, m := utf8.RuneCountInString(login), utf8.RuneCountInString(password)
	if n < 1 || n > maxLogin || len(login) > maxSubject || !printable(login) || m < leastPassword || m > maxPassword || !printable(password) {
		return proof{}, badRequest.because("A token of platform \"password\" is \"<login name>:<password>\": 1 to %d and %d to %d characters.", maxLogin, leastPassword, maxPassword)
	}
	return proof{id: store.Identity{Platform: platformPassword, Subject: login}, secret: password}, nil
}

// printable says whether a text has no control characters, and is UTF-8.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError })
}

// goodSecret says whether a secret of a program's making may be one.
func goodSecret(secret string) bool {
	if len(secret) < 16 || len(secret) > 200 {
		return false
	}
	for i := range len(secret) {
		if secret[i] <= ' ' || secret[i] > '~' {
			return false
		}
	}
	return true
}

// seal makes of p's secret what is kept, and puts it into p's identity.
func (s *Service) seal(ctx context.Context, p *proof) (err error) {
	switch p.id.Platform {
	case platformCustom:
		p.id.Secret = digest(p.secret)
	case platformPassword:
		p.id.Secret, err = s.hasher.hash(ctx, p.from, p.secret)
	}
	return err
}

// check says whether kept was made of p's secret: nil, or wrong_token. A hash that is weaker than new ones is made anew; now is
// what is kept then.
func (s *Service) check(ctx context.Context, p proof, kept string) (now string, err error) {
	if p.id.Platform == platformCustom {
		if subtle.ConstantTimeCompare([]byte(digest(p.secret)), []byte(kept)) != 1 {
			return "", wrongToken
		}
		return kept, nil
	}
	ok, weak, err := s.hasher.matches(ctx, p.from, p.secret, kept)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", wrongToken
	}
	if weak {
		if err := s.seal(ctx, &p); err != nil {
			return kept, nil // another time
		}
		if err = s.config.Store.SetSecret(ctx, p.id, kept); err != nil {
			s.config.Log.Debug("a weak hash could not be replaced", "error", err)
			return kept, nil
		}
		return p.id.Secret, nil
	}
	return kept, nil
}

// find is the account of a proof, and what is kept of the secret that it was checked against. user_not_registered; wrong_token when
// the secret is another one, and when there is no account of that login name: it takes the same time.
func (s *Service) find(ctx context.Context, p proof) (account store.Account, kept string, err error) {
	if !keepsSecret(p.id.Platform) {
		account, err = s.config.Store.AccountByIdentity(ctx, p.id)
		if errors.Is(err, store.ErrNotFound) {
			err = userNotRegistered
		}
		return account, "", err
	}
	giveBack, err := s.guesses.try(p.id, p.from, s.config.Now())
	if err != nil {
		return account, "", err
	}
	account, kept, err = s.config.Store.Credentials(ctx, p.id)
	switch {
	case err == nil:
		kept, err = s.check(ctx, p, kept)
	case !errors.Is(err, store.ErrNotFound):
	case p.id.Platform == platformCustom:
		return account, "", userNotRegistered // counts: device ids can be guessed, too
	default:
		if _, _, err = s.hasher.matches(ctx, p.from, p.secret, s.hasher.unknown); err == nil {
			err = wrongToken
		}
	}
	if !errors.Is(err, wrongToken) {
		giveBack() // it was no wrong guess
	}
	return account, kept, err
}
