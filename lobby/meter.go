package lobby

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/store"
)

// meter is what a lobby counts.
type meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	untold   prometheus.Counter
	retold   *prometheus.CounterVec
	signIns  *prometheus.CounterVec
	tickets  *prometheus.GaugeVec
	ended    *prometheus.CounterVec
	waits    *prometheus.HistogramVec
}

// newMeter registers the counters with r, if there is one. Two lobbies of one process share them.
func newMeter(r prometheus.Registerer) (meter, error) {
	m := meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "madang_lobby_requests_total",
			Help: "Requests answered, by method, route and status. Route is empty where there is none.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "madang_lobby_request_seconds",
			Help:    "Time from a request to its answer, by method and route.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 15},
		}, []string{"method", "route"}),
		untold: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "madang_lobby_untold_total",
			Help: "Seats whose room was not told within the request; it is told again later.",
		}),
		retold: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "madang_lobby_retold_total",
			Help: "Times a room was told again of a seat it had not answered for, by the seat's state.",
		}, []string{"seat"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "madang_lobby_sign_ins_total",
			Help: "Players who registered or signed in, or were refused, by platform and result: ok, or the code of the refusal.",
		}, []string{"platform", "result"}),
		tickets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "madang_lobby_tickets",
			Help: "Open tickets by game and mode, as the lobby sees it that pairs them; 0 at the others.",
		}, []string{"game", "mode"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "madang_lobby_tickets_ended_total",
			Help: "Tickets that are over, by game, mode and how: placed, declined, cancelled, expired.",
		}, []string{"game", "mode", "state"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "madang_lobby_ticket_seconds",
			Help:    "Time that placed tickets have waited, by game and mode.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 20, 60, 120, 300, 600},
		}, []string{"game", "mode"}),
	}
	if r == nil {
		return m, nil
	}
	err := errors.Join(register(r, &m.requests), register(r, &m.seconds), register(r, &m.untold), register(r, &m.retold),
		register(r, &m.signIns), register(r, &m.tickets), register(r, &m.ended), register(r, &m.waits))
	return m, err
}

// register registers *c, or sets it to the equal one that is registered already.
func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	err := r.Register(*c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if same, ok := there.ExistingCollector.(C); ok {
			*c = same
			return nil
		}
	}
	return err
}

func (m *meter) request(method, route string, status int, took time.Duration) {
	switch method { // a client's own words are no labels
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodHead:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

func (m *meter) signIn(platform, result string) { m.signIns.WithLabelValues(platform, result).Inc() }

func (m *meter) late() { m.untold.Inc() }

func (m *meter) resent(state store.SeatState) { m.retold.WithLabelValues(string(state)).Inc() }

// ticket counts a ticket that is over at now.
func (m *meter) ticket(t *store.Ticket, now time.Time) {
	m.ended.WithLabelValues(t.Game, t.Mode, string(t.State)).Inc()
	if t.State == store.TicketPlaced {
		m.waits.WithLabelValues(t.Game, t.Mode).Observe(now.Sub(t.Since).Seconds())
	}
}

// pairs says how many tickets are open in a mode that this lobby pairs, notPairing that it does not pair it any more.
func (m *meter) pairs(of *mode, open int) {
	m.tickets.WithLabelValues(of.game, of.name).Set(float64(open))
}

func (m *meter) notPairing(of *mode) { m.pairs(of, 0) }
