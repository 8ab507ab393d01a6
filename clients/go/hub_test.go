//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestSourcesOfAnApplicationShareAStream(t *testing.T) {
	bubble(t, func(s *stack) {
		if _, err := s.client.CreateApplication(s.Context(), &valetkeyv1.CreateApplicationRequest{ApplicationId: "other"}); err != nil {
			s.Fatal(err)
		}
		sources := map[string]*valetkey.TokenSource{}
		for _, name := range []string{"c-7", "c-8", "other/c-9"} {
			s.server.SetToken(name, valetkeytest.Token{AccessToken: "of " + name})
			source, err := s.client.TokenSource(name)
			if err != nil {
				s.Fatal(err)
			}
			sources[name] = source
			s.read(source)
		}
		requests := s.watchRequests()
		expect(s, "streams", len(requests), 2)
		expect(s, "parent", requests[0].GetParent(), "applications/test")
		expect(s, "parent", requests[1].GetParent(), "applications/other")
		expect(s, "types", slices.Equal(requests[0].GetTypes(), []valetkeyv1.EventType{
			valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZED,
			valetkeyv1.EventType_EVENT_TYPE_REFRESHED,
			valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZATION_REQUIRED,
			valetkeyv1.EventType_EVENT_TYPE_REVOKED,
			valetkeyv1.EventType_EVENT_TYPE_DELETED,
		}), true)

		sources["c-7"].Close()
		s.server.SetToken("c-8", valetkeytest.Token{AccessToken: "t-2"})
		settle()
		expect(s, "token", s.read(sources["c-8"]).AccessToken(), "t-2")
		sources["c-8"].Close()
		s.read(s.source())
		expect(s, "streams after the last was closed", len(s.watchRequests()), 3)
	})
}

func TestTheFirstTokenIsAskedForAfterTheStreamBegan(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.delayStreams(300 * time.Millisecond)
		s.read(s.source())
		expect(s, "after", time.Since(s.begun), 300*time.Millisecond)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
		// The second source finds it open.
		second := s.source()
		s.read(second)
		expect(s, "after", time.Since(s.begun), 300*time.Millisecond)
	})
}

func TestAStreamThatDoesNotComeIsWaitedForOneSecond(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.delayStreams(10 * time.Second)
		source := s.source()
		s.read(source)
		expect(s, "after", time.Since(s.begun), time.Second)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		// It begins without a cursor, and what came before it is fetched once.
		pass(10 * time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		expect(s, "calls", s.server.Calls("GetToken"), 2)
	})
}

func TestTheDeadlineHoldsWhileTheStreamIsWaitedFor(t *testing.T) {
	bubble(t, func(s *stack) {
		s.delayStreams(10 * time.Second)
		_, err := s.readWithin(s.source(), 100*time.Millisecond)
		expect(s, "deadline", errors.Is(err, context.DeadlineExceeded), true)
		expect(s, "after", time.Since(s.begun), 100*time.Millisecond)
	})
}

func TestAKeyThatMayNotWatchIsNotTriedForFiveMinutes(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.server.Fail("WatchEvents", valetkeytest.Failure{Reason: valetkeyv1.ErrorReason_RIGHT_MISSING})
		source := s.source()
		s.read(source)
		expect(s, "after", time.Since(s.begun), 0)
		source.Close()
		source = s.source() // nor for the sources that follow
		s.read(source)
		pass(299 * time.Second)
		expect(s, "streams", s.server.Calls("WatchEvents"), 1)
		pass(2 * time.Second)
		expect(s, "streams", s.server.Calls("WatchEvents"), 2)
		expect(s, "calls, as the stream has begun", s.server.Calls("GetToken"), 3)
	})
}

func TestAnOpenSourceDoesNotHaveTheStreamTriedForFiveMinutesEither(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.server.Fail("WatchEvents", valetkeytest.Failure{Reason: valetkeyv1.ErrorReason_RIGHT_MISSING})
		s.read(s.source())
		pass(299 * time.Second)
		expect(s, "streams", s.server.Calls("WatchEvents"), 1)
		pass(2 * time.Second)
		expect(s, "streams", s.server.Calls("WatchEvents"), 2)
	})
}

func TestTheStreamIsResumedFromItsCursor(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		source := s.source()
		s.read(source)
		s.server.SetAway(true)
		settle()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
		pass(time.Minute)
		expect(s, "tries of a minute, no more than 5 s apart", s.server.Calls("WatchEvents") > 12, true)
		expect(s, "tries of a minute, with waits", s.server.Calls("WatchEvents") < 20, true)
		s.server.SetAway(false)
		pass(5 * time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		requests := s.watchRequests()
		expect(s, "cursor", requests[len(requests)-1].GetCursor(), "cursor-1")
		expect(s, "calls", s.server.Calls("GetToken"), 2)

		s.server.Lag()
		settle()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-3"})
		pass(time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-3")
	})
}

func TestAnExpiredCursorBeginsTheStreamAnew(t *testing.T) {
	for _, reason := range []valetkeyv1.ErrorReason{
		valetkeyv1.ErrorReason_CURSOR_EXPIRED, valetkeyv1.ErrorReason_CURSOR_INVALID,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			bubble(t, func(s *stack) {
				s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
				source := s.source()
				s.read(source)
				unread := s.source()
				s.server.Fail("WatchEvents", valetkeytest.Failure{Reason: reason})
				s.server.Lag()
				settle()
				s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
				pass(time.Second)
				requests := s.watchRequests()
				expect(s, "cursor", requests[len(requests)-1].GetCursor(), "")
				expect(s, "token", s.read(source).AccessToken(), "t-2")
				expect(s, "calls", s.server.Calls("GetToken"), 2)
				unread.Close()
			})
		})
	}
}

func TestAStreamThatBeginsDuringAFetchHasItRepeated(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.delayStreams(2 * time.Second)
		s.slowly(3 * time.Second) // from 1 s on
		source := s.source()
		s.read(source)
		pass(time.Minute)
		expect(s, "calls", s.server.Calls("GetToken"), 2)
	})
}

func TestClosingASource(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		s.slowly(time.Minute)
		source := s.source()
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				_, err := source.Token(s.Context())
				expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
			})
		}
		pass(time.Second)
		source.Close()
		readers.Wait()
		expect(s, "after", time.Since(s.begun), time.Second)
		_, err := source.Token(s.Context())
		expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		expect(s, "code", codeOf(err).String(), "Canceled")
		source.Close()
		source.Invalidate(1)
		pass(2 * time.Hour)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestClosingASourceDropsItsToken(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		s.read(source)
		source.Close()
		_, err := source.Token(s.Context())
		expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		pass(2 * time.Hour)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestClosingTheClientClosesItsSources(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetAway(true)
		source := s.source()
		var reader sync.WaitGroup
		reader.Go(func() {
			_, err := source.Token(s.Context())
			expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		})
		pass(time.Second)
		s.client.Close()
		s.client.Close()
		reader.Wait()
		_, err := source.Token(s.Context())
		expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		_, err = s.client.TokenSource("c-7")
		expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		_, err = s.client.GetToken(s.Context(), &valetkeyv1.GetTokenRequest{Name: "c-7"})
		expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
		source.Close()
	})
}

// slowStream takes a second to notice that it has ended.
type slowStream struct{ grpc.ClientStream }

func (s slowStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err != nil {
		time.Sleep(time.Second)
	}
	return err
}

func TestNothingRunsOnWhenASourceIsClosed(t *testing.T) {
	slowCalls := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, request, reply any,
		connection *grpc.ClientConn, invoker grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		err := invoker(ctx, method, request, reply, connection, options...)
		if ctx.Err() != nil {
			time.Sleep(time.Second)
		}
		return err
	})
	slowStreams := grpc.WithChainStreamInterceptor(func(ctx context.Context, description *grpc.StreamDesc,
		connection *grpc.ClientConn, method string, streamer grpc.Streamer, options ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, description, connection, method, options...)
		return slowStream{stream}, err
	})
	for name, option := range map[string]grpc.DialOption{"call": slowCalls, "stream": slowStreams} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *stack) {
				s.slowly(time.Hour)
				source := s.source()
				_, err := s.readWithin(source, time.Second)
				expect(s, "deadline", errors.Is(err, context.DeadlineExceeded), true)
				begun := time.Now()
				source.Close()
				expect(s, "closing waits for it", time.Since(begun), time.Second)
			}, valetkey.WithDialOptions(option))
		})
	}
}

func TestClosingASourceThatIsBeginningToRead(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		for range 100 { // a stream that is left open fails the test
			source := s.source()
			var reader sync.WaitGroup
			reader.Go(func() { _, _ = source.Token(s.Context()) })
			source.Close()
			reader.Wait()
		}
	})
}
