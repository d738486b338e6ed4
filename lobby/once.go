package lobby

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/madang-games/madang/store"
)

// A call with an Idempotency-Key has its effects once, and each time the same answer. The claim of the key, the effects and
// the answer are one transaction of the store (docs/decisions/0012).

const (
	keepAnswers = 24 * time.Hour
	maxKey      = 255 // characters
	// leastSecretKey is how long the key of a sign-in must be for its answer to be kept: a short one could be guessed by
	// who has read the database, and with it the credentials.
	leastSecretKey = 16
	// answersAtOnce are forgotten in one transaction, and in one round at most answerBatches times as many.
	answersAtOnce = 500
	answerBatches = 10
)

var keyReused = entry(422, "idempotency_key_reused", "The key was used for something else", "This Idempotency-Key has named another request within the last 24 hours. Give each its own.")

// late are the routes that call once themselves, when they have done what takes long or must not wait in a transaction.
var late = map[string]bool{
	"POST /login": true, "POST /register": true, "POST /rooms/random": true,
	"POST /user/identities": true, "PUT /user/identities/:platform": true,
	"POST /rooms/join": true, "POST /parties/join": true, "POST /rooms/:id/close": true,
}

// whole are the routes of the lobby's own that are a transaction also without a key: what they tell players is part of it.
var whole = map[string]bool{
	"POST /parties/:id/leave": true, "POST /parties/:id/kick": true,
	"DELETE /user": true, "POST /match/tickets": true, "DELETE /match/tickets/:id": true, "POST /match/tickets/:id/accept": true, "POST /match/tickets/:id/decline": true,
}

// keyOf is the key of a request; "" for none.
func keyOf(r *http.Request) (string, error) {
	given := r.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return "", nil
	}
	good := len(given) == 1 && len(given[0]) >= 1 && len(given[0]) <= maxKey
	for i := 0; good && i < len(given[0]); i++ {
		good = given[0][i] >= ' ' && given[0][i] <= '~'
	}
	if !good {
		return "", badRequest.because("An Idempotency-Key is 1 to %d printable ASCII characters.", maxKey)
	}
	return given[0], nil
}

// onceOnly makes h a handler with once around it. whole: it is a transaction also where there is no key.
func (s *Service) onceOnly(h Handler, whole bool) Handler {
	return func(c *Context) error {
		c.whole = whole
		return s.once(c, func() error { return h(c) })
	}
}

// once does do, which belongs to the call c, in a transaction that keeps the answer with it; or gives c the answer that was
// kept before, without doing anything. It may do do several times, for the reasons of [store.Transactor]. An error undoes all
// that do did; a refusal that will be the same later is then kept as the answer, and is none of once's errors. Without a
// key, or where nobody is known to own it, it does do and nothing else, in a transaction where c is to be whole.
//
// What is not the store's must wait until the transaction has ended: see [Context.After].
func (s *Service) once(c *Context, do func() error) error {
	keyed := c.key != "" && c.owner != ""
	if !keyed && !c.whole {
		return do()
	}
	outer := c.ctx
	defer func() { c.ctx = outer }()
	return s.config.Store.Transact(outer, func(ctx context.Context) error {
		c.ctx, c.answer, c.after = ctx, nil, nil
		if !keyed {
			return do()
		}
		return s.claim(c, do)
	})
}

// claim does do within a transaction if nobody has done it under c's key.
func (s *Service) claim(c *Context, do func() error) error {
	ctx, name := c.ctx, c.callName()
	now := s.config.Now()
	kept, claimed, err := s.config.Store.ClaimAnswer(ctx, name.key, name.request, now, now.Add(keepAnswers))
	if err != nil {
		return err
	}
	if !claimed {
		if kept.Request != name.request {
			return keyReused
		}
		c.answer, err = unseal(kept.Body, name.secret)
		return err
	}
	err = s.config.Store.Transact(ctx, func(part context.Context) error {
		c.ctx = part
		return do()
	})
	c.ctx = ctx
	switch p := problemOf(err); {
	case err == nil && c.answer == nil:
		_ = c.NoContent()
	case err == nil:
	case p.status >= 500 || p.status == http.StatusUnauthorized || p.status == http.StatusTooManyRequests:
		return err // worth trying again: nothing is kept
	default:
		c.answer, c.after = p.answer(""), nil
	}
	sealed, err := seal(c.answer, name.secret)
	if err != nil {
		return err
	}
	return s.config.Store.KeepAnswer(ctx, name.key, sealed)
}

// callName is how the store knows a call that has a key. Nothing in it leads back to the key or the body for who knows neither.
type callName struct {
	key     store.CallKey // owner and key
	request [32]byte      // what was asked under the key
	secret  []byte        // what encrypts the answer; the store never sees it
}

func (c *Context) callName() callName {
	return callName{
		key:     digestOf("call", c.owner, c.key),
		request: digestOf("request", c.owner, c.key, c.call, string(c.body)),
		secret:  listed("answer", c.owner, c.key, c.call, string(c.body)),
	}
}

// listed puts texts together so that no two lists of texts give the same.
func listed(parts ...string) []byte {
	var all bytes.Buffer
	for _, p := range parts {
		_ = binary.Write(&all, binary.BigEndian, uint64(len(p)))
		all.WriteString(p)
	}
	return all.Bytes()
}

func digestOf(parts ...string) [32]byte { return sha256.Sum256(listed(parts...)) }

// keptJSON is an answer as it is kept, before it is encrypted.
type keptJSON struct {
	Status      int         `json:"s"`
	ContentType string      `json:"t,omitempty"`
	Header      [][2]string `json:"h,omitempty"`
	Body        []byte      `json:"b,omitempty"`
}

// seal encrypts an answer (AES-256-GCM, RFC 5869 for the key): it may hold a session's token, which is kept nowhere else.
func seal(a *answer, secret []byte) ([]byte, error) {
	text, err := json.Marshal(keptJSON{a.status, a.contentType, a.header, a.body})
	if err != nil {
		return nil, fmt.Errorf("encode an answer to keep: %w", err)
	}
	box, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return box.Seal(nonce, nonce, text, nil), nil
}

func unseal(sealed, secret []byte) (*answer, error) {
	box, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, fmt.Errorf("a kept answer has %d bytes", len(sealed))
	}
	text, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
	if err != nil {
		return nil, fmt.Errorf("open a kept answer: %w", err)
	}
	var kept keptJSON
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("decode a kept answer: %w", err)
	}
	return &answer{kept.Status, kept.ContentType, kept.Body, kept.Header}, nil
}

func sealer(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "madang answer", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// signsIn says whose call a sign-in is, when the player has proved who it is: one that can't be known again is nobody's.
func (c *Context) signsIn(id store.Identity) {
	if id.Subject != "" && len(c.key) >= leastSecretKey {
		c.owner = "identity " + id.Platform + " " + id.Subject
	}
}

// forgetAnswers drops kept answers that are over.
func (s *Service) forgetAnswers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	for range answerBatches {
		gone, err := s.config.Store.ForgetAnswers(ctx, s.config.Now(), answersAtOnce)
		if err != nil {
			s.config.Log.Debug("old answers can't be forgotten now", "error", err)
		}
		if gone < answersAtOnce {
			return
		}
	}
}
