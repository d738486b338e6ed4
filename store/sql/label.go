package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/madang-games/madang/store"
)

const insertLabel = `INSERT INTO room_labels (room, name, game, created_at, text, number) VALUES ($1, $2, $3, $4, $5, $6)`

// label makes a new room one that is found by its labels. A private one is not.
func label(ctx context.Context, q querier, r store.Room) error {
	if r.Private {
		return nil
	}
	for name, value := range r.Labels {
		var text, number any
		if n, ok := value.(int64); ok {
			number = n
		} else {
			text = value
		}
		if _, err := q.exec(ctx, insertLabel, r.ID, name, r.Game, r.CreatedAt.UnixMicro(), text, number); err != nil {
			return err
		}
	}
	return nil
}

func formatLabels(labels store.Labels) (string, error) {
	if len(labels) == 0 {
		return "", nil
	}
	for name, value := range labels {
		switch v := value.(type) {
		case int64:
		case string:
			if v == "" {
				return "", fmt.Errorf("label %q is empty", name)
			}
		default:
			return "", fmt.Errorf("label %q is a %T", name, value)
		}
	}
	data, err := json.Marshal(labels)
	return string(data), err
}

func parseLabels(data string) (store.Labels, error) {
	if data == "" {
		return nil, nil
	}
	var labels store.Labels
	d := json.NewDecoder(bytes.NewReader([]byte(data)))
	d.UseNumber()
	if err := d.Decode(&labels); err != nil {
		return nil, fmt.Errorf("decode labels: %w", err)
	}
	for name, value := range labels {
		if n, ok := value.(json.Number); ok {
			whole, err := n.Int64()
			if err != nil {
				return nil, fmt.Errorf("decode label %q: %w", name, err)
			}
			labels[name] = whole
		}
	}
	return labels, nil
}
