package platform

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// source is where a test's keys are fetched; fetch is replaced as the case goes on.
type source struct {
	mu    sync.Mutex
	asked map[string]int
	fetch func(ctx context.Context, address string) (*rsa.PublicKey, error)
}

func newSource(fetch func(ctx context.Context, address string) (*rsa.PublicKey, error)) (*source, *appleKeys) {
	s := &source{asked: map[string]int{}, fetch: fetch}
	return s, newAppleKeys(time.Now, func(ctx context.Context, address string) (*rsa.PublicKey, error) {
		s.mu.Lock()
		s.asked[address]++
		s.mu.Unlock()
		return s.fetch(ctx, address)
	})
}

func file(n int) string { return fmt.Sprintf("https://static.gc.apple.com/public-key/%d.cer", n) }

var errNoKey = errors.New("no key there")

func TestAddressesWithoutAKeyPushOutNoneThatHasOne(t *testing.T) {
	t.Parallel()
	for _, honest := range []int{1, maxCertificates} {
		good := map[string]bool{}
		for n := range honest {
			good[file(n)] = true
		}
		s, keys := newSource(func(_ context.Context, address string) (*rsa.PublicKey, error) {
			if !good[address] {
				return nil, errNoKey
			}
			return &rsa.PublicKey{}, nil
		})
		for n := range honest {
			if _, err := keys.get(t.Context(), file(n)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 3 * maxCertificates {
			if _, err := keys.get(t.Context(), file(100+n)); !errors.Is(err, errNoKey) {
				t.Errorf("got %v, want %v", err, errNoKey)
			}
		}
		if len(keys.known) > maxCertificates {
			t.Errorf("%d addresses are remembered, want at most %d", len(keys.known), maxCertificates)
		}
		lost := 0
		for n := range honest {
			if _, err := keys.get(t.Context(), file(n)); err != nil || s.asked[file(n)] != 1 {
				lost++
			}
		}
		if lost > 1 { // the newest address has the place of one
			t.Errorf("of %d keys %d were fetched again", honest, lost)
		}
	}
}

func TestAnAddressThatDoesNotAnswerHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, keys := newSource(func(ctx context.Context, address string) (*rsa.PublicKey, error) {
			if address == file(1) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &rsa.PublicKey{}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var slow sync.WaitGroup
		for range 100 {
			slow.Go(func() { _, _ = keys.get(ctx, file(1)) })
		}
		synctest.Wait()
		if _, err := keys.get(t.Context(), file(2)); err != nil {
			t.Errorf("got %v, want the key of the other address", err)
		}
		cancel()
		slow.Wait()
	})
}

func TestWhoHasWaitedLongEnoughFetchesItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, keys := newSource(nil)
		fails := func(context.Context, string) (*rsa.PublicKey, error) {
			time.Sleep(2 * certificatePause) // of the bubble's time
			s.fetch = func(context.Context, string) (*rsa.PublicKey, error) { return &rsa.PublicKey{}, nil }
			return nil, errNoKey
		}
		s.fetch = fails
		first := make(chan error, 1)
		go func() {
			_, err := keys.get(t.Context(), file(1))
			first <- err
		}()
		synctest.Wait()
		if _, err := keys.get(t.Context(), file(1)); err != nil {
			t.Errorf("who waited while the first fetch failed: got %v, want the key", err)
		}
		if err := <-first; !errors.Is(err, errNoKey) {
			t.Errorf("the first got %v, want %v", err, errNoKey)
		}
	})
}

func TestOneAddressIsFetchedOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, keys := newSource(func(context.Context, string) (*rsa.PublicKey, error) { return nil, errNoKey })
		for range 10 {
			if _, err := keys.get(t.Context(), file(1)); err == nil {
				t.Error("got a key")
			}
		}
		if n := s.asked[file(1)]; n != 1 {
			t.Errorf("fetched %d times at once, want once", n)
		}
		if _, err := keys.get(t.Context(), file(2)); !errors.Is(err, errNoKey) {
			t.Errorf("another address: got %v, want %v", err, errNoKey)
		}
		time.Sleep(certificatePause)
		_, _ = keys.get(t.Context(), file(1))
		if n := s.asked[file(1)]; n != 2 {
			t.Errorf("fetched %d times after the pause, want twice", n)
		}
	})
}
