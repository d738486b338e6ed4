package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type desk struct {
	Reports []string
}

type report struct{ Pages int }

// office asks for reports; "twice" asks and then refuses, "break" asks and breaks.
func office() *handlers.Game[desk] {
	g := handlers.New("office", func() *desk { return &desk{} })
	handlers.On(g, "order", func(room *handlers.Room, _ *desk, topic string) error {
		id, err := room.Job("report", topic)
		if err != nil {
			return err
		}
		return room.Reply("ordered", id)
	})
	handlers.On(g, "regret", func(room *handlers.Room, _ *desk, topic string) error {
		if _, err := room.Job("report", topic); err != nil {
			return err
		}
		return handlers.Reject("changed_mind", "no")
	})
	handlers.On(g, "lost", func(room *handlers.Room, _ *desk, topic string) error {
		_, err := room.Job("nothing", topic)
		return err
	})
	handlers.OnJob(g, "report", func(room *handlers.Room, d *desk, done handlers.Done[report]) error {
		if done.Result.Pages == 13 {
			return errors.New("unlucky")
		}
		d.Reports = append(d.Reports, fmt.Sprint(done.ID, ":", done.Result.Pages, done.Failed))
		return room.Send("reported", d.Reports)
	})
	return g
}

func TestARoomAsksForAJobAndHearsOfItOnce(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, office())
	room.Join("ann")
	for _, topic := range []string{"trees", "stones"} {
		if err := room.Send("ann", "order", fmt.Sprintf("%q", topic)); err != nil {
			t.Fatal(err)
		}
	}
	jobs := room.Jobs()
	if len(jobs) != 2 || jobs[0].Name != "report" || string(jobs[0].Arg) != `"trees"` || jobs[0].ID == jobs[1].ID {
		t.Fatalf("got jobs %+v, want two reports, each with its own id", jobs)
	}
	if err := room.Finish(jobs[1], report{7}); err != nil {
		t.Fatal(err)
	}
	if err := room.Fail(jobs[0], "no trees"); err != nil {
		t.Fatal(err)
	}
	var got []string
	room.Decode(room.Last("ann"), &got)
	if want := []string{jobs[1].ID + ":7", jobs[0].ID + ":0no trees"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got reports %q, want %q", got, want)
	}
	for _, id := range []string{jobs[0].ID, "room-1/99", "x"} {
		if res := room.Play(handlers.Event{Kind: handlers.EventJob, Job: id, Body: []byte(`{}`)}); !res.Duplicate || res.Changed {
			t.Errorf("result of %s that nobody waits for: got %+v, want a duplicate", id, res)
		}
	}
}

func TestAJobOfARefusedMessageIsNotAskedFor(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, office())
	room.Join("ann")
	if err := room.Send("ann", "regret", `"trees"`); err == nil {
		t.Fatal("the message was not refused")
	}
	if jobs := room.Jobs(); len(jobs) != 0 {
		t.Errorf("got jobs %+v, want none", jobs)
	}
	if err := room.Send("ann", "order", `"trees"`); err != nil {
		t.Fatal(err)
	}
	if jobs := room.Jobs(); len(jobs) != 1 {
		t.Errorf("got jobs %+v, want one", jobs)
	}
}

func TestAResultWhoseFunctionFailsIsOver(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, office())
	room.Join("ann")
	if err := room.Send("ann", "order", `"trees"`); err != nil {
		t.Fatal(err)
	}
	job := room.Jobs()[0]
	res := room.Play(handlers.Event{Kind: handlers.EventJob, Job: job.ID, Body: []byte(`{"Pages":13}`), Again: true})
	if !res.Again || res.Failure == nil {
		t.Fatalf("got %+v, want to be played again", res)
	}
	res = room.Play(handlers.Event{Kind: handlers.EventJob, Job: job.ID, Body: []byte(`{"Pages":13}`)})
	if res.Failure == nil || res.Again || len(res.Outputs) != 0 {
		t.Fatalf("got %+v, want a failure", res)
	}
	if res := room.Play(handlers.Event{Kind: handlers.EventJob, Job: job.ID, Body: []byte(`{"Pages":1}`)}); !res.Duplicate {
		t.Errorf("got %+v, want the job to be over", res)
	}
}

func TestJobsHaveBounds(t *testing.T) {
	t.Parallel()
	room := handlerstest.New(t, office())
	room.Join("ann")
	if err := room.Send("ann", "lost", `"x"`); err == nil || !strings.Contains(err.Error(), "OnJob") {
		t.Errorf("a job without OnJob: got %v, want an error that names OnJob", err)
	}
	if err := room.Send("ann", "order", `"`+strings.Repeat("x", handlers.MaxBody-1)+`"`); err == nil {
		t.Error("an argument that is too large: got no error")
	}
	for range handlers.MaxJobs {
		if err := room.Send("ann", "order", `"x"`); err != nil {
			t.Fatal(err)
		}
	}
	if err := room.Send("ann", "order", `"x"`); err == nil {
		t.Error("one job too many: got no error")
	}
	if err := room.Finish(room.Jobs()[0], report{1}); err != nil {
		t.Fatal(err)
	}
	room.Advance(time.Second)
	if err := room.Send("ann", "order", `"x"`); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

func TestOnJobFindsMistakes(t *testing.T) {
	t.Parallel()
	g := office()
	defer func() {
		if recover() == nil {
			t.Error("a second OnJob of one name: no panic")
		}
	}()
	handlers.OnJob(g, "report", func(*handlers.Room, *desk, handlers.Done[report]) error { return nil })
}
