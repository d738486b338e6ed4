package worker

import (
	"slices"
	"time"

	"github.com/madang-games/madang/broker"
)

// A gateway that dies tells no room of the connections that are gone with it. Rooms' workers notice: each connection's
// name tells its gateway, and a gateway that the board has not heard of for a while is gone. What a room is told then
// goes through its queue like everything else.

// trusts reports whether what the board does not say means something: it has said long enough that this process is
// there.
func (w *Worker) trusts(now time.Time) bool {
	return w.roster.Has(w.process, now, broker.DefaultMissing) && now.Sub(w.watching) > broker.DefaultMissing
}

// checkGateways looks in all rooms whether gateways of their players are gone.
func (w *Worker) checkGateways() {
	alive := w.gateways()
	w.each(func(r *room) {
		r.mu.Lock()
		lost := slices.ContainsFunc(r.gateways, func(g string) bool { return !slices.Contains(alive, g) })
		r.mu.Unlock()
		switch {
		case lost:
			r.orphans.Store(true)
			r.wakeUp()
		case r.minded.Load():
			r.orphans.Store(true)
			r.poke()
		}
	})
}

// gateways are how the names of connections begin whose gateways are there.
func (w *Worker) gateways() []string {
	var all []string
	for _, p := range w.roster.All() {
		all = append(all, broker.GatewayPrefix(p.ID))
	}
	return all
}

// detachOrphans sends the room a detach for each member whose gateway is gone. It tries again later when the board
// can't be trusted now or the queue takes nothing.
func (r *room) detachOrphans() {
	if !r.w.trusts(r.w.now()) {
		return
	}
	r.orphans.Store(false)
	alive := r.w.gateways()
	for conn, user := range r.awake.Conns() {
		gateway, ok := broker.GatewayOf(conn)
		if !ok || slices.Contains(alive, gateway) {
			continue
		}
		err := r.w.broker.Send(r.w.work, &broker.Message{
			Room: r.id, Kind: broker.Detach, User: user, Conn: conn, Reason: broker.ReasonGatewayLost,
			Time: r.w.now().Truncate(time.Millisecond),
		})
		if err != nil {
			r.w.log.Warn("room not told that a gateway is gone", "room", r.id, "user", user, "error", err)
			r.orphans.Store(true)
			return
		}
		r.game.counts.orphans.Inc()
	}
}

// noteGateways notes, when the room goes to sleep, whose players it has.
func (r *room) noteGateways() {
	var all []string
	for conn := range r.awake.Conns() {
		if g, ok := broker.GatewayOf(conn); ok && !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gateways = all
}
