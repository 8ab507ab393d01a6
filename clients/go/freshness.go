package valetkey

import (
	"time"

	"google.golang.org/grpc/codes"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// This file has what makes a source fetch in the background: time and events.

// schedule sets the timer for a token that has just come, or was not renewed
// when it was due. REQUIRES: mu is held.
func (s *TokenSource) schedule(token *Token) {
	now := time.Now()
	left := token.Expiry.Sub(now)
	switch {
	case token.Expiry.IsZero(), left <= 0:
		return
	case s.due.IsZero():
		s.due = token.refresh
		if s.due.IsZero() {
			s.due = now.Add(left / 5 * 4)
		}
		spread := float64(max(0, token.Expiry.Sub(s.due))) / 10 * s.client.random()
		s.due = s.due.Add(time.Duration(spread))
	case !now.Before(s.due):
		s.again(token)
		return
	}
	s.fetchIn(s.due.Sub(now))
}

// again sets the timer for a token that could not be renewed. REQUIRES: mu is
// held.
func (s *TokenSource) again(token *Token) {
	if token.Expiry.IsZero() {
		s.fetchIn(longWait)
		return
	}
	s.fetchIn(max(time.Until(token.Expiry)/10, time.Second))
}

// fetchIn sets the timer. REQUIRES: mu is held.
func (s *TokenSource) fetchIn(wait time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.onTimer)
		return
	}
	s.timer.Reset(wait)
}

// stopTimer forgets when to fetch. REQUIRES: mu is held.
func (s *TokenSource) stopTimer() {
	s.due = time.Time{}
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (s *TokenSource) onTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.take(true)
	}
}

// onEvent is told of what happened to the connection.
func (s *TokenSource) onEvent(event *valetkeyv1.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.failure = nil
	switch event.GetType() {
	case valetkeyv1.EventType_EVENT_TYPE_REFRESHED,
		valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZED:
		if event.GetGeneration() > max(s.highest, s.wanted) && s.highest > 0 {
			s.wanted = event.GetGeneration()
			s.take(true)
		}
	case valetkeyv1.EventType_EVENT_TYPE_REVOKED:
		s.end(event, codes.FailedPrecondition,
			valetkeyv1.ErrorReason_CONNECTION_REVOKED, "the connection was revoked")
	case valetkeyv1.EventType_EVENT_TYPE_DELETED:
		s.end(event, codes.NotFound,
			valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND, "the connection was deleted")
	}
}

// end drops the token, for its connection was revoked or deleted. REQUIRES: mu
// is held.
func (s *TokenSource) end(event *valetkeyv1.Event, code codes.Code, reason valetkeyv1.ErrorReason, message string) {
	generation := event.GetGeneration()
	if generation != 0 && generation < s.highest {
		return // of a time before the token that is held
	}
	s.dead = max(generation, s.highest)
	s.drop()
	s.failure = classify(&Error{
		Method:   methodGetToken,
		Code:     code,
		Reason:   reason.String(),
		Metadata: map[string]string{"connection": s.connection},
		Message:  message,
	})
	s.failureUntil = time.Now().Add(errorMemory)
}

// onGap is told that events may have been missed. A token from before, and one
// that is on its way, may be out of date.
func (s *TokenSource) onGap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case s.flight != nil && s.flight.next.IsZero():
		s.gap = true
	case s.held.Load() != nil:
		s.take(true)
	}
}
