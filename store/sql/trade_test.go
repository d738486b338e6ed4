package sql_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// In these tests a hat costs 3 gold wherever it is bought, so that gold and hats are always worth the same together.
const (
	traders     = 5
	traderGold  = 1000
	hatPrice    = 3
	tradesHeard = 150
)

func trader(i int) string { return fmt.Sprint("trader-", i) }

// trade is a random posting of the reference: a purchase or a gift.
func trade(reference string, chance *rand.Rand) store.Posting {
	one, n := chance.IntN(traders), 1+chance.Int64N(3)
	other := (one + 1 + chance.IntN(traders-1)) % traders
	p := store.Posting{Reference: reference, Reason: "test", At: time.Now()}
	if chance.IntN(2) == 0 {
		p.Entries = []store.Entry{
			{Account: trader(one), Item: store.Gold, Amount: -hatPrice * n}, {Item: store.Gold, Amount: hatPrice * n},
			{Account: trader(one), Item: "hat", Amount: n}, {Item: "hat", Amount: -n},
		}
	} else {
		p.Entries = []store.Entry{{Account: trader(one), Item: "hat", Amount: -n}, {Account: trader(other), Item: "hat", Amount: n}}
	}
	return p
}

// tradeForEver says the reference of each posting that was made.
func tradeForEver(dsn, name string) error {
	s, err := sql.Open(context.Background(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var saying sync.Mutex
	all, ctx := errgroup.WithContext(context.Background())
	for i := range 4 {
		all.Go(func() error {
			chance := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; ; n++ {
				p := trade(fmt.Sprint(name, "/", i, "/", n), chance)
				switch _, err := s.Post(ctx, p); {
				case errors.Is(err, store.ErrShort):
				case err != nil:
					return err
				default:
					saying.Lock()
					fmt.Println(p.Reference)
					saying.Unlock()
				}
			}
		})
	}
	return all.Wait()
}

// Two processes trade with the same accounts and are killed in the middle of it.
func TestTheLedgerSurvivesKill9(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for i := range traders {
			a := store.Account{ID: trader(i), Name: trader(i), Gold: traderGold, CreatedAt: time.Now()}
			if _, _, err := s.CreateAccount(t.Context(), a, store.Identity{}); err != nil {
				t.Fatal(err)
			}
		}
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		heard := make([][]string, 2)
		var processes sync.WaitGroup
		for i := range heard {
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(os.Environ(), "MADANG_TEST_TRADE_ON="+dsn, fmt.Sprint("MADANG_TEST_TRADER=process-", i))
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			processes.Go(func() {
				for read := bufio.NewScanner(out); read.Scan(); {
					if heard[i] = append(heard[i], read.Text()); len(heard[i]) == tradesHeard {
						if err := cmd.Process.Kill(); err != nil {
							t.Errorf("kill: %v", err)
						}
					}
				}
				_ = cmd.Wait() // it was killed
			})
		}
		processes.Wait()

		if faults, err := s.CheckLedger(t.Context()); len(faults) > 0 || err != nil {
			t.Errorf("ledger: got %q, %v", faults, err)
		}
		worth := int64(0)
		for i := range traders {
			have, err := s.Inventory(t.Context(), trader(i))
			if err != nil {
				t.Fatal(err)
			}
			worth += have.Gold
			for _, h := range have.Items {
				worth += hatPrice * h.Count
			}
		}
		if worth != traders*traderGold {
			t.Errorf("all are worth %d, want %d", worth, traders*traderGold)
		}
		for i, references := range heard {
			if len(references) < tradesHeard {
				t.Fatalf("process %d ended by itself after %d postings", i, len(references))
			}
			for _, reference := range references {
				if again, err := s.Post(t.Context(), trade(reference, rand.New(rand.NewPCG(1, 1)))); err != nil || !again.Repeated {
					t.Errorf("%s: got %+v, %v, want it to be there already", reference, again, err)
				}
			}
		}
	})
}
