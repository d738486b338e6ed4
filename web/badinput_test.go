package web_test

import (
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/web"
	"github.com/madang-games/madang/web/stomp"
)

func TestBadInput(t *testing.T) {
	t.Parallel()
	const sub = "SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00"
	cases := map[string]struct {
		in     string
		code   string
		status websocket.StatusCode
	}{
		"malformed header":            {"SEND\nnothing\n\n\x00", "bad_frame", 1002},
		"unknown command":             {"HELLO\nreceipt:1\n\n\x00", "bad_frame", 1002},
		"no command":                  {"hello\n\n\x00", "bad_frame", 1002},
		"body over the limit":         {"SEND\n\n" + strings.Repeat("x", 70_000) + "\x00", "frame_too_large", 1009},
		"length over the limit":       {"SEND\ncontent-length:99999999999\n\n", "frame_too_large", 1009},
		"head over the limit":         {"SEND\na:" + strings.Repeat("x", 9_000), "frame_too_large", 1009},
		"header flood":                {"SEND\n" + strings.Repeat("a:b\n", 70) + "\n\x00", "too_many_headers", 1009},
		"second CONNECT":              {"CONNECT\nreceipt:1\n\n\x00", "bad_frame", 1002},
		"subscribe without seat":      {"SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/topic/room.r2\n\n\x00", "not_seated", 1008},
		"subscribe to unknown room":   {"SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/topic/room.r9\n\n\x00", "room_not_found", 1008},
		"subscribe to closed room":    {"SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/topic/room.over\n\n\x00", "room_closed", 1008},
		"subscribe elsewhere":         {"SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/queue/room.r1\n\n\x00", "bad_destination", 1008},
		"subscribe with a wildcard":   {"SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/topic/room.*\n\n\x00", "bad_destination", 1008},
		"subscribe without id":        {"SUBSCRIBE\nreceipt:1\ndestination:/topic/room.r1\n\n\x00", "bad_frame", 1002},
		"subscribe twice":             {sub + "SUBSCRIBE\nreceipt:1\nid:s1\ndestination:/topic/room.r1\n\n\x00", "bad_frame", 1002},
		"subscribe with ack":          {"SUBSCRIBE\nreceipt:1\nid:s1\nack:client\ndestination:/topic/room.r1\n\n\x00", "not_supported", 1002},
		"subscribe too often":         {sub + strings.Replace(sub, "s1", "s2", 1) + strings.Replace(sub, "s1", "s3\nreceipt:1", 1), "too_many_subscriptions", 1008},
		"unsubscribe from nothing":    {"UNSUBSCRIBE\nreceipt:1\nid:s1\n\n\x00", "bad_frame", 1002},
		"send without seat":           {"SEND\nreceipt:1\ntype:a\ndestination:/queue/room.r2\n\n\x00", "not_seated", 1008},
		"send to unknown room":        {"SEND\nreceipt:1\ntype:a\ndestination:/queue/room.r9\n\n\x00", "room_not_found", 1008},
		"send to closed room":         {"SEND\nreceipt:1\ntype:a\ndestination:/queue/room.over\n\n\x00", "room_closed", 1008},
		"send elsewhere":              {"SEND\nreceipt:1\ntype:a\ndestination:/topic/room.r1\n\n\x00", "bad_destination", 1008},
		"send in a transaction":       {"SEND\nreceipt:1\ntransaction:x\ndestination:/queue/room.r1\n\n\x00", "not_supported", 1002},
		"send $ without subscription": {"SEND\nreceipt:1\ntype:$closed\ndestination:/queue/room.r1\n\n\x00", "bad_message", 1008},
		"acknowledge":                 {"ACK\nreceipt:1\nid:1\n\n\x00", "not_supported", 1002},
		"refuse to acknowledge":       {"NACK\nreceipt:1\nid:1\n\n\x00", "not_supported", 1002},
		"begin a transaction":         {"BEGIN\nreceipt:1\ntransaction:x\n\n\x00", "not_supported", 1002},
		"commit a transaction":        {"COMMIT\nreceipt:1\ntransaction:x\n\n\x00", "not_supported", 1002},
		"abort a transaction":         {"ABORT\nreceipt:1\ntransaction:x\n\n\x00", "not_supported", 1002},
		"receipt is not UTF-8":        {"SEND\nreceipt:\xff\n\n\x00", "bad_frame", 1002},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Limits: web.Limits{Subscriptions: 2}}, func(b *bench) {
				b.desk.set(func() { b.desk.rooms["r2"] = b.desk.rooms["r1"] })
				r := b.open()
				bystander := b.subscribed(r, "bob")
				culprit := b.signIn("ann")
				culprit.write(websocket.MessageBinary, c.in)
				var f *stomp.Frame
				for f = range culprit.frames {
					if f.Command != "MESSAGE" { // snapshots of the subscriptions before
						break
					}
				}
				if f == nil || f.Command != "ERROR" {
					t.Fatalf("got %+v, want ERROR", f)
				}
				if code, _ := f.Get("code"); code != c.code {
					t.Errorf("got code %q, want %q (%s)", code, c.code, f.Body)
				}
				if strings.Contains(c.in, "receipt:1\n") {
					if got, _ := f.Get("receipt-id"); got != "1" {
						t.Errorf("got receipt-id %q, want 1", got)
					}
				}
				culprit.ends(c.status, c.code)
				r.say("still here")
				bystander.message("said", "still here")
			})
		})
	}
}

func TestBadSignIn(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in     string
		code   string
		status websocket.StatusCode
	}{
		"wrong token":         {"CONNECT\naccept-version:1.2\npasscode:guess\n\n\x00", "not_signed_in", 1008},
		"no token":            {"CONNECT\naccept-version:1.2\nlogin:ann\n\n\x00", "not_signed_in", 1008},
		"another scheme":      {"CONNECT\naccept-version:1.2\nauthorization:Basic t-s-ann\n\n\x00", "not_signed_in", 1008},
		"a frame before":      {"SEND\ndestination:/queue/room.r1\n\n\x00", "not_signed_in", 1008},
		"unknown version":     {"CONNECT\naccept-version:9.9\npasscode:t-s-ann\n\n\x00", "version_not_supported", 1002},
		"heart-beat of words": {"CONNECT\naccept-version:1.2\nheart-beat:a,b\npasscode:t-s-ann\n\n\x00", "bad_frame", 1002},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				s := b.socket()
				s.send(c.in)
				s.refused(c.code, c.status)
			})
		})
	}
}
