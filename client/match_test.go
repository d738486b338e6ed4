package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/match"
)

// aGuest is a new guest of the deployment.
func aGuest(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPartyAndStrangersAreMatched(t *testing.T) {
	t.Parallel()
	app := lobby.New()
	app.Match("relay", "squads", match.Rules{Teams: 2, Min: 2, Accept: time.Minute})
	url, stop := serve(t, "127.0.0.1:0", t.TempDir(), app)
	defer stop()
	var players []*client.Client
	for range 4 {
		players = append(players, aGuest(t, url))
	}
	ann, bob := players[0], players[1]
	party, err := ann.CreateParty(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	user, _, err := bob.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ann.InviteToParty(t.Context(), party.ID, user.ID); err != nil {
		t.Fatal(err)
	}
	_, invitations, err := bob.Party(t.Context())
	if err != nil || len(invitations) != 1 {
		t.Fatalf("got invitations %v, %v, want one", invitations, err)
	}
	if party, err = bob.AcceptInvitation(t.Context(), invitations[0].Party); err != nil || len(party.Members) != 2 {
		t.Fatalf("got party %+v, %v, want both", party, err)
	}

	search := client.Search{Game: "relay", Mode: "squads", Party: party.ID}
	places := make(chan client.Place, 4)
	ticket, err := ann.Search(t.Context(), search)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range players {
		go func() {
			var place client.Place
			var err error
			if i < 2 {
				place, err = c.Await(t.Context(), ticket.ID)
			} else {
				place, err = c.Match(t.Context(), client.Search{Game: "relay", Mode: "squads"})
			}
			if err != nil {
				t.Errorf("player %d: %v", i, err)
			}
			places <- place
		}()
	}
	room := ""
	for range players {
		place := <-places
		if room == "" {
			room = place.Room.ID
		}
		if place.Room.ID != room || place.Seat.User == "" || place.Stomp.URL == "" {
			t.Errorf("got place %+v, want a seat in room %s", place, room)
		}
	}
	conn, err := bob.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, seats, err := bob.User(t.Context())
	if err != nil || len(seats) != 1 {
		t.Fatalf("got seats %v, %v, want one", seats, err)
	}
	join(t, conn, seats[0])
	if _, err := ann.Search(t.Context(), search); client.CodeOf(err) != "already_seated" {
		t.Errorf("searching in a match: got %v, want already_seated", err)
	}
	if err := ann.KickFromParty(t.Context(), party.ID, user.ID); err != nil {
		t.Error(err)
	}
	if err := ann.LeaveParty(t.Context(), party.ID); err != nil {
		t.Error(err)
	}
	if p, _, err := ann.Party(t.Context()); err != nil || p != nil {
		t.Errorf("got party %+v, %v, want none", p, err)
	}
}

func TestASearchIsGivenUp(t *testing.T) {
	t.Parallel()
	app := lobby.New()
	app.Match("relay", "", match.Rules{Teams: 2, MaxWait: 10 * time.Millisecond})
	app.Match("relay", "patient", match.Rules{Teams: 2})
	url, stop := serve(t, "127.0.0.1:0", t.TempDir(), app)
	defer stop()
	c := aGuest(t, url)
	if _, err := c.Match(t.Context(), client.Search{Game: "relay"}); !errors.Is(err, client.ErrNoMatch) {
		t.Errorf("got %v, want ErrNoMatch", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	ticket, err := c.Search(t.Context(), client.Search{Game: "relay", Mode: "patient"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(ctx, ticket.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
	if ticket, err = c.Ticket(t.Context(), ticket.ID); err != nil || ticket.State != "cancelled" {
		t.Errorf("got ticket %+v, %v, want it cancelled", ticket, err)
	}
}
