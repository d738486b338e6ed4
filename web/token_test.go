package web_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
	"github.com/madang-games/madang/web"
)

func ring(t *testing.T) *token.Ring {
	t.Helper()
	key, err := token.Generate("a", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := token.Fixed(key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASignedTokenSignsIn(t *testing.T) {
	keys := ring(t)
	play(t, web.Config{Tokens: keys}, func(b *bench) {
		claims := token.Claims{Secret: token.Secret{7}, ExpiresAt: time.Now().Add(time.Hour)}
		b.desk.set(func() {
			b.desk.sessions[claims.Secret.Hash()] = store.Session{ID: "s", User: "ann", Name: "Ann", ExpiresAt: claims.ExpiresAt}
		})
		s := b.socket()
		s.write(websocket.MessageText, "CONNECT\naccept-version:1.2\npasscode:"+keys.Sign(claims, time.Now())+"\n\n\x00")
		s.expect("CONNECTED", "user-name", "ann")
	})
}

// What is no living token of ours is refused without a look at the store.
func TestFalseTokensDoNotReachTheStore(t *testing.T) {
	keys, strange := ring(t), ring(t)
	for name, text := range map[string]func() string{
		"random": func() string { return "t-s-ann" },
		"a stranger's": func() string {
			return strange.Sign(token.Claims{ExpiresAt: time.Now().Add(time.Hour)}, time.Now())
		},
		"over": func() string { return keys.Sign(token.Claims{ExpiresAt: time.Now()}, time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Tokens: keys}, func(b *bench) {
				b.desk.set(func() { b.desk.finding = func() error { return errors.New("asked") } })
				s := b.socket()
				s.write(websocket.MessageText, "CONNECT\naccept-version:1.2\npasscode:"+text()+"\n\n\x00")
				s.expect("ERROR", "code", "not_signed_in")
			})
		})
	}
}

func TestAConnectionLivesAsLongAsItsSession(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		last := func(end time.Time) {
			b.desk.set(func() {
				for hash, s := range b.desk.sessions {
					s.ExpiresAt = end
					b.desk.sessions[hash] = s
				}
			})
		}
		begin := time.Now()
		last(begin.Add(time.Minute))
		s := b.signIn("ann")
		last(begin.Add(5 * time.Minute)) // it was refreshed
		time.Sleep(4 * time.Minute)
		s.silent()
		b.desk.set(func() { b.desk.sessions = map[store.TokenHash]store.Session{} })
		time.Sleep(2 * time.Minute)
		s.expect("ERROR", "code", "not_signed_in")
	})
}
