package lobby

import (
	"context"
	"encoding/json"

	"github.com/madang-games/madang/broker"
)

// gatewayJSON is where to connect before there is a room.
type gatewayJSON struct {
	URL string `json:"url"`
}

// moved tells the gateways. The store has the change already, so a board that is out of reach fails nobody's request.
func (s *Service) moved(ctx context.Context, m broker.SessionMoved) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := s.post(ctx, broker.NoticeSession, m); err != nil {
		s.config.Log.Warn("gateways were not told of a session", "user", m.User, "error", err)
	}
}

// post puts a notice with this body on the board.
func (s *Service) post(ctx context.Context, kind string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.config.Broker.Post(ctx, broker.Notice{Kind: kind, From: s.config.Process, Body: text, Time: s.config.Now()})
}
