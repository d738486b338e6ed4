package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
)

// again makes a call until it is answered, for at most a minute; key makes it the same call each time.
func again(method, address, token, key string, body, out any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		if status, err = call(method, address, token, key, text, out); err == nil {
			return status, nil
		}
	}
	return status, err
}

func call(method, address, token, key string, body []byte, out any) (status int, err error) {
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", key)
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(request) // who is frozen does not answer
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 500 {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	if err != nil {
		return response.StatusCode, err
	}
	return response.StatusCode, json.Unmarshal(answer, out)
}

// A hundred players search while the lobby that pairs them is killed, or frozen for a while, and a worker is killed: each ends in
// exactly one room, of two.
func TestPlayersAreMatchedWhileProcessesAreKilled(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(p *process){
		"killed": (*process).kill,
		"frozen": func(p *process) { _ = p.cmd.Process.Signal(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); matchHundred(t, stop) })
	}
}

func matchHundred(t *testing.T, stop func(lobby *process)) {
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	var mu sync.Mutex
	var lobbies []*process
	base := oneAddress(t, func() []*process {
		mu.Lock()
		defer mu.Unlock()
		return lobbies
	}, func() []*process { return nil })
	of := func(role string) *process {
		return start(t, "--role", role, "--broker", rabbit.URL, "--store", database, "--public-url", base)
	}
	first := of("lobby").ready() // so it is first in line
	second := of("lobby").ready()
	workers := []*process{of("worker").ready(), of("worker").ready()}
	lobbies = []*process{first, second}

	const players = 100
	type player struct {
		signedIn
		ticket string
	}
	all := make([]player, players)
	for i := range all {
		all[i].signedIn = guest(t, base)
	}
	var searching atomic.Int64
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var ticket struct{ ID string }
			status, err := again(http.MethodPost, base+"/v1/match/tickets", all[i].Token, fmt.Sprint("search-", i), map[string]string{"game": "othello"}, &ticket)
			if err != nil || status != http.StatusCreated {
				t.Errorf("player %d: got status %d, %v", i, status, err)
			}
			all[i].ticket = ticket.ID
			switch searching.Add(1) {
			case 35:
				mu.Lock()
				lobbies = []*process{second}
				mu.Unlock()
				stop(first)
			case 70:
				workers[0].kill()
			}
		})
	}
	wg.Wait()
	for i, p := range all {
		eventually(t, fmt.Sprintf("place player %d", i), func() error {
			_, err := placedIn(base, p.Token, p.ticket)
			return err
		})
	}
	_ = first.cmd.Process.Signal(syscall.SIGCONT) // what it had in mind is over
	eventually(t, "hear from the one that was frozen, if it lives", func() error {
		select {
		case <-first.done:
			return nil
		default:
		}
		return get(first.URL+"/v1/games", "", new(any))
	})
	rooms := map[string]int{}
	for i, p := range all {
		room, err := placedIn(base, p.Token, p.ticket)
		if err != nil {
			t.Errorf("player %d: %v", i, err)
		}
		rooms[room]++
		var me struct {
			Rooms []struct {
				ID   string
				Seat struct{ State string }
			}
		}
		eventually(t, fmt.Sprintf("seat player %d", i), func() error {
			if err := get(base+"/v1/user", p.Token, &me); err != nil {
				return err
			}
			if len(me.Rooms) != 1 || me.Rooms[0].ID != room {
				t.Fatalf("player %d: got rooms %v, want room %s alone", i, me.Rooms, room)
			}
			if me.Rooms[0].Seat.State != "seated" {
				return fmt.Errorf("the seat is %s", me.Rooms[0].Seat.State)
			}
			return nil
		})
	}
	for room, n := range rooms {
		if n != 2 {
			t.Errorf("room %s: got %d players, want 2", room, n)
		}
	}
}

// placedIn is the room that a ticket has led to.
func placedIn(base, token, ticket string) (room string, err error) {
	var answer struct {
		State string
		Room  struct{ ID string }
	}
	if err := get(base+"/v1/match/tickets/"+ticket, token, &answer); err != nil {
		return "", err
	}
	if answer.State != "placed" {
		return "", fmt.Errorf("the ticket is %s", answer.State)
	}
	return answer.Room.ID, nil
}
