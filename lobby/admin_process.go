package lobby

import (
	"fmt"
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// processJSON is a process of the deployment, as it said itself within the last seconds.
type processJSON struct {
	ID      string              `json:"id"`
	Roles   []string            `json:"roles"`
	Games   map[string][]string `json:"games" doc:"The versions that it plays, by game."`
	Rooms   int                 `json:"rooms" doc:"Awake, at its worker."`
	Conns   int                 `json:"conns" doc:"Connections to its gateway."`
	Drains  bool                `json:"drains" doc:"It takes nothing new."`
	Started time.Time           `json:"started"`
}

type processesJSON struct {
	Processes []processJSON `json:"processes"`
}

var processNotFound = adminEntry(404, "process_not_found", "There is no such process", "Nothing was heard of such a process within the last seconds.")

func (a *Admin) addProcesses() {
	adminGet(a, "/processes", "The processes of the deployment", a.processes)
	adminDo(a, "POST", "/processes/:id/drain", "process.drain", "Have a process hand over what it has and end, as SIGTERM does", a.drain, a.tellDrain)
}

func (a *Admin) processes(*Context, struct{}) (processesJSON, error) {
	out := processesJSON{Processes: []processJSON{}}
	for _, p := range a.service.roster.All() {
		if p.Games == nil {
			p.Games = map[string][]string{}
		}
		out.Processes = append(out.Processes, processJSON{p.ID, append([]string{}, p.Roles...), p.Games, p.Rooms, p.Conns, p.Drains, p.Started.UTC()})
	}
	return out, nil
}

func (a *Admin) drain(c *Context, _ because) (_ struct{}, _ deed, err error) {
	id := c.Param("id")
	if !slices.ContainsFunc(a.service.roster.All(), func(p broker.Process) bool { return p.ID == id }) {
		err = processNotFound
	}
	return struct{}{}, deed{target: id}, err
}

func (a *Admin) tellDrain(c *Context, _ because) error {
	if err := a.service.post(c.ctx, broker.NoticeDrain, broker.Drain{Process: c.Param("id")}); err != nil {
		return fmt.Errorf("%w: tell a process to drain: %w", store.ErrUnavailable, err)
	}
	return nil
}
