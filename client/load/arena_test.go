package load

import (
	"strings"
	"testing"
	"time"
)

func TestPlayersOfTheArenaSeeWhatIsNearAndThatAlone(t *testing.T) {
	t.Parallel()
	r, err := RunArena(t.Context(), ArenaConfig{URL: deployment(t), Rooms: 2, Players: 20, Time: time.Second, Warmup: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Players != 40 || r.Steers == 0 || r.Size < 50 || r.Each > 21 {
		t.Errorf("got %v, want frames for 40 players, at most 20 a second for each", r)
	}
	if _, err := RunArena(t.Context(), ArenaConfig{}); err == nil {
		t.Error("without a URL: got no error")
	}
}

func TestAPlayerWhoIsToldOfWhatIsOutOfViewIsCounted(t *testing.T) {
	t.Parallel()
	p := &runner{}
	body := `{"tick":7,"you":[100,100],"seen":[["a",100,400],["b",100,400.1]],"gone":[],"coins":[[1,313,312],[2,311,311]],"score":0}`
	if err := p.check([]byte(body)); err != nil || p.far != 2 {
		t.Errorf("got %d out of view, %v, want 2", p.far, err)
	}
	p = &runner{}
	edge := `{"tick":7,"you":[2000,781.7],"seen":[["a",2000,481.7]],"gone":[],"coins":[],"score":0}` // 781.7-481.7 > 300 in float64
	if err := p.check([]byte(edge)); err != nil || p.far != 0 {
		t.Errorf("who is exactly as far as one sees: got %d out of view, %v, want 0", p.far, err)
	}
	r := &ArenaReport{Frames: 1, Far: 2, Lost: 1, Cause: "it broke"}
	if r.OK() || !strings.Contains(r.String(), "out of view 2") || !strings.Contains(r.String(), "it broke") {
		t.Errorf("got %v, OK %v, want what went wrong", r, r.OK())
	}
}
