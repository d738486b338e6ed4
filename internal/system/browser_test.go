package system

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/madang-games/madang/internal/testservers"
)

// tab is one page in a browser.
type tab struct {
	t    *testing.T
	name string
	ctx  context.Context
}

// browser starts a Chromium and returns a function that opens tabs of a size in it.
func browser(t *testing.T) func(name string, width, height int64, address string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testservers.Chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	first, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(first); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return func(name string, width, height int64, address string) *tab {
		ctx, cancel := chromedp.NewContext(first)
		t.Cleanup(cancel)
		if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first action
			t.Fatalf("open a tab: %v", err)
		}
		ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
		t.Cleanup(cancel)
		b := &tab{t, name, ctx}
		b.run(chromedp.EmulateViewport(width, height), chromedp.Navigate(address))
		return b
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", b.name, err)
	}
}

func hook(id string) chromedp.CSS { return chromedp.CSS(`[data-testid="` + id + `"]`) }

func (b *tab) click(id string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(hook(id)), chromedp.Click(hook(id)))
}

// eval evaluates JavaScript to a string.
func (b *tab) eval(script string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+script+")"))
	if err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %s: %v", b.name, script, err)
	}
	return out
}

// until waits until a script is true.
func (b *tab) until(script string) {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for b.eval(script) != "true" {
		if time.Now().After(deadline) {
			b.picture("stuck")
			b.t.Fatalf("%s: never true: %s", b.name, script)
		}
		<-tick.C
	}
}

// picture keeps a screenshot where MADANG_SCREENSHOTS names a folder.
func (b *tab) picture(name string) {
	dir := os.Getenv("MADANG_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 10*time.Second) // also of a tab that is stuck
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("screenshot: %v", err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, b.name+"-"+name+".png"), png, 0o644); err != nil {
		b.t.Logf("screenshot: %v", err)
	}
}

// board reads the discs off the page, row by row from a1, as the protocol writes them.
const board = `[...'12345678'].map(r => [...'abcdefgh'].map(c => document.querySelector('[data-testid="square-' + c + r + '"]')?.dataset.disc ?? '?').join('')).join('')`

func TestTwoTabsPlayAWholeGameOfOthello(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	open := browser(t)
	desktop := open("desktop", 1280, 860, p.URL)
	phone := open("phone", 390, 844, p.URL)
	for _, b := range []*tab{desktop, phone} {
		b.run(chromedp.WaitVisible(hook("play-othello")))
		b.picture("lobby")
		b.click("play-othello")
		b.run(chromedp.WaitVisible(hook("square-a1")))
	}
	over := `document.querySelector('[data-testid="game-over"]')?.dataset.winner !== undefined`
	legal := `document.querySelectorAll('[data-legal="true"]').length > 0`
	moves := 0
	for ; moves < 64; moves++ {
		mover := waitForTurn(t, desktop, phone, over, legal)
		if mover == nil {
			break
		}
		if moves == 20 {
			desktop.picture("game")
			phone.picture("game")
		}
		before := mover.eval(board)
		mover.run(chromedp.Click(chromedp.CSS(`[data-legal="true"]`)))
		mover.until(board + " !== " + fmt.Sprintf("%q", before))
	}
	if moves < 9 { // the shortest game of Othello
		t.Errorf("moves played: got %d", moves)
	}
	var boards, winners [2]string
	for i, b := range []*tab{desktop, phone} {
		b.until(over)
		boards[i] = b.eval(board)
		winners[i] = b.eval(`document.querySelector('[data-testid="game-over"]').dataset.winner`)
		b.picture("over")
	}
	if boards[0] != boards[1] || winners[0] != winners[1] {
		t.Errorf("the players see different ends:\n%s %s\n%s %s", boards[0], winners[0], boards[1], winners[1])
	}
	black, white := strings.Count(boards[0], "b"), strings.Count(boards[0], "w")
	want := "draw"
	if black > white {
		want = "black"
	} else if white > black {
		want = "white"
	}
	if winners[0] != want {
		t.Errorf("winner of %d to %d: got %s, want %s", black, white, winners[0], want)
	}
}

// waitForTurn returns the tab whose player is to move, nil when the game is over.
func waitForTurn(t *testing.T, one, two *tab, over, legal string) *tab {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		for _, b := range []*tab{one, two} {
			if b.eval(legal) == "true" {
				return b
			}
		}
		if one.eval(over) == "true" && two.eval(over) == "true" {
			return nil
		}
		<-tick.C
	}
	one.picture("stuck")
	two.picture("stuck")
	t.Fatalf("nobody can move and the game is not over: %s", one.eval(board))
	return nil
}

func TestTwoTabsChatInARelayRoom(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	open := browser(t)
	one := open("chat-desktop", 1280, 860, p.URL)
	one.click("create-relay")
	one.run(chromedp.WaitVisible(hook("chat-input")))
	two := open("chat-phone", 390, 844, p.URL)
	two.click("sign-in")
	row := chromedp.CSS(`[data-testid="room-row"] button`)
	two.run(chromedp.WaitVisible(row), chromedp.Click(row))
	two.run(chromedp.WaitVisible(hook("chat-input")))
	say := func(b *tab, text string) {
		b.run(chromedp.SendKeys(hook("chat-input"), text+"\r"))
	}
	hears := func(b *tab, text string) {
		b.until(fmt.Sprintf(`[...document.querySelectorAll('[data-testid="chat-line"]')].some(l => l.textContent.includes(%q))`, text))
	}
	say(one, "Is anybody in the yard?")
	hears(two, "Is anybody in the yard?")
	say(two, "<b>I am</b>") // text, not markup
	hears(one, "<b>I am</b>")
	one.picture("room")
	two.picture("room")
}

func TestALoneNewcomerPlaysAgainstABot(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	me := browser(t)("bot", 390, 844, p.URL)
	me.click("play-bot")
	me.until(`document.querySelectorAll('[data-legal="true"]').length > 0`)
	before := me.eval(board)
	me.run(chromedp.Click(chromedp.CSS(`[data-legal="true"]`)))
	me.until(board + " !== " + fmt.Sprintf("%q", before))
	me.until(`document.querySelectorAll('[data-legal="true"]').length > 0`) // the bot has moved
	me.picture("game")
}

func TestThePageComesBackByItselfAfterTheServerDoes(t *testing.T) {
	t.Parallel()
	data, address := t.TempDir(), freeAddress(t)
	p := start(t, "--listen", address, "--data", data).ready()
	open := browser(t)
	one, two := open("back-one", 1000, 800, p.URL), open("back-two", 1000, 800, p.URL)
	for _, b := range []*tab{one, two} {
		b.click("play-othello")
		b.run(chromedp.WaitVisible(hook("square-a1")))
	}
	legal := `document.querySelectorAll('[data-legal="true"]').length > 0`
	never := `false`
	waitForTurn(t, one, two, never, legal).run(chromedp.Click(chromedp.CSS(`[data-legal="true"]`)))
	state := `document.querySelector('[data-testid="conn-state"]').dataset.state`
	for _, end := range []func(){func() { p.interrupt() }, func() { p.kill() }} {
		end()
		one.until(state + ` !== "live"`)
		one.picture("reconnecting")
		p = start(t, "--listen", address, "--data", data).ready()
		one.until(state + ` === "live"`)
		two.until(state + ` === "live"`)
		before := one.eval(board)
		mover := waitForTurn(t, one, two, never, legal)
		mover.run(chromedp.Click(chromedp.CSS(`[data-legal="true"]`)))
		one.until(board + " !== " + fmt.Sprintf("%q", before))
		two.until(board + " !== " + fmt.Sprintf("%q", before))
	}
}

func TestAPlayerEarnsBuysAndComesBack(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	open := browser(t)
	winner := open("places-desktop", 1280, 860, p.URL)
	loser := open("places-phone", 390, 844, p.URL)
	for _, b := range []*tab{winner, loser} {
		b.click("play-othello")
		b.run(chromedp.WaitVisible(hook("square-a1")))
	}
	loser.click("resign")
	loser.click("confirm")
	winner.run(chromedp.WaitVisible(hook("game-over")))

	winner.click("go-bag")
	winner.until(`document.querySelector('[data-testid="gold"]')?.textContent === '10'`)
	winner.click("buy")
	winner.until(`document.querySelector('[data-item="stones-persimmon"]')?.dataset.owned === '1'`)
	winner.click("lay")
	winner.until(`document.documentElement.dataset.stones === 'stones-persimmon' && document.querySelector('[data-testid="gold"]').textContent === '0'`)
	winner.picture("bag")

	winner.click("go-ranks")
	winner.until(`document.querySelector('[data-testid="standing"][data-me] b')?.textContent === '3'`)
	winner.click("period-day")
	winner.until(`document.querySelectorAll('[data-testid="standing"]').length === 2`)
	winner.picture("ranks")

	winner.click("go-me")
	winner.run(chromedp.WaitVisible(hook("login")))
	winner.eval(`(document.querySelector('[data-testid="my-name"]').value = '')`)
	winner.run(chromedp.SendKeys(hook("my-name"), "Stone Collector"))
	winner.click("save-me")
	winner.run(chromedp.SendKeys(hook("login"), "collector@example.org"), chromedp.SendKeys(hook("password"), "plum and persimmon"))
	winner.picture("me")
	winner.click("password-go")
	winner.run(chromedp.WaitVisible(hook("kept")))
	winner.click("sign-out")
	winner.click("confirm")
	winner.click("have-account")
	winner.run(chromedp.SendKeys(hook("login"), "Collector@example.org"), chromedp.SendKeys(hook("password"), "plum or persimmon"))
	winner.click("password-go")
	winner.until(`document.getElementById('toast').dataset.shown === 'true' && document.getElementById('toast').textContent.includes('go together')`)
	winner.picture("wrong-password")
	winner.eval(`(document.querySelector('[data-testid="password"]').value = '')`)
	winner.run(chromedp.SendKeys(hook("password"), "plum and persimmon"))
	winner.click("password-go")
	winner.until(`document.querySelector('[data-testid="who"]')?.textContent === 'Stone Collector'`)
	winner.click("go-bag")
	winner.until(`document.querySelector('[data-item="stones-persimmon"]')?.dataset.owned === '1'`)

	for _, place := range []string{"bag", "ranks", "me"} {
		loser.eval(`(location.hash = '#/` + place + `')`)
		loser.until(`document.querySelector('[aria-current="page"]')?.dataset.testid === 'go-` + place + `' && document.querySelectorAll('.card, .ladder li, .sheet').length > 1`)
		if got := loser.eval(`document.documentElement.scrollWidth`); got != "390" {
			t.Errorf("%s is %s wide on a phone of 390", place, got)
		}
		loser.picture(place)
	}
	loser.click("delete-me")
	loser.click("confirm")
	loser.run(chromedp.WaitVisible(hook("sign-in")))
}

func TestFriendsFindOneAnother(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	open := browser(t)
	ann := open("friends-desktop", 1280, 860, p.URL)
	bob := open("friends-phone", 390, 844, p.URL)
	for b, name := range map[*tab]string{ann: "Ann of the Yard", bob: "Bob of the Hill"} {
		b.run(chromedp.WaitVisible(hook("name")), chromedp.SendKeys(hook("name"), name))
		b.click("sign-in")
		b.run(chromedp.WaitVisible(hook("who")))
	}

	// Friends, by name.
	ann.click("go-friends")
	ann.run(chromedp.WaitVisible(hook("friend-name")), chromedp.SendKeys(hook("friend-name"), "bob of the hill"))
	ann.click("friend-ask")
	bob.until(`document.querySelector('[data-testid="waiting"]')?.textContent === '1'`)
	bob.click("go-friends")
	bob.click("friend-accept")
	for _, b := range []*tab{ann, bob} {
		b.until(`document.querySelector('[data-testid="friend"]')?.dataset.online === 'true'`)
	}

	// Messages, which both see.
	ann.click("friend-write")
	ann.run(chromedp.WaitVisible(hook("talk-input")), chromedp.SendKeys(hook("talk-input"), "A game?"))
	ann.click("talk-send")
	bob.until(`document.querySelector('[data-testid="waiting"]')?.textContent === '1'`)
	bob.picture("friends")
	bob.click("friend-write")
	bob.until(`document.querySelector('[data-testid="letter"]')?.textContent.startsWith('A game?')`)
	bob.until(`document.querySelector('[data-testid="waiting"]') === null`)
	bob.run(chromedp.SendKeys(hook("talk-input"), "With pleasure."))
	bob.click("talk-send")
	ann.until(`document.querySelectorAll('[data-testid="letter"]').length === 2`)
	ann.picture("talk")
	bob.picture("talk")

	// A party, by its code.
	ann.click("go-friends")
	ann.click("party-make")
	ann.run(chromedp.WaitVisible(hook("party-own-code")))
	bob.click("go-friends")
	bob.run(chromedp.WaitVisible(hook("party-code")), chromedp.SendKeys(hook("party-code"), ann.eval(`document.querySelector('[data-testid="party-own-code"]').textContent`)))
	bob.click("party-join")
	for _, b := range []*tab{ann, bob} {
		b.until(`document.querySelectorAll('[data-testid="party-member"]').length === 2`)
		b.picture("party")
	}
	if got := bob.eval(`document.documentElement.scrollWidth`); got != "390" {
		t.Errorf("friends are %s wide on a phone of 390", got)
	}

	// A game with a friend, who is invited and comes.
	ann.click("friend-play")
	ann.run(chromedp.WaitVisible(hook("room-code")))
	code := ann.eval(`document.querySelector('[data-testid="room-code"]').textContent`)
	ann.picture("invited")
	bob.run(chromedp.WaitVisible(hook("invited-go")))
	bob.picture("invitation")
	bob.click("invited-go")
	for _, b := range []*tab{ann, bob} {
		b.run(chromedp.WaitVisible(hook("square-a1")))
		b.until(`document.querySelectorAll('[data-legal="true"]').length > 0 || document.querySelector('[data-testid="turn"]').textContent.includes('thinks')`)
	}
	bob.click("resign")
	bob.click("confirm")
	ann.run(chromedp.WaitVisible(hook("game-over")))

	// A table of one's own, found by its code, and by nobody else.
	ann.run(chromedp.Navigate(p.URL + "/#/"))
	ann.click("create-othello")
	ann.run(chromedp.WaitVisible(hook("room-code")))
	if again := ann.eval(`document.querySelector('[data-testid="room-code"]').textContent`); again == code {
		t.Errorf("two tables have the code %s", code)
	} else {
		code = again
	}
	bob.run(chromedp.Navigate(p.URL + "/#/"))
	bob.run(chromedp.WaitVisible(hook("code")))
	if got := bob.eval(`document.querySelectorAll('[data-testid="room-row"]').length`); got != "0" {
		t.Errorf("got %s tables in the yard, want the private one not listed", got)
	}
	bob.run(chromedp.SendKeys(hook("code"), strings.ToLower(code)))
	bob.click("join-code")
	bob.run(chromedp.WaitVisible(hook("square-a1")))
}

func TestAQuickMatchBringsTwoTogether(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	open := browser(t)
	one := open("match-desktop", 1280, 860, p.URL)
	two := open("match-phone", 390, 844, p.URL)
	one.click("quick-match")
	one.run(chromedp.WaitVisible(hook("search-cancel")))
	one.picture("searching")
	one.click("search-cancel")
	one.until(`document.getElementById('search').hidden`)
	one.click("quick-match")
	one.run(chromedp.WaitVisible(hook("search-cancel")))
	one.run(chromedp.Reload()) // a search outlives its page
	one.run(chromedp.WaitVisible(hook("search-cancel")))
	two.click("quick-match")
	for _, b := range []*tab{one, two} {
		b.run(chromedp.WaitVisible(hook("square-a1")))
		b.until(`document.getElementById('search').hidden`)
	}
}
