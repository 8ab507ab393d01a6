package valetkey

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

const (
	// firstMessageWait is how long a source waits for its stream before its
	// first GetToken.
	firstMessageWait = time.Second
	// refusedWait is the pause after a key was told that it may not watch.
	refusedWait = 5 * time.Minute
)

// hub is the one stream of an application's events that its sources share. It
// is open from the first source's first fetch to the last source's close.
type hub struct {
	client *Client
	cancel context.CancelFunc
	done   chan struct{}
	// ready is closed when the stream's first message has come, when it has
	// failed, or after firstMessageWait.
	ready     chan struct{}
	readyOnce sync.Once

	mu      sync.Mutex
	sources map[string]map[*TokenSource]struct{} // by connection
}

// joinHub makes the source hear of its connection's events, until leaveHub.
func (c *Client) joinHub(source *TokenSource) *hub {
	c.hubsMu.Lock()
	defer c.hubsMu.Unlock()
	application := applicationOf(source.connection)
	h := c.hubs[application]
	if h == nil {
		ctx, cancel := c.untilClosed(context.Background())
		h = &hub{
			client:  c,
			cancel:  cancel,
			done:    make(chan struct{}),
			ready:   make(chan struct{}),
			sources: map[string]map[*TokenSource]struct{}{},
		}
		c.hubs[application] = h
		go h.run(ctx, application)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sources[source.connection] == nil {
		h.sources[source.connection] = map[*TokenSource]struct{}{}
	}
	h.sources[source.connection][source] = struct{}{}
	return h
}

// leaveHub ends the stream if the source was the last.
func (c *Client) leaveHub(h *hub, source *TokenSource) {
	c.hubsMu.Lock()
	defer c.hubsMu.Unlock()
	h.mu.Lock()
	delete(h.sources[source.connection], source)
	if len(h.sources[source.connection]) == 0 {
		delete(h.sources, source.connection)
	}
	last := len(h.sources) == 0
	h.mu.Unlock()
	if last {
		delete(c.hubs, applicationOf(source.connection))
		h.cancel()
		<-h.done
	}
}

func (h *hub) setReady() { h.readyOnce.Do(func() { close(h.ready) }) }

// run keeps the stream open until the context ends.
func (h *hub) run(ctx context.Context, application string) {
	defer close(h.done)
	late := time.AfterFunc(firstMessageWait, h.setReady)
	defer late.Stop()
	request := &valetkeyv1.WatchEventsRequest{
		Parent: application,
		Types: []valetkeyv1.EventType{
			valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZED,
			valetkeyv1.EventType_EVENT_TYPE_REFRESHED,
			valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZATION_REQUIRED,
			valetkeyv1.EventType_EVENT_TYPE_REVOKED,
			valetkeyv1.EventType_EVENT_TYPE_DELETED,
		},
	}
	if until, ok := h.client.refused.Load(application); ok {
		h.setReady()
		sleep(ctx, time.Until(until.(time.Time)))
	}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		err := h.client.stream(ctx, request, func(message *valetkeyv1.WatchEventsResponse) bool {
			attempt = 0
			h.take(message, request.GetCursor() == "")
			request.Cursor = message.GetCursor()
			return true
		})
		h.setReady()
		e := baseOf(err)
		switch {
		case request.GetCursor() != "" && cursorIsLost(e):
			request.Cursor = ""
		case e.Code == codes.PermissionDenied, e.Code == codes.Unimplemented:
			h.client.refused.Store(application, time.Now().Add(refusedWait))
			sleep(ctx, refusedWait)
		default:
			sleep(ctx, h.client.wait(e, attempt))
		}
	}
}

// cursorIsLost tells whether the stream can only begin anew: the events after
// the cursor are gone, or the whole store was replaced.
func cursorIsLost(e *Error) bool {
	return e.Reason == valetkeyv1.ErrorReason_CURSOR_EXPIRED.String() ||
		e.Reason == valetkeyv1.ErrorReason_CURSOR_INVALID.String()
}

// take hands a message to those whom it is for; anew is said of the first one
// of a stream that began without a cursor, before which events may have been
// missed.
func (h *hub) take(message *valetkeyv1.WatchEventsResponse, anew bool) {
	if anew {
		for _, source := range h.all() {
			source.onGap()
		}
	}
	if event := message.GetEvent(); event != nil {
		for _, source := range h.of(event.GetConnection()) {
			source.onEvent(event)
		}
	}
	h.setReady()
}

// of are the sources of a connection.
func (h *hub) of(connection string) []*TokenSource {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.sources[connection]))
}

func (h *hub) all() []*TokenSource {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*TokenSource
	for _, sources := range h.sources {
		all = slices.AppendSeq(all, maps.Keys(sources))
	}
	return all
}
