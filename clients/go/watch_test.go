//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// watch pulls what a watch yields.
func (s *stack) watch(ctx context.Context, request *valetkeyv1.WatchEventsRequest) (next func() (*valetkeyv1.WatchEventsResponse, error), stop func()) {
	pull, stop := iter.Pull2(s.client.WatchEvents(ctx, request))
	return func() (*valetkeyv1.WatchEventsResponse, error) {
		s.Helper()
		message, err, ok := pull()
		if !ok {
			s.Fatal("the watch has ended")
		}
		return message, err
	}, stop
}

func TestAWatchYieldsEvents(t *testing.T) {
	bubble(t, func(s *stack) {
		next, stop := s.watch(s.Context(), nil)
		defer stop()
		message, err := next()
		if err != nil || message.GetCheckpoint() == nil || message.GetCursor() == "" {
			s.Fatalf("first %v, %v", message, err)
		}
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		message, err = next()
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "type", message.GetEvent().GetType(), valetkeyv1.EventType_EVENT_TYPE_CONNECTED)
		expect(s, "connection", message.GetEvent().GetConnection(), "applications/test/connections/c-7")
	})
}

func TestAWatchIsResumedAfterTheLastCursorThatItYielded(t *testing.T) {
	bubble(t, func(s *stack) {
		next, stop := s.watch(s.Context(), &valetkeyv1.WatchEventsRequest{Connection: "c-7"})
		defer stop()
		if _, err := next(); err != nil {
			s.Fatal(err)
		}
		for round := range 3 {
			s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t"})
			message, err := next()
			if err != nil {
				s.Fatal(err)
			}
			expect(s, "generation", message.GetEvent().GetGeneration(), int64(2*round+1))
			breaks := map[int]func(){
				0: s.server.Lag,
				1: func() { s.server.SetAway(true); time.AfterFunc(time.Minute, func() { s.server.SetAway(false) }) },
				2: func() {
					s.server.Lag()
					s.server.Fail("WatchEvents", valetkeytest.Failure{
						Reason: valetkeyv1.ErrorReason_SERVER_SHUTTING_DOWN, RetryDelay: time.Second,
					})
				},
			}
			breaks[round]()
			s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t"})
			message, err = next()
			if err != nil {
				s.Fatal(err)
			}
			expect(s, "generation", message.GetEvent().GetGeneration(), int64(2*round+2))
		}
		requests := s.watchRequests()
		expect(s, "connection", requests[0].GetConnection(), "applications/test/connections/c-7")
		expect(s, "cursor", requests[0].GetCursor(), "")
		// The event may have come over the stream just before it ended.
		if cursor := requests[1].GetCursor(); cursor != "cursor-1" && cursor != "cursor-2" {
			s.Errorf("cursor: found %s, wanted cursor-1 or cursor-2", cursor)
		}
	})
}

func TestTheWaitsOfAWatchBeginAnewAfterAMessage(t *testing.T) {
	bubble(t, func(s *stack) {
		next, stop := s.watch(s.Context(), nil)
		defer stop()
		for range 10 {
			if _, err := next(); err != nil {
				s.Fatal(err)
			}
			s.server.Lag()
		}
		s.near("after", time.Since(s.begun), 900*time.Millisecond)
	})
}

func TestASnapshotThatBreaksBeginsAnew(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t"})
		s.server.SetToken("c-8", valetkeytest.Token{AccessToken: "t"})
		s.breakSnapshotOnce()
		next, stop := s.watch(s.Context(), &valetkeyv1.WatchEventsRequest{Snapshot: true})
		defer stop()
		var names string
		for {
			message, err := next()
			if err != nil {
				s.Fatal(err)
			}
			if message.GetCheckpoint() != nil {
				break
			}
			names += message.GetConnection().GetName()[len("applications/test/connections/"):] + " "
		}
		expect(s, "connections", names, "c-7 c-7 c-8 ")
		s.server.Lag()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t"})
		if message, err := next(); err != nil || message.GetEvent() == nil {
			s.Errorf("after the snapshot %v, %v", message, err)
		}
		requests := s.watchRequests()
		expect(s, "snapshot again", requests[len(requests)-1].GetSnapshot(), false)
	})
}

func TestOtherErrorsEndAWatch(t *testing.T) {
	for _, test := range []struct {
		reason valetkeyv1.ErrorReason
		kind   error
	}{
		{valetkeyv1.ErrorReason_CURSOR_EXPIRED, valetkey.ErrCursorExpired},
		{valetkeyv1.ErrorReason_RIGHT_MISSING, valetkey.ErrPermissionDenied},
		{valetkeyv1.ErrorReason_CURSOR_INVALID, valetkey.ErrInvalidArgument},
	} {
		bubble(t, func(s *stack) {
			s.server.Fail("WatchEvents", valetkeytest.Failure{Reason: test.reason})
			turns := 0
			for message, err := range s.client.WatchEvents(s.Context(), nil) {
				turns++
				expect(s, "no message", message == nil, true)
				expect(s, test.reason.String(), errors.Is(err, test.kind), true)
			}
			expect(s, "turns", turns, 1)
		})
	}
}

func TestAWatchEndsWithItsContextOrClient(t *testing.T) {
	for _, test := range []struct {
		name string
		away bool
	}{{"in a stream", false}, {"between streams", true}} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *stack) {
				s.server.SetAway(test.away)
				ctx, cancel := context.WithCancel(s.Context())
				time.AfterFunc(time.Minute, cancel)
				expect(s, "code", codeOf(lastError(s.client.WatchEvents(ctx, nil))), codes.Canceled)
				expect(s, "after", time.Since(s.begun), time.Minute)
			})
			bubble(t, func(s *stack) {
				s.server.SetAway(test.away)
				time.AfterFunc(time.Minute, func() { s.client.Close() })
				err := lastError(s.client.WatchEvents(s.Context(), nil))
				expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
				expect(s, "after", time.Since(s.begun), time.Minute)
			})
		})
	}
}

func TestALoopThatIsLeftEndsTheStream(t *testing.T) {
	bubble(t, func(s *stack) {
		for range s.client.WatchEvents(s.Context(), nil) {
			expect(s, "streams in the loop", s.openStreams(), 1)
			break
		}
		settle()
		expect(s, "streams after the loop", s.openStreams(), 0)
	})
}

func TestAWatchWithoutAnApplicationIsRefused(t *testing.T) {
	bubble(t, func(s *stack) {
		var refused *valetkey.ConfigError
		err := lastError(s.client.WatchEvents(s.Context(), nil))
		expect(s, "refused", errors.As(err, &refused), true)
	}, valetkey.WithApplication(""))
}

func lastError(watch iter.Seq2[*valetkeyv1.WatchEventsResponse, error]) error {
	var last error
	for _, err := range watch {
		last = err
	}
	return last
}
