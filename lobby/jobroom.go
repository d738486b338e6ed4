package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// jobFailed is the Reason of a message that tells a room of a job that was given up.
const jobFailed = "failed"

// tellRoom sends the room that waits for a job its end. The room hears each job's end once, however often it is sent; so
// whoever could not send it, or died before that was noted, has it sent again by tellRooms.
func (r *Runner) tellRoom(ctx context.Context, j *store.JobStatus, send sending) {
	if j.Room == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	m := &broker.Message{Room: j.Room, Kind: broker.Job, Type: j.Name, Attempt: j.ID, Time: r.config.Now(), ContentType: "application/json", Body: j.Result}
	if j.State == store.JobFailed {
		m.Reason = jobFailed
		m.Body, _ = json.Marshal(j.Failed)
	}
	err := send(ctx, r.config.Broker, m, func() error { return r.missing(ctx, j) })
	if err == nil || errors.Is(err, errRoomOver) {
		err = r.config.Store.JobTold(ctx, j.ID)
	}
	if err != nil && r.work.Err() == nil {
		r.log.Warn("room not told of its job; it will be", "room", j.Room, "job", j.Name, "id", j.ID, "error", err)
	}
}

// errRoomOver: the room is over, and its job of no interest.
var errRoomOver = errors.New("the room is over")

// missing asks for a worker that opens the queue of the job's room.
func (r *Runner) missing(ctx context.Context, j *store.JobStatus) error {
	room, err := r.config.Store.Room(ctx, j.Room)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && room.State == store.Closed:
		r.log.Info("job ended after its room", "room", j.Room, "job", j.Name, "id", j.ID)
		return errRoomOver
	case err != nil:
		return err
	}
	return r.service.askForQueue(ctx, room)
}

// tellRooms tells rooms whose jobs have ended a while ago, the oldest first. One that can't be told holds up none of the others for
// longer than the broker takes to say so.
func (r *Runner) tellRooms(ctx context.Context) {
	before := time.Now().Add(-jobLook) // by the store's clock
	var last store.JobStatus
	for {
		untold, err := r.config.Store.UntoldJobs(ctx, last, before, jobsAtOnce)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("no look at jobs whose rooms wait", "error", err)
			}
			return
		}
		for i := range untold {
			if ctx.Err() != nil {
				return
			}
			r.tellRoom(ctx, &untold[i], sendAsking)
		}
		if len(untold) < jobsAtOnce {
			return
		}
		last = untold[len(untold)-1]
	}
}

// jobsSoon has those who run jobs look for them.
func (s *Service) jobsSoon(ctx context.Context) {
	if err := s.config.Broker.Post(ctx, broker.Notice{Kind: broker.NoticeJobs, From: s.config.Process, Time: s.config.Now()}); err != nil {
		s.config.Log.Debug("jobs not announced", "error", err)
	}
}
