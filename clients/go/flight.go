package valetkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// flight is the one fetch of a source: tries of GetToken, and the waits between
// while the answer is UNAVAILABLE. Readers board it. It goes on for as long as
// one of them waits, or forever if it is of the background. Guarded by the
// source's mutex.
type flight struct {
	readers    int
	background bool
	// deadline is the last of the readers'.
	deadline time.Time

	// unavailable is the last try's error; nil before one has failed.
	unavailable *Error
	failedAt    time.Time
	// next is when the next try begins; zero while one is under way.
	next    time.Time
	attempt int
	// wake ends the wait for the next try.
	wake chan struct{}

	ended bool
	token *Token
	err   error
	// late says that the last try had no answer by its deadline.
	late bool
	// changed is closed, and another put in its place, when a try has failed or
	// the flight has ended.
	changed chan struct{}
}

func (f *flight) announce() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *flight) hurry() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// board makes a reader wait for the flight, which it begins if there is none.
// REQUIRES: mu is held, and the source is not closed.
func (s *TokenSource) board(deadline time.Time) *flight {
	f := s.take(false)
	f.readers++
	if deadline.After(f.deadline) {
		f.deadline = deadline
	}
	if !f.next.IsZero() {
		// Somebody new: the waits begin anew, with the shortest.
		f.attempt = 0
		if soon := f.failedAt.Add(s.client.backoff(0)); soon.Before(f.next) {
			f.next = soon
			f.hurry()
		}
	}
	return f
}

// alight is what a reader does at last. A flight that nobody wants ends, unless
// it is in the middle of a try: that is for whoever comes next. REQUIRES: mu is
// held.
func (s *TokenSource) alight(f *flight) {
	f.readers--
	if f.readers == 0 && !f.background && !f.next.IsZero() {
		s.land(f, nil, f.unavailable)
		f.hurry()
	}
}

// take is the flight under way, or a new one. REQUIRES: mu is held, and the
// source is not closed.
func (s *TokenSource) take(background bool) *flight {
	if s.flight == nil {
		s.flight = &flight{
			wake:    make(chan struct{}, 1),
			changed: make(chan struct{}),
		}
		s.running.Add(1)
		go s.fly(s.flight)
	}
	s.flight.background = s.flight.background || background
	return s.flight
}

// fly makes the tries of a flight.
func (s *TokenSource) fly(f *flight) {
	defer s.running.Done()
	s.listen()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		request, dead, deadline := s.request(), s.dead, s.deadline(f)
		s.mu.Unlock()
		ctx, cancel := context.WithDeadline(s.closing, deadline)
		response, err := s.client.tokens.GetToken(ctx, request)
		cancel()
		s.mu.Lock()
		f.late = !time.Now().Before(deadline)
		var token *Token
		if err == nil {
			token, err = s.accept(tokenOf(response.GetToken()), request, dead)
			if errors.Is(err, errAgain) {
				continue
			}
		}
		if err != nil {
			err = s.client.failure(methodGetToken, err)
			if e := baseOf(err); e.Code == codes.Unavailable && !s.closed {
				if s.pause(f, e); f.ended {
					return
				}
				continue
			}
		}
		s.land(f, token, err)
		return
	}
	s.land(f, nil, s.closedError())
}

// listen makes the source hear of events, and waits for the stream to begin, so
// that nothing is missed between the two.
func (s *TokenSource) listen() {
	s.mu.Lock()
	h := s.hub
	s.mu.Unlock()
	if h == nil {
		h = s.client.joinHub(s)
		s.mu.Lock()
		s.hub = h
		s.mu.Unlock()
	}
	select {
	case <-h.ready:
	case <-s.closing.Done():
	}
}

// request is what to ask for now. REQUIRES: mu is held.
func (s *TokenSource) request() *valetkeyv1.GetTokenRequest {
	s.gap = false
	request := &valetkeyv1.GetTokenRequest{
		Name:               s.connection,
		RequiredScopes:     s.settings.requiredScopes,
		RejectedGeneration: s.rejected,
		Token:              s.settings.token,
	}
	if s.wanted > s.highest {
		request.MinGeneration = s.wanted
	}
	return request
}

// deadline is that of one try: the client's timeout, or the last reader's if it
// is later. REQUIRES: mu is held.
func (s *TokenSource) deadline(f *flight) time.Time {
	deadline := time.Now().Add(s.client.config.timeout)
	if f.deadline.After(deadline) {
		deadline = f.deadline
	}
	return deadline
}

// errAgain says that the answer was overtaken by an event or a rejection.
var errAgain = errors.New("ask again")

// accept keeps an answer, if nothing newer is known, and returns what readers
// get; dead is the source's when it asked. REQUIRES: mu is held.
func (s *TokenSource) accept(token *Token, request *valetkeyv1.GetTokenRequest, dead int64) (*Token, error) {
	switch {
	case s.closed:
		return nil, s.closedError()
	case s.dead != dead && token.Generation <= s.dead,
		s.rejected != request.GetRejectedGeneration() && token.Generation == s.rejected:
		return nil, errAgain
	case token.Generation < s.highest,
		s.rejected != 0 && token.Generation == s.rejected:
		if alive := s.alive(); alive != nil {
			s.schedule(alive)
		}
		return s.aliveOr(&Error{
			Method: methodGetToken,
			Code:   codes.Unavailable,
			Message: fmt.Sprintf("the server's token of generation %d is out of date",
				token.Generation),
			kind: ErrUnavailable,
		})
	}
	same := token.Generation == s.highest
	held := s.held.Load()
	if held == nil || !same || outlives(token, held) {
		s.held.Store(token)
	}
	if !same {
		s.highest, s.rejected = token.Generation, 0
		s.stopTimer()
	}
	s.failure = nil
	s.schedule(token)
	return token, nil
}

// outlives tells whether a token expires later than another.
func outlives(token, other *Token) bool {
	if token.Expiry.IsZero() || other.Expiry.IsZero() {
		return token.Expiry.IsZero() && !other.Expiry.IsZero()
	}
	return token.Expiry.After(other.Expiry)
}

// pause waits for the time of the next try, or until the flight has ended, for
// nobody wants one any more. REQUIRES: mu is held; it is let go meanwhile.
func (s *TokenSource) pause(f *flight, e *Error) {
	wait := s.client.wait(e, f.attempt)
	f.attempt++
	f.failedAt = time.Now()
	f.next = f.failedAt.Add(wait)
	f.unavailable = e.withRetryDelay(wait)
	f.announce()
	if f.readers == 0 && !f.background {
		s.land(f, nil, f.unavailable)
	}
	for !s.closed && !f.ended {
		left := time.Until(f.next)
		if left <= 0 {
			break
		}
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-f.wake:
		case <-s.closing.Done():
		}
		timer.Stop()
		s.mu.Lock()
	}
	f.next = time.Time{}
}

// land ends the flight. REQUIRES: mu is held.
func (s *TokenSource) land(f *flight, token *Token, err error) {
	if s.closed && err != nil {
		err = s.closedError()
	}
	f.ended, f.token, f.err = true, token, err
	s.flight = nil
	f.announce()
	if s.closed {
		return
	}
	if err != nil {
		s.remember(err)
	}
	if err == nil && (s.gap || s.wanted > s.highest) {
		s.take(true)
	}
}

// remember draws the consequences of an error. REQUIRES: mu is held.
func (s *TokenSource) remember(err error) {
	switch e := baseOf(err); e.Code {
	case codes.Unavailable:
	case codes.FailedPrecondition, codes.NotFound:
		s.wanted = 0
		s.failure, s.failureUntil = err, time.Now().Add(errorMemory)
		if e.kind == ErrConnectionRevoked || e.kind == ErrNotFound {
			s.drop()
		}
	default:
		if e.kind == ErrInvalidArgument {
			s.wanted = 0 // it may be what the server does not take
		}
		if alive := s.alive(); alive != nil {
			s.again(alive)
		}
	}
}

// drop forgets the token. REQUIRES: mu is held.
func (s *TokenSource) drop() {
	s.held.Store(nil)
	s.stopTimer()
}
