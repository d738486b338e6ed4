package lobby

import (
	"context"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/maintenance"
	"github.com/madang-games/madang/store"
)

// maintenanceJSON is the maintenance that stands.
type maintenanceJSON struct {
	Phase    string     `json:"phase" doc:"none, announced, begun or closed."`
	Text     string     `json:"text" doc:"For the players."`
	Begins   *time.Time `json:"begins"`
	Closes   *time.Time `json:"closes" doc:"When players are disconnected; null: never."`
	Ends     *time.Time `json:"ends" doc:"When it is expected to be over; null: nobody knows."`
	EndRooms bool       `json:"end_rooms" doc:"Rooms end when players are disconnected."`
	Exempt   []string   `json:"exempt" doc:"Accounts for whom there is none."`
}

type planJSON struct {
	Text     string   `json:"text" check:"max=500"`
	In       int      `json:"in" check:"min=0,max=2592000" doc:"Seconds until it begins."`
	Close    *int     `json:"close" check:"min=0,max=2592000" doc:"Seconds from its begin until players are disconnected; left out: they are not."`
	For      int      `json:"for" check:"min=0,max=2592000" doc:"Seconds from its begin until it is expected to be over; left out: nobody knows."`
	EndRooms bool     `json:"end_rooms"`
	Exempt   []string `json:"exempt" check:"max=100"`
	because
}

var (
	noMaintenance = adminEntry(404, "no_maintenance", "There is no maintenance", "There is no maintenance.")
	hasChanged    = adminEntry(409, "has_changed", "Somebody else has changed it", "Somebody else has changed it at the same moment.")
)

func (a *Admin) addMaintenance() {
	const path = "/maintenance"
	adminGet(a, path, "The maintenance that stands", func(c *Context, _ struct{}) (maintenanceJSON, error) {
		m, _, err := a.desk(c).Status(c.ctx)
		return a.maintenanceOf(m), err
	})
	adminDo(a, "PUT", path, "maintenance.announce", "Announce a maintenance, in the place of what stands", a.announce, nil)
	for _, step := range []struct {
		path, action, summary string
		do                    func(*maintenance.Desk, context.Context) (store.Maintenance, error)
	}{
		{"/begin", "maintenance.begin", "Let the maintenance begin now: nobody signs in any more, and no room comes about", (*maintenance.Desk).Begin},
		{"/close", "maintenance.close", "Disconnect players now", (*maintenance.Desk).Close},
		{"/end", "maintenance.end", "Open the deployment again, or take the announcement back", (*maintenance.Desk).End},
	} {
		adminDo(a, "POST", path+step.path, step.action, step.summary, func(c *Context, _ because) (maintenanceJSON, deed, error) {
			m, err := step.do(a.desk(c), c.ctx)
			return a.maintenanceOf(m), deed{}, maintenanceProblem(err)
		}, nil)
	}
}

func (a *Admin) announce(c *Context, in planJSON) (maintenanceJSON, deed, error) {
	text, err := cleanText(in.Text, maintenance.MaxText, true, badRequest)
	if err != nil {
		return maintenanceJSON{}, deed{}, err
	}
	for _, id := range in.Exempt {
		if !goodID.MatchString(id) {
			return maintenanceJSON{}, deed{}, badRequest.because("The field \"exempt\" has ids of accounts.")
		}
	}
	p := maintenance.Plan{
		Text: text, In: seconds(in.In), Close: -1, For: seconds(in.For), EndRooms: in.EndRooms, Exempt: in.Exempt,
	}
	if in.Close != nil {
		p.Close = seconds(*in.Close)
	}
	m, err := a.desk(c).Announce(c.ctx, p)
	return a.maintenanceOf(m), deed{}, maintenanceProblem(err)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// desk is the maintenance's in the hands of the operator who calls: the board hears of a change when it is kept.
func (a *Admin) desk(c *Context) *maintenance.Desk {
	return &maintenance.Desk{Store: a.store, Board: boardAfter{a.service.config.Broker, c}, From: a.service.config.Process, Now: a.service.config.Now}
}

// boardAfter posts when a call's transaction has committed.
type boardAfter struct {
	broker.Board
	c *Context
}

// Post never fails: what is posted is a hint.
func (b boardAfter) Post(_ context.Context, n broker.Notice) error {
	b.c.After(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		defer cancel()
		_ = b.Board.Post(ctx, n) // processes look by themselves, too
	})
	return nil
}

func maintenanceProblem(err error) error {
	switch {
	case errors.Is(err, maintenance.ErrNone):
		return noMaintenance
	case errors.Is(err, maintenance.ErrPlan):
		return badRequest.because("%s.", err)
	case errors.Is(err, store.ErrChanged):
		return hasChanged
	}
	return err
}

func (a *Admin) maintenanceOf(m store.Maintenance) maintenanceJSON {
	some := func(t time.Time) *time.Time {
		if t = t.UTC(); t.IsZero() {
			return nil
		}
		return &t
	}
	return maintenanceJSON{
		maintenance.PhaseOf(m, a.service.config.Now()).String(), m.Text, some(m.Begins), some(m.Closes), some(m.Ends), m.EndRooms, append([]string{}, m.Exempt...),
	}
}
