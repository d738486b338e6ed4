package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Note is something that the player was told outside of rooms.
type Note struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
	At   time.Time       `json:"at"`
}

// Notes lists at most 100 of what the player was told, the oldest first, after the note of this id ("" begins); last is the id of
// the newest that there ever was.
func (c *Client) Notes(ctx context.Context, after string) (notes []Note, last string, err error) {
	query := url.Values{"limit": {"100"}}
	if after != "" {
		query.Set("after", after)
	}
	var answer struct {
		Notes []Note `json:"notes"`
		Last  string `json:"last"`
	}
	if err := c.call(ctx, http.MethodGet, "/user/notes?"+query.Encode(), nil, &answer); err != nil {
		return nil, "", fmt.Errorf("list notes: %w", err)
	}
	return answer.Notes, answer.Last, nil
}
