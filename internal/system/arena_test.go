package system

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/madang-games/madang/client/bot"
)

// arenaAt is where the page draws its player, and where the room has told that it is.
const arenaAt = `(document.querySelector('[data-testid="arena"]')?.dataset.at ?? '')`

// goBy presses keys, or holds a finger down, towards x, y until the page's player is that near, and then stops.
func (b *tab) goBy(way string, x, y, near int) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`(() => {
		const canvas = document.querySelector('[data-testid="arena"]');
		const box = canvas.getBoundingClientRect(), cx = box.left + box.width / 2, cy = box.top + box.height / 2;
		const press = (type, code) => dispatchEvent(new KeyboardEvent(type, { code, bubbles: true }));
		const point = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, isPrimary: true, clientX: x, clientY: y, bubbles: true }));
		canvas.setPointerCapture = () => {}; // there is no real finger
		let down = false;
		window.walked = false;
		const walk = setInterval(() => {
			const [mx, my] = canvas.dataset.at.split(',').map(Number);
			const dx = %[2]d - mx, dy = %[3]d - my, d = Math.hypot(dx, dy);
			const there = d <= %[4]d;
			if (%[1]q === 'keys') {
				press(!there && dx > 8 ? 'keydown' : 'keyup', 'ArrowRight');
				press(!there && dx < -8 ? 'keydown' : 'keyup', 'KeyA');
				press(!there && dy > 8 ? 'keydown' : 'keyup', 'ArrowDown');
				press(!there && dy < -8 ? 'keydown' : 'keyup', 'KeyW');
			} else if (!there) {
				point(down ? 'pointermove' : 'pointerdown', cx + dx / d * 90, cy + dy / d * 90);
				down = true;
			} else if (down) point('pointerup', cx, cy);
			if (there) { clearInterval(walk); window.walked = true; }
		}, 30);
		return '';
	})()`, way, x, y, near))
	b.until(`window.walked`)
}

func TestPlayersMeetInTheArenaByKeysAndByFinger(t *testing.T) {
	t.Parallel()
	p := start(t).ready()
	ctx, cancel := context.WithCancel(t.Context())
	bots := make(chan *bot.ArenaSummary, 1)
	open := browser(t)
	desktop := open("arena-desktop", 1280, 860, p.URL)
	desktop.run(chromedp.WaitVisible(hook("play-arena")))
	desktop.picture("lobby")
	desktop.click("play-arena")
	desktop.until(arenaAt + ` !== ''`)
	go func() {
		s, err := bot.RunArena(ctx, bot.ArenaConfig{URL: p.URL, N: 40})
		if err != nil {
			t.Error(err)
		}
		bots <- s
	}()
	phone := open("arena-phone", 390, 844, p.URL)
	phone.run(chromedp.WaitVisible(hook("play-arena")))
	phone.picture("lobby")
	phone.click("play-arena")
	phone.until(arenaAt + ` !== ''`)

	desktop.goBy("keys", 1000, 1000, 40)
	phone.goBy("finger", 1100, 1000, 40)
	users := map[*tab]string{}
	for _, b := range []*tab{desktop, phone} {
		// The room agrees with what was shown at once.
		b.until(`(() => { const { at, told } = document.querySelector('[data-testid="arena"]').dataset;
			const [x, y] = at.split(',').map(Number), [u, v] = told.split(',').map(Number); return Math.hypot(x - u, y - v) < 3 })()`)
		b.until(`document.querySelector('[data-testid="arena-words"]').textContent.includes('You are in the')`)
		if got := b.eval(`(() => { const c = document.querySelector('[data-testid="arena"]'), box = c.getBoundingClientRect();
			return box.bottom <= innerHeight && box.right <= innerWidth && box.height > 300 })()`); got != "true" {
			t.Errorf("%s: the square does not fit the screen", b.name)
		}
		users[b] = b.eval(`JSON.parse(Object.values({ ...localStorage, ...sessionStorage }).find(v => v.includes('"user"')) ?? '{}').user?.id ?? ''`)
	}
	seen := `document.querySelector('[data-testid="arena"]').dataset.seen.split(' ').filter(Boolean)`
	desktop.until(seen + `.length > 0`)
	phone.until(seen + `.length > 0`)
	desktop.picture("square")
	phone.picture("square")
	// Where Chromium has no time a key or a finger is let go late, and who walks goes past where it should stop.
	told := func(b *tab) (x, y float64) {
		at := b.eval(`document.querySelector('[data-testid="arena"]').dataset.told`)
		if _, err := fmt.Sscanf(at, "%g,%g", &x, &y); err != nil {
			t.Fatalf("%s stands at %q: %v", b.name, at, err)
		}
		return x, y
	}
	for range 5 {
		x, y := told(desktop)
		px, py := told(phone)
		if math.Hypot(x-px, y-py) < 250 { // of a sight of 300
			break
		}
		t.Logf("%g,%g is not in sight of %g,%g: it goes there", px, py, x, y)
		phone.goBy("finger", int(x)+100, int(y), 40)
	}
	if me, other := users[desktop], users[phone]; me != "" && other != "" {
		desktop.until(fmt.Sprintf(`%s.includes(%q)`, seen, other))
		phone.until(fmt.Sprintf(`%s.includes(%q)`, seen, me))
	} else {
		t.Errorf("the page's users: %q and %q", me, other)
	}
	phone.goBy("finger", 1600, 1000, 60)
	desktop.until(fmt.Sprintf(`!%s.includes(%q)`, seen, users[phone]))
	words := desktop.eval(`document.querySelector('[data-testid="arena-words"]').textContent`)
	if !strings.Contains(words, "In sight:") || !strings.Contains(words, "coin") {
		t.Errorf("the picture in words: got %q", words)
	}
	label := desktop.eval(`document.querySelector('[data-testid="arena"]').getAttribute('aria-label')`)
	if !strings.Contains(label, "arrow keys") {
		t.Errorf("the canvas is labelled %q, want how to steer", label)
	}
	desktop.run(chromedp.Click(hook("leave")))
	desktop.run(chromedp.WaitVisible(hook("play-arena")))
	cancel()
	if s := <-bots; s == nil || s.Frames == 0 {
		t.Errorf("the bots: got %v, want frames", s)
	}
}
