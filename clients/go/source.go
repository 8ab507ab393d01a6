package valetkey

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	methodGetToken = "GetToken"
	// margin is how long a token must live to be given out of memory.
	margin = 2 * time.Second
	// errorMemory is how long an error is given out of memory.
	errorMemory = time.Second
)

// TokenSource holds one connection's access token and keeps it fresh: it hears
// of new tokens by the client's one stream of events, and asks when one is due.
// It is safe for concurrent use; one for each connection is the rule, kept for
// as long as the connection is used.
type TokenSource struct {
	client     *Client
	connection string
	settings   sourceSettings

	// held is the token to give out; nil: none.
	held atomic.Pointer[Token]

	// closing is done when the source is closed; running counts its flights.
	closing context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	hub    *hub // nil until the first fetch
	flight *flight
	timer  *time.Timer
	due    time.Time // when the timer fires for the first time for a token
	// highest is the highest generation that was ever held. Nothing lower is
	// given out.
	highest int64
	// rejected is the generation that the provider refuses; 0: none.
	rejected int64
	// wanted is the highest generation that an event told of.
	wanted int64
	// dead is the generation at which the connection was last revoked or
	// deleted.
	dead int64
	// gap is set if a GetToken under way may have been answered before the
	// stream of events began.
	gap bool
	// failure is what readers are told until then, without a call.
	failure      error
	failureUntil time.Time
}

// TokenSourceOption configures a [TokenSource].
type TokenSourceOption func(*sourceSettings)

// sourceSettings is what options say.
type sourceSettings struct {
	token          string
	requiredScopes []string
}

// WithToken says which of the connection's tokens, where a provider gives
// several in one grant (Slack: "user").
func WithToken(name string) TokenSourceOption {
	return func(s *sourceSettings) { s.token = name }
}

// WithRequiredScopes has [TokenSource.Token] fail with [ErrScopeNotGranted]
// unless all of these are granted.
func WithRequiredScopes(scopes ...string) TokenSourceOption {
	return func(s *sourceSettings) { s.requiredScopes = slices.Clone(scopes) }
}

// TokenSource makes a source of a connection's access tokens; the name may be
// short. It sends nothing: the first [TokenSource.Token] does. The error is a
// [*ConfigError], or [ErrClosed].
func (c *Client) TokenSource(connection string, options ...TokenSourceOption) (*TokenSource, error) {
	if err := c.expandConnection(&connection); err != nil {
		return nil, err
	}
	if connection == "" {
		return nil, configError("name", "a token source needs a connection")
	}
	s := &TokenSource{client: c, connection: connection}
	for _, option := range options {
		option(&s.settings)
	}
	s.closing, s.cancel = context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.cancel()
		return nil, closedError(methodGetToken, "the client")
	}
	c.sources[s] = struct{}{}
	return s, nil
}

// Connection is the whole name of the source's connection.
func (s *TokenSource) Connection() string { return s.connection }

// Token returns a valid access token: from memory, if one is there that lives
// 2 s longer, and then it neither locks nor waits. Otherwise it waits for the
// one GetToken that all readers share, with the context's deadline or else the
// client's timeout.
//
// While ValetKey is away the held token is served to its end; then the error is
// [ErrUnavailable].
func (s *TokenSource) Token(ctx context.Context) (*Token, error) {
	if token := s.held.Load(); token != nil && token.livesFor(margin) {
		return token, nil
	}
	return s.wait(ctx)
}

// Invalidate says that the provider refused the token of this generation: it is
// not given out any more, and ValetKey is asked for another by the next reader.
// If a newer one is held, nothing happens.
func (s *TokenSource) Invalidate(generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.held.Load(); held != nil && held.Generation == generation {
		s.rejected = generation
		s.held.Store(nil)
	}
}

// Close ends the source: readers that wait, and later ones, fail with
// [ErrClosed]. It may be called twice.
func (s *TokenSource) Close() error {
	s.client.mu.Lock()
	delete(s.client.sources, s)
	s.client.mu.Unlock()
	s.stop()
	return nil
}

// stop ends all that the source has under way, and returns when it has ended.
func (s *TokenSource) stop() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.drop()
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	if first && s.hub != nil {
		s.client.leaveHub(s.hub, s)
	}
}

// String tells the connection.
func (s *TokenSource) String() string {
	return "valetkey.TokenSource(" + s.connection + ")"
}

// wait joins the fetch under way, or begins one, and waits for what becomes of
// it.
func (s *TokenSource) wait(ctx context.Context) (*Token, error) {
	ctx, cancel := s.client.withDeadline(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.closed {
			return nil, s.closedError()
		}
		if token := s.held.Load(); token != nil && token.livesFor(margin) {
			return token, nil
		}
		if s.failure != nil && time.Now().Before(s.failureUntil) {
			return s.aliveOr(s.failure)
		}
		f := s.board(deadline)
		token, err := s.ride(ctx, f, deadline)
		s.alight(f)
		if err != nil && f.late && time.Now().Before(deadline) && ctx.Err() == nil {
			continue // it had the deadline of those who were there earlier
		}
		return token, err
	}
}

// ride waits for the end of the flight or of the context. REQUIRES: mu is held;
// it is let go meanwhile.
func (s *TokenSource) ride(ctx context.Context, f *flight, deadline time.Time) (*Token, error) {
	for {
		switch {
		case f.ended && f.err == nil:
			return f.token, nil
		case f.ended:
			return s.aliveOr(f.err)
		case f.unavailable != nil && s.alive() != nil:
			return s.alive(), nil
		case f.next.After(deadline):
			return nil, f.unavailable.withRetryDelay(time.Until(f.next))
		}
		changed := f.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil && !f.ended {
			return s.aliveOr(s.gaveUp(ctx, f))
		}
	}
}

// gaveUp is the error of a reader whose context ended before the flight.
func (s *TokenSource) gaveUp(ctx context.Context, f *flight) error {
	if f.unavailable != nil && ctx.Err() == context.DeadlineExceeded {
		return f.unavailable
	}
	return s.client.failure(methodGetToken, ctx.Err())
}

// alive is the held token, to its end; nil: none.
func (s *TokenSource) alive() *Token {
	if token := s.held.Load(); token != nil && token.livesFor(0) {
		return token
	}
	return nil
}

// aliveOr is the held token, to its end, and then the error.
func (s *TokenSource) aliveOr(err error) (*Token, error) {
	if token := s.alive(); token != nil {
		return token, nil
	}
	return nil, err
}

func (s *TokenSource) closedError() error {
	return closedError(methodGetToken, "the token source")
}
