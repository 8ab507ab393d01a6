package valetkey

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

const methodWatchEvents = "WatchEvents"

// WatchEvents yields an application's events as they happen, each with the
// cursor to resume from:
//
//	for message, err := range client.WatchEvents(ctx, request) {
//		if err != nil { ... }          // the last turn
//		if event := message.GetEvent(); event != nil { ... }
//	}
//
// Without a parent they are of the client's application. When the stream
// breaks, or lags, it is begun again after the last cursor that was yielded (a
// snapshot that broke, from its beginning) and the loop notices nothing. It
// ends when the loop is left, and with the error when the context or the client
// ends, or the server refuses; [ErrCursorExpired] then means to list, or to
// begin with a snapshot. The context alone gives it a deadline. Each range over
// the sequence begins as the request says.
func (c *Client) WatchEvents(ctx context.Context, request *valetkeyv1.WatchEventsRequest) iter.Seq2[*valetkeyv1.WatchEventsResponse, error] {
	return func(yield func(*valetkeyv1.WatchEventsResponse, error) bool) {
		next := copyOf(request)
		if err := cmp.Or(
			c.expandParent(&next.Parent),
			expand(next.Parent, "connections", &next.Connection),
			expand(next.Parent, "providers", &next.Provider),
		); err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := c.untilClosed(ctx)
		defer cancel()
		for attempt := 0; ; attempt++ {
			err := c.stream(ctx, next, func(message *valetkeyv1.WatchEventsResponse) bool {
				attempt = 0
				if message.GetCursor() != "" {
					next.Cursor, next.Snapshot = message.GetCursor(), false
				}
				return yield(message, nil)
			})
			if err == nil {
				return
			}
			e := baseOf(err)
			if e.Code != codes.Unavailable && e.Reason != reasonWatchLagged {
				yield(nil, err)
				return
			}
			// A context that ends meanwhile fails the next try.
			sleep(ctx, c.wait(e, attempt))
		}
	}
}

var reasonWatchLagged = valetkeyv1.ErrorReason_WATCH_LAGGED.String()

// stream is one WatchEvents call. It hands on its messages until the stream
// breaks, which is the error, or take returns false, which is nil; the caller then
// ends the context, and so the stream.
func (c *Client) stream(ctx context.Context, request *valetkeyv1.WatchEventsRequest, take func(*valetkeyv1.WatchEventsResponse) bool) error {
	stream, err := c.events.WatchEvents(ctx, request)
	for err == nil {
		var message *valetkeyv1.WatchEventsResponse
		if message, err = stream.Recv(); err == nil && !take(message) {
			return nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = status.Error(codes.Unavailable, "the server ended the stream")
	}
	return c.failure(methodWatchEvents, err)
}
