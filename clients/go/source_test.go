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
	"google.golang.org/grpc/codes"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestATokenIsReadFromMemory(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", Type: "bearer", ExpiresIn: time.Hour, Scopes: []string{"pins:read"},
		})
		source := s.source()
		settle()
		expect(s, "calls of a source that is not read", s.server.Calls("GetToken"), 0)
		expect(s, "streams of a source that is not read", s.server.Calls("WatchEvents"), 0)
		token := s.read(source)
		expect(s, "access token", token.AccessToken(), "t-1")
		expect(s, "type", token.TokenType, "bearer")
		expect(s, "generation", token.Generation, 1)
		expect(s, "expiry", time.Until(token.Expiry), time.Hour)
		expect(s, "scopes", slices.Equal(token.Scopes, []string{"pins:read"}), true)
		for range 100 {
			expect(s, "token", s.read(source), token)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := source.Token(ended); err != nil {
			s.Errorf("a read of memory fails with its context: %v", err)
		}
		expect(s, "calls", s.server.Calls("GetToken"), 1)
		expect(s, "name", s.tokenRequests()[0].GetName(), "applications/test/connections/c-7")
	})
}

func TestTheOptionsOfASourceAreAskedFor(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "main"})
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "theirs", Name: "user", Scopes: []string{"a", "b"}})
		expect(s, "token", s.read(s.source(valetkey.WithToken("user"))).AccessToken(), "theirs")
		_, err := s.source(valetkey.WithRequiredScopes("a", "c")).Token(s.Context())
		var missing *valetkey.ScopeNotGrantedError
		if !errors.As(err, &missing) || !slices.Equal(missing.MissingScopes, []string{"a", "c"}) {
			s.Errorf("error %v", err)
		}
	})
}

func TestAHundredFirstReadersShareOneCall(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		s.slowly(time.Second)
		source := s.source()
		var readers sync.WaitGroup
		for range 100 {
			readers.Go(func() { expect(s, "token", s.read(source).AccessToken(), "t-1") })
		}
		readers.Wait()
		expect(s, "calls", s.server.Calls("GetToken"), 1)
		expect(s, "streams", s.server.Calls("WatchEvents"), 1)
	})
}

func TestTheHeldTokenIsNotReadInItsLastTwoSeconds(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Minute, RefreshIn: time.Hour,
		})
		source := s.source()
		s.read(source)
		pass(58*time.Second - time.Millisecond)
		s.read(source)
		expect(s, "calls before", s.server.Calls("GetToken"), 1)
		pass(2 * time.Millisecond)
		s.read(source)
		expect(s, "calls after", s.server.Calls("GetToken"), 2)
	})
}

func TestAnExpiredTokenIsFetchedAnew(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("WatchEvents", valetkeytest.Failure{Reason: valetkeyv1.ErrorReason_RIGHT_MISSING})
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Minute, RefreshIn: time.Hour,
		})
		source := s.source()
		s.read(source)
		pass(time.Minute)
		expect(s, "token", s.read(source).AccessToken(), "renewed-2")
	})
}

func TestWhoWaitedGetsATokenHoweverShortItsLife(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Second})
		source := s.source()
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		expect(s, "calls", s.server.Calls("GetToken"), 2)
	})
}

func TestAReaderThatGivesUpCancelsNothing(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		s.slowly(10 * time.Second)
		source := s.source()
		_, err := s.readWithin(source, time.Second)
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
		expect(s, "is the context's error", errors.Is(err, context.DeadlineExceeded), true)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestACancelledReaderFailsAtOnce(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.slowly(time.Minute)
		source := s.source()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err := source.Token(ctx)
		expect(s, "code", codeOf(err), codes.Canceled)
		expect(s, "is the context's error", errors.Is(err, context.Canceled), true)
		expect(s, "is closed", errors.Is(err, valetkey.ErrClosed), false)
		expect(s, "after", time.Since(s.begun), time.Second)
	})
}

func TestAReaderMayWaitLongerThanTheOneWhoBeganTheFetch(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		s.slowly(5 * time.Second)
		source := s.source()
		var first sync.WaitGroup
		first.Go(func() {
			_, err := source.Token(context.Background())
			expect(s, "code of the first", codeOf(err), codes.DeadlineExceeded)
		})
		settle()
		token, err := s.readWithin(source, time.Minute)
		first.Wait()
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "token", token.AccessToken(), "t-1")
	}, valetkey.WithTimeout(time.Second))
}

func TestAnEndedFetchOfTheServersIsNotRepeated(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("GetToken", valetkeytest.Failure{Code: codes.DeadlineExceeded, Times: -1})
		_, err := s.source().Token(context.Background())
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestALowerGenerationIsNotGivenOut(t *testing.T) {
	bubble(t, func(s *stack) {
		for range 5 {
			s.server.SetToken("c-7", valetkeytest.Token{
				AccessToken: "newer", ExpiresIn: time.Minute, RefreshIn: 30 * time.Second,
			})
		}
		source := s.source()
		expect(s, "generation", s.read(source).Generation, 5)
		stale := func(ctx context.Context, handler grpc.UnaryHandler, request any) (any, error) {
			return &valetkeyv1.GetTokenResponse{Token: &valetkeyv1.Token{AccessToken: "older", Generation: 4}}, nil
		}
		s.onGetToken(stale)
		pass(40 * time.Second) // a fetch in the background
		expect(s, "calls", s.server.Calls("GetToken") > 1, true)
		expect(s, "generation", s.read(source).Generation, 5)
		source.Invalidate(5)
		_, err := s.readWithin(source, time.Second)
		expect(s, "unavailable", errors.Is(err, valetkey.ErrUnavailable), true)
		s.onGetToken(nil)
		expect(s, "generation", s.read(source).Generation, 6)
	})
}

func TestTheSameGenerationWithALaterExpiryIsTaken(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Minute, RefreshIn: 30 * time.Second,
		})
		source := s.source()
		s.read(source)
		answers := func(expiresIn time.Duration) {
			expiry := time.Now().Add(expiresIn)
			s.onGetToken(func(context.Context, grpc.UnaryHandler, any) (any, error) {
				return &valetkeyv1.GetTokenResponse{Token: &valetkeyv1.Token{
					AccessToken: "t-1", Generation: 1, ExpireTime: timestamp(expiry),
				}}, nil
			})
		}
		answers(45 * time.Second)
		pass(32 * time.Second) // it was due after 31.5 s
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		expect(s, "expiry", s.read(source).Expiry.Sub(s.begun), time.Minute)
		answers(time.Hour)
		pass(5 * time.Second)
		expect(s, "expiry", s.read(source).Expiry.Sub(s.begun), time.Hour+32*time.Second)
	})
}

func TestInvalidateAsksForAnotherToken(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		first := s.read(source)
		source.Invalidate(first.Generation + 1)
		source.Invalidate(first.Generation - 1)
		expect(s, "token", s.read(source), first)
		source.Invalidate(first.Generation)
		source.Invalidate(first.Generation)
		settle()
		expect(s, "calls without a reader", s.server.Calls("GetToken"), 1)
		s.slowly(time.Second)
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() { expect(s, "generation", s.read(source).Generation, 2) })
		}
		readers.Wait()
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		expect(s, "rejected", s.tokenRequests()[1].GetRejectedGeneration(), 1)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-3", ExpiresIn: time.Hour})
		pass(2 * time.Second)
		expect(s, "rejected when it is past", s.tokenRequests()[2].GetRejectedGeneration(), 0)
		source.Invalidate(3)
		s.read(source)
		expect(s, "rejected", s.tokenRequests()[3].GetRejectedGeneration(), 3)
	})
}

func TestARejectedTokenThatIsOnItsWayIsNotGivenOut(t *testing.T) {
	bubble(t, func(s *stack) {
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: time.Minute,
		})
		source := s.source()
		s.read(source)
		s.slowly(time.Second)
		pass(time.Minute) // a fetch in the background is under way
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		source.Invalidate(1)
		expect(s, "generation", s.read(source).Generation, 2)
		expect(s, "after", time.Since(s.begun), 62*time.Second)
		expect(s, "rejected", s.tokenRequests()[2].GetRejectedGeneration(), 1)
	})
}

func TestTheHeldTokenIsServedToItsEndWhateverFails(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Minute, RefreshIn: time.Hour})
		source := s.source()
		s.read(source)
		pass(59 * time.Second)
		for _, failure := range []valetkeytest.Failure{
			{Code: codes.Internal}, {Reason: valetkeyv1.ErrorReason_REAUTHORIZATION_REQUIRED},
		} {
			s.server.Fail("GetToken", failure)
			expect(s, "token", s.read(source).AccessToken(), "t-1")
		}
		expect(s, "token while an error is remembered", s.read(source).AccessToken(), "t-1")
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}
