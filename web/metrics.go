package web

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator sees of a gateway.
type metrics struct {
	connections   prometheus.Gauge
	subscriptions prometheus.Gauge
	framesIn      labelled // by command
	bytesIn       prometheus.Counter
	writes        prometheus.Counter
	putOff        prometheus.Counter
	bytesOut      prometheus.Counter
	outputs       labelled // by what became of it
	deliveries    prometheus.Counter
	disconnects   *prometheus.CounterVec // by reason
	refusals      *prometheus.CounterVec // by code
	rejected      *prometheus.CounterVec // by reason: no WebSocket came about
	replaced      prometheus.Counter
	holes         prometheus.Counter
	broken        prometheus.Counter
	retries       prometheus.Counter
	asked         prometheus.Counter
	dropped       *prometheus.CounterVec // by what: work given up
	notes         *prometheus.CounterVec // by way
}

// labelled are counters by one label. The one with the value that nearly all have is looked up once: that costs more than to count.
type labelled struct {
	*prometheus.CounterVec
	value string
	usual prometheus.Counter
}

func newLabelled(all *prometheus.CounterVec, usual string) labelled {
	return labelled{all, usual, all.WithLabelValues(usual)}
}

func (l *labelled) of(value string) prometheus.Counter {
	if value == l.value {
		return l.usual
	}
	return l.WithLabelValues(value)
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "madang", Subsystem: "web", Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "madang", Subsystem: "web", Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(
			prometheus.CounterOpts{Namespace: "madang", Subsystem: "web", Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		connections:   gauge("connections", "WebSocket connections now."),
		subscriptions: gauge("subscriptions", "Subscriptions to rooms now."),
		framesIn:      newLabelled(counters("frames_in_total", "STOMP frames from clients.", "command"), "SEND"),
		bytesIn:       counter("bytes_in_total", "Bytes of WebSocket messages from clients."),
		writes:        counter("writes_total", "WebSocket messages to clients."),
		putOff:        counter("writes_put_off_total", "Writes put off, to take more with them, because the process has more to do than it can."),
		bytesOut:      counter("bytes_out_total", "Bytes of WebSocket messages to clients."),
		outputs:       newLabelled(counters("outputs_total", "Outputs of rooms heard, by part, or why they were dropped.", "part"), "line"),
		deliveries:    counter("deliveries_total", "MESSAGE frames queued for clients."),
		disconnects:   counters("disconnects_total", "Connections ended, by reason.", "reason"),
		refusals:      counters("refusals_total", "Frames refused, by code.", "code"),
		rejected:      counters("rejected_total", "Requests that did not become a WebSocket, by reason.", "reason"),
		replaced:      counter("replaced_total", "Messages of which only the newest matters that a newer one has replaced before they were written."),
		holes:         counter("holes_total", "Times that outputs of a room were missing, so that its subscribers were attached again."),
		broken:        counter("feed_breaks_total", "Times that the feed was broken, so that all subscribers were attached again."),
		retries:       counter("attach_retries_total", "Attaches sent again because nobody answered."),
		asked:         counter("asked_rooms_total", "Rooms that were asked where they stand after trouble in the broker."),
		dropped:       counters("dropped_total", "Work given up, by what it was.", "what"),
		notes:         counters("notes_total", "What players were told outside of rooms, by the way it came: board, store, or passing for what is not kept.", "way"),
	}
	if to == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.connections, m.subscriptions, m.framesIn, m.bytesIn, m.writes, m.putOff, m.bytesOut, m.outputs, m.deliveries,
		m.disconnects, m.refusals, m.rejected, m.holes, m.broken, m.retries, m.asked, m.dropped, m.notes, m.replaced,
	} {
		errs = append(errs, to.Register(c))
	}
	return m, errors.Join(errs...)
}
