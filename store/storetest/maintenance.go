package storetest

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

var maintenanceCases = []testCase{
	{"IsNoneAtFirst", func(t *suite) {
		m, err := t.open().Maintenance(t.ctx())
		t.fatal("read", err)
		equal(t, "number", m.N, 0)
		equal(t, "active", m.Active, false)
		equal(t, "begins", m.Begins.IsZero() && m.Closes.IsZero() && m.Ends.IsZero(), true)
	}},
	{"IsWhatWasSetLast", func(t *suite) {
		s, other := t.open(), t.open()
		ann := t.user(s)
		m, err := s.SetMaintenance(t.ctx(), store.Maintenance{
			Active: true, Text: "New maps!", Begins: begin, Closes: after(time.Hour), EndRooms: true, Ends: after(2 * time.Hour),
			Exempt: []string{ann, "nobody", ann},
		})
		t.fatal("set", err)
		got, err := other.Maintenance(t.ctx())
		t.fatal("read", err)
		for _, m := range []store.Maintenance{m, got} {
			equal(t, "number", m.N, 1)
			equal(t, "active", m.Active, true)
			equal(t, "text", m.Text, "New maps!")
			equal(t, "begins", m.Begins, begin)
			equal(t, "closes", m.Closes, after(time.Hour))
			equal(t, "ends", m.Ends, after(2*time.Hour))
			equal(t, "ends rooms", m.EndRooms, true)
			equal(t, "exempt", strings.Join(m.Exempt, " "), ann)
		}
		got.Active, got.Exempt, got.Closes = false, nil, time.Time{}
		_, err = other.SetMaintenance(t.ctx(), got)
		t.fatal("end", err)
		m, err = s.Maintenance(t.ctx())
		t.fatal("read", err)
		equal(t, "number", m.N, 2)
		equal(t, "active", m.Active, false)
		equal(t, "exempt", len(m.Exempt), 0)
		equal(t, "closes", m.Closes.IsZero(), true)
	}},
	{"ChangesWhatWasMeantOnly", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		var won atomic.Int64
		together(10, func(i int) {
			switch _, err := stores[i%2].SetMaintenance(ctx, store.Maintenance{Active: true}); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrChanged):
				t.Errorf("set: got %v, want %v", err, store.ErrChanged)
			}
		})
		equal(t, "changes", won.Load(), 1)
	}},
	{"LetsAFewIn", func(t *suite) {
		if _, err := t.open().SetMaintenance(t.ctx(), store.Maintenance{Exempt: make([]string, store.MaxExempt+1)}); err == nil {
			t.Errorf("%d exempt accounts were taken", store.MaxExempt+1)
		}
	}},
}
