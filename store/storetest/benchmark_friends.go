package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/madang-games/madang/store"
)

// benchmarkNotify tells two players of a thousand something at a time, n times at once.
func benchmarkNotify(b *testing.B, s store.Store, n int) {
	users := benchUsers(b, s, 1000)
	body := json.RawMessage(`{"room":"01935a2e-8d10-7c3f-8b21-55aa7be40f11","game":"othello"}`)
	spread(b, n, func(who, i int) error {
		at := (who*37 + 2*i) % 1000
		_, err := s.Notify(context.Background(), store.Note{User: users[at], Type: "$match", Body: body, At: begin},
			store.Note{User: users[(at+1)%1000], Type: "$match", Body: body, At: begin})
		return err
	})
}

// benchmarkWatchers reads who is told of a player with 200 friends, half of whom are connected.
func benchmarkWatchers(b *testing.B, s store.Store) {
	users := benchUsers(b, s, 201)
	var here []store.Presence
	for i, user := range users[1:] {
		for _, pair := range [][2]string{{users[0], user}, {user, users[0]}} {
			_, _, err := s.Befriend(b.Context(), pair[0], pair[1], false, begin)
			check(b, err)
		}
		if i%2 == 0 {
			here = append(here, store.Presence{User: user, Since: begin})
		}
	}
	_, _, err := s.KeepPresences(b.Context(), "gateway", here, nil)
	check(b, err)
	for b.Loop() {
		found, err := s.Watchers(b.Context(), users[:1], 200)
		if check(b, err); len(found[users[0]]) != 100 {
			b.Fatalf("got %d, want 100", len(found[users[0]]))
		}
	}
}

// benchmarkKeepPresences has 200 players come, in one transaction.
func benchmarkKeepPresences(b *testing.B, s store.Store) {
	here := make([]store.Presence, 200)
	for n := 0; b.Loop(); n++ {
		for i := range here {
			here[i] = store.Presence{User: fmt.Sprintf("user-%d-%d", n, i), Since: begin}
		}
		_, _, err := s.KeepPresences(b.Context(), "gateway", here, nil)
		check(b, err)
	}
}

// benchmarkSendMessage has pairs of friends write, a hundred at once.
func benchmarkSendMessage(b *testing.B, s store.Store) {
	users := benchUsers(b, s, 200)
	for i := range 100 {
		_, _, err := s.Befriend(b.Context(), users[2*i], users[2*i+1], false, begin)
		check(b, err)
		_, _, err = s.Befriend(b.Context(), users[2*i+1], users[2*i], false, begin)
		check(b, err)
	}
	spread(b, 100, func(who, _ int) error {
		_, err := s.SendMessage(context.Background(), users[2*who], users[2*who+1], "good game", begin)
		return err
	})
}
