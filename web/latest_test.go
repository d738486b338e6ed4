package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web"
)

// frame is the next number of the line, of which only the newest matters.
func (r *room) frame(typ string, n int, to ...string) {
	r.line(&broker.Output{Type: typ, Latest: true, To: to, Body: []byte(strconv.Itoa(n))})
}

func TestASlowReaderGetsTheNewestOfWhatIsReplaced(t *testing.T) {
	for name, to := range map[string][]string{"to one": {"ann", "bob"}, "to all": nil} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Limits: web.Limits{WriteTime: time.Hour}}, func(b *bench) {
				r := b.open()
				bob := b.subscribed(r, "bob")
				ann, err := b.connect(nil)
				if err != nil {
					t.Fatal(err)
				}
				ann.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
				ann.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
				r.next(broker.Attach)
				synctest.Wait()
				want := []string{"$snapshot all of it"}
				for n := range 50 {
					r.frame("frame", n, to...)
					r.frame("map", n, to...)
					synctest.Wait()
					bob.message("frame", strconv.Itoa(n))
					bob.message("map", strconv.Itoa(n))
					if n%10 == 5 {
						r.line(&broker.Output{Type: "said", To: to, Body: fmt.Append(nil, n)})
						synctest.Wait()
						bob.message("said", strconv.Itoa(n))
						want = append(want, fmt.Sprint("said ", n))
					}
				}
				want = append(want, "frame 49", "map 49", "said last")
				r.line(&broker.Output{Type: "said", Body: []byte("last")})
				ann.read()
				var got []string
				last := 0
				for len(got) == 0 || got[len(got)-1] != "said last" {
					f := <-ann.frames
					if f.Command != "MESSAGE" {
						continue
					}
					typ, _ := f.Get("type")
					id, _ := f.Get("message-id")
					n, err := strconv.Atoi(strings.TrimPrefix(id, "1-"))
					if err != nil || n < last || n == last && len(got) > 0 {
						t.Errorf("number %s after %d", id, last)
					}
					last = n
					got = append(got, typ+" "+string(f.Body))
				}
				// What was being written when the first ones came can't be taken back.
				for len(got) > len(want) && (strings.HasPrefix(got[1], "frame ") || strings.HasPrefix(got[1], "map ")) {
					got = append(got[:1], got[2:]...)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("the slow reader\n got %q\nwant %q", got, want)
				}
				// Nothing is missing: what is said next comes at once, and coming back from there is no hole.
				r.say("more")
				ann.message("said", "more", "message-id", fmt.Sprint("1-", last+1))
			})
		})
	}
}

func TestWhereNothingWaitsNothingIsReplaced(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		r := b.open()
		ann := b.subscribed(r, "ann")
		for n := range 20 {
			r.frame("frame", n, "ann")
			ann.message("frame", strconv.Itoa(n))
		}
	})
}

func TestWhatIsForAnotherSubscriptionIsNotReplaced(t *testing.T) {
	play(t, web.Config{Limits: web.Limits{WriteTime: time.Hour}}, func(b *bench) {
		r := b.open()
		ann, err := b.connect(nil)
		if err != nil {
			t.Fatal(err)
		}
		ann.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		for _, id := range []string{"s1", "s2"} {
			ann.send("SUBSCRIBE\nid:" + id + "\ndestination:/topic/room.r1\n\n\x00")
			r.next(broker.Attach)
		}
		synctest.Wait()
		for n := range 9 {
			r.frame("frame", n, "ann")
			synctest.Wait()
		}
		ann.read()
		got := map[string]string{}
		for got["s1"] != "8" || got["s2"] != "8" {
			f := <-ann.frames
			if typ, _ := f.Get("type"); typ == "frame" {
				id, _ := f.Get("subscription")
				got[id] = string(f.Body)
			}
		}
	})
}
