package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/madang-games/madang/broker"
)

const (
	announceEvery = time.Second
	noticeTimeout = 3 * time.Second
)

// obey follows the board until ctx ends, notes who is there, and drains this process when a notice names it.
func (s *Server) obey(ctx context.Context, p *parts) error {
	err := p.broker.Watch(ctx, func(n broker.Notice) {
		s.roster.Observe(n, time.Now())
		var d broker.Drain
		if n.Kind != broker.NoticeDrain || json.Unmarshal(n.Body, &d) != nil {
			return
		}
		me := broker.Process{ID: s.id}
		if p.worker != nil {
			me.Games = p.worker.Games()
		}
		if !names(d, me) {
			return
		}
		s.log.Info("told to drain", "by", n.From)
		if d.Process == "" && len(s.config.Role) > 1 {
			p.worker.Drain() // the others of this process have nothing to do with the game's version
			s.workerDrains.Store(true)
			return
		}
		s.Drain()
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("watch the board: %w", err)
	}
	s.watching.Store(time.Now().UnixNano())
	<-ctx.Done()
	return nil
}

// alone reports whether this process has the only gateway that takes players, so that nobody plays on when it is gone. While not
// every process has had the time to announce itself, it reports false.
func (s *Server) alone(p *parts) bool {
	now, since := time.Now(), s.watching.Load()
	if p.gateway == nil || since == 0 || now.Sub(time.Unix(0, since)) < broker.DefaultMissing {
		return false
	}
	s.roster.Expire(now, broker.DefaultMissing)
	return !slices.ContainsFunc(s.roster.All(), func(o broker.Process) bool {
		return o.ID != s.id && !o.Drains && slices.Contains(o.Roles, RoleWeb)
	})
}

// names reports whether d is for this process: by its id, by a game and version that its worker plays, or by both.
func names(d broker.Drain, p broker.Process) bool {
	if d == (broker.Drain{}) || !strings.HasPrefix(p.ID, d.Process) {
		return false
	}
	if d.Game == "" && d.Version == "" {
		return true
	}
	for game, versions := range p.Games {
		if (d.Game == "" || d.Game == game) && (d.Version == "" && len(versions) > 0 || slices.Contains(versions, d.Version)) {
			return true
		}
	}
	return false
}

// announce tells the board each second what this process is, until ctx ends, and then that it goes.
func (s *Server) announce(ctx context.Context, p *parts) error {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	said := true // so that the first failure is logged
	for {
		err := s.post(ctx, p, broker.NoticeProcess)
		if err != nil && said && ctx.Err() == nil {
			s.log.Warn("the bulletin board does not take our announcement", "error", err)
		}
		said = err == nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), noticeTimeout)
			defer cancel()
			if err := s.post(last, p, broker.NoticeGone); err != nil {
				s.log.Warn("could not say good-bye on the bulletin board", "error", err)
			}
			return nil
		}
	}
}

func (s *Server) post(ctx context.Context, p *parts, kind string) error {
	process := broker.Process{ID: s.id, Roles: s.config.Role, Started: s.started, Drains: s.front.drains.Load() || s.workerDrains.Load()}
	if p.worker != nil {
		process.Games, process.Rooms = p.worker.Games(), p.worker.Rooms()
	}
	if p.gateway != nil {
		process.Conns = p.gateway.Conns()
	}
	body, err := json.Marshal(process)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, noticeTimeout)
	defer cancel()
	return p.broker.Post(ctx, broker.Notice{Kind: kind, From: s.id, Body: body, Time: time.Now()})
}
