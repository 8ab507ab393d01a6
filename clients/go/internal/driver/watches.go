package main

import (
	"context"
	"fmt"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// watch is a loop over events, whose turns are told one by one.
type watch struct {
	cancel context.CancelFunc
	turns  chan turn
	last   error // valid once turns is closed
}

type turn struct {
	message *valetkeyv1.WatchEventsResponse
	err     error
}

func (d *driver) watch(r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{cancel: cancel, turns: make(chan turn)}
	events := client.WatchEvents(ctx, &valetkeyv1.WatchEventsRequest{
		Connection: r.Connection, Cursor: r.Cursor, Snapshot: r.Snapshot,
	})
	go func() {
		defer close(w.turns)
		for message, err := range events {
			w.last = err
			select {
			case w.turns <- turn{message, err}:
			case <-ctx.Done():
				w.last = ctx.Err()
				return
			}
		}
	}()
	put(d, d.watches, r.Watch, w)
	return nil, nil
}

// close ends the loop, and waits for it.
func (w *watch) close() {
	w.cancel()
	for range w.turns {
	}
}

func (d *driver) closeWatch(r *request) (result, error) {
	w, err := find(d, d.watches, "watch", r.Watch)
	if err != nil {
		return nil, err
	}
	w.close()
	return nil, nil
}

func (d *driver) next(ctx context.Context, r *request) (result, error) {
	w, err := find(d, d.watches, "watch", r.Watch)
	if err != nil {
		return nil, err
	}
	for {
		select {
		case turn, ok := <-w.turns:
			if !ok {
				return nil, w.last
			}
			if turn.err != nil {
				return nil, turn.err
			}
			if turn.message.GetCheckpoint() == nil || (r.Checkpoints != nil && *r.Checkpoints) {
				return messageOf(turn.message), nil
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("no message: %w", ctx.Err())
		}
	}
}

func messageOf(message *valetkeyv1.WatchEventsResponse) result {
	told := result{"type": "checkpoint", "cursor": message.GetCursor()}
	if event := message.GetEvent(); event != nil {
		told["type"] = "event"
		told["event_type"] = short("EVENT_TYPE_", event.GetType())
		told["connection"] = event.GetConnection()
		told["generation"] = event.GetGeneration()
	} else if connection := message.GetConnection(); connection != nil {
		told["type"] = "connection"
		told["connection"] = connection.GetName()
		told["generation"] = connection.GetGeneration()
	}
	return told
}
