package valetkeytest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// eventLog has the events since the start. Guarded by the server's mu.
type eventLog struct {
	events  []*valetkeyv1.Event
	trimmed int // how many of the first are gone
	// added is closed, and another put in its place, with each event.
	added chan struct{}
	// lagged is closed, and another put in its place, to end the streams.
	lagged chan struct{}
}

func (l *eventLog) init() {
	l.added = make(chan struct{})
	l.lagged = make(chan struct{})
}

func (l *eventLog) add(event *valetkeyv1.Event) {
	event.Sequence = int64(l.end() + 1)
	if event.Time == nil {
		event.Time = timestamppb.Now()
	}
	l.events = append(l.events, event)
	close(l.added)
	l.added = make(chan struct{})
}

// end is the position after the last event.
func (l *eventLog) end() int { return l.trimmed + len(l.events) }

const cursorPrefix = "cursor-"

func cursorOf(position int) string { return cursorPrefix + strconv.Itoa(position) }

// position is where a cursor points to.
func (l *eventLog) position(cursor string) (int, error) {
	number, ok := strings.CutPrefix(cursor, cursorPrefix)
	position, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || position < 0 || position > l.end():
		return 0, refuse(valetkeyv1.ErrorReason_CURSOR_INVALID, "field", "cursor")
	case position < l.trimmed:
		return 0, refuse(valetkeyv1.ErrorReason_CURSOR_EXPIRED)
	}
	return position, nil
}

// Emit has watchers see an event. Its sequence, and its time if there is none,
// are set here; its connection may be a short name.
func (s *Server) Emit(event *valetkeyv1.Event) {
	event = proto.CloneOf(event)
	event.Connection = full(event.GetConnection())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.add(event)
}

// Lag ends the streams of now with WATCH_LAGGED.
func (s *Server) Lag() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.log.lagged)
	s.log.lagged = make(chan struct{})
}

// TrimEvents forgets the events until now: who resumes from a cursor before the
// last of them gets CURSOR_EXPIRED.
func (s *Server) TrimEvents() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.trimmed = s.log.end()
	s.log.events = nil
}

type eventService struct {
	valetkeyv1.UnimplementedEventServiceServer
	s *Server
}

type eventStream = grpc.ServerStreamingServer[valetkeyv1.WatchEventsResponse]

func (e *eventService) WatchEvents(request *valetkeyv1.WatchEventsRequest, stream eventStream) error {
	messages, position, err := e.begin(request)
	if err != nil {
		return err
	}
	e.s.mu.Lock()
	lagged, away := e.s.log.lagged, e.s.away
	e.s.mu.Unlock()
	for {
		for _, message := range messages {
			if err := stream.Send(message); err != nil {
				return err
			}
		}
		var added <-chan struct{}
		messages, position, added = e.after(request, position)
		if len(messages) > 0 {
			continue
		}
		select {
		case <-added:
		case <-lagged:
			return refuse(valetkeyv1.ErrorReason_WATCH_LAGGED)
		case <-away:
			return errAway
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// begin is what comes first: a snapshot, the events after the cursor, or a
// checkpoint; and the position after it.
func (e *eventService) begin(request *valetkeyv1.WatchEventsRequest) ([]*valetkeyv1.WatchEventsResponse, int, error) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	if e.s.applications[request.GetParent()] == nil {
		return nil, 0, refuse(valetkeyv1.ErrorReason_APPLICATION_NOT_FOUND, "application", request.GetParent())
	}
	if request.GetCursor() != "" {
		if request.GetSnapshot() {
			return nil, 0, invalid("cursor", "no cursor together with snapshot")
		}
		position, err := e.s.log.position(request.GetCursor())
		if err != nil || position < e.s.log.end() {
			return nil, position, err
		}
	}
	var messages []*valetkeyv1.WatchEventsResponse
	if request.GetSnapshot() {
		for _, name := range slices.Sorted(maps.Keys(e.s.connections)) {
			c := e.s.connections[name]
			if passes(request, c.Name, c.Provider, c.Subject, c.Labels) {
				messages = append(messages, &valetkeyv1.WatchEventsResponse{
					Message: &valetkeyv1.WatchEventsResponse_Connection{
						Connection: proto.CloneOf(c.Connection),
					},
				})
			}
		}
	}
	end := e.s.log.end()
	return append(messages, &valetkeyv1.WatchEventsResponse{
		Message: &valetkeyv1.WatchEventsResponse_Checkpoint{
			Checkpoint: &valetkeyv1.Checkpoint{Time: timestamppb.Now()},
		},
		Cursor: cursorOf(end),
	}), end, nil
}

// after are the events after a position that the request asks for, the position
// after them, and what is closed when there are more.
func (e *eventService) after(request *valetkeyv1.WatchEventsRequest, position int) ([]*valetkeyv1.WatchEventsResponse, int, <-chan struct{}) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	l := &e.s.log
	var messages []*valetkeyv1.WatchEventsResponse
	for position = max(position, l.trimmed); position < l.end(); position++ {
		event := l.events[position-l.trimmed]
		wanted := len(request.GetTypes()) == 0 || slices.Contains(request.GetTypes(), event.GetType())
		if wanted && passes(request, event.GetConnection(), event.GetProvider(), event.GetSubject(), event.GetLabels()) {
			messages = append(messages, &valetkeyv1.WatchEventsResponse{
				Message: &valetkeyv1.WatchEventsResponse_Event{Event: event},
				Cursor:  cursorOf(position + 1),
			})
		}
	}
	return messages, position, l.added
}

// passes tells whether the request's filters let something of a connection
// through.
func passes(request *valetkeyv1.WatchEventsRequest, name, provider, subject string, labels map[string]string) bool {
	for key, value := range request.GetLabels() {
		if found, ok := labels[key]; !ok || found != value {
			return false
		}
	}
	return strings.HasPrefix(name, request.GetParent()+"/") &&
		(request.GetConnection() == "" || request.GetConnection() == name) &&
		(request.GetProvider() == "" || request.GetProvider() == provider) &&
		(request.GetSubject() == "" || request.GetSubject() == subject)
}
