//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// blind keeps the client from watching, so that only time is left.
func (s *stack) blind() {
	s.server.Fail("WatchEvents", valetkeytest.Failure{
		Reason: valetkeyv1.ErrorReason_RIGHT_MISSING, Times: -1,
	})
}

// near tells whether two times are the same but for rounding.
func (s *stack) near(what string, found, wanted time.Duration) {
	s.Helper()
	if (found - wanted).Abs() > time.Millisecond {
		s.Errorf("%s: found %v, wanted %v", what, found, wanted)
	}
}

func TestATokenIsRenewedWhenItIsDue(t *testing.T) {
	for _, test := range []struct {
		name      string
		refreshIn time.Duration
		random    float64
		due       time.Duration
	}{
		{"at its refresh time", 30 * time.Minute, 0, 30 * time.Minute},
		{"spread over a tenth of what is left", 30 * time.Minute, 0.5, 31*time.Minute + 30*time.Second},
		{"at 80 % of its life", 0, 0, 48 * time.Minute},
		{"at 80 %, spread", 0, 0.5, 48*time.Minute + 36*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *stack) {
				s.blind()
				s.client.SetRandom(test.random)
				s.server.SetToken("c-7", valetkeytest.Token{
					AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: test.refreshIn,
				})
				source := s.source()
				s.read(source)
				pass(test.due - time.Second)
				expect(s, "calls before", s.server.Calls("GetToken"), 1)
				s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
				pass(2 * time.Second)
				expect(s, "calls after", s.server.Calls("GetToken"), 2)
				expect(s, "token", s.read(source).AccessToken(), "t-2")
				expect(s, "calls in the end", s.server.Calls("GetToken"), 2)
			})
		})
	}
}

func TestATokenThatIsNotRenewedYetIsAskedForAgain(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: 30 * time.Minute,
		})
		s.read(s.source())
		pass(59*time.Minute + 59*time.Second)
		times := s.times("GetToken")
		s.near("first", times[1], 30*time.Minute)
		s.near("second", times[2], 33*time.Minute)               // 3 of 30 min
		s.near("third", times[3], 35*time.Minute+42*time.Second) // 2.7 of 27 min
		s.near("last but one", times[len(times)-1]-times[len(times)-2], time.Second)
	})
}

func TestATokenThatIsDueWhenItComesIsAskedForAgain(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Minute, RefreshIn: -time.Second,
		})
		s.read(s.source())
		pass(5 * time.Second)
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		pass(2 * time.Second)
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}

func TestATokenWithoutExpiryNeedsNoTimer(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		source := s.source()
		s.read(source)
		pass(24 * time.Hour)
		s.read(source)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestAnEventRenewsTheToken(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		s.read(source)
		s.slowly(time.Second)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
		settle()
		expect(s, "token meanwhile", s.read(source).AccessToken(), "t-1")
		pass(time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		expect(s, "least generation", s.tokenRequests()[1].GetMinGeneration(), 2)
		s.server.Emit(&valetkeyv1.Event{
			Type: valetkeyv1.EventType_EVENT_TYPE_REFRESHED, Connection: "c-7", Generation: 2,
		})
		s.server.SetToken("c-8", valetkeytest.Token{AccessToken: "another's"})
		s.server.SetToken("c-8", valetkeytest.Token{AccessToken: "another's"})
		pass(time.Second)
		expect(s, "calls for what is known", s.server.Calls("GetToken"), 2)
	})
}

func TestAnEventDuringAFetchIsNotLost(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		s.client.SetRandom(0)
		source := s.source()
		s.read(source)
		// The fetch reads before the event, and its answer comes after it.
		s.onGetToken(func(ctx context.Context, handler grpc.UnaryHandler, request any) (any, error) {
			response, err := handler(ctx, request)
			time.Sleep(2 * time.Second)
			return response, err
		})
		pass(48 * time.Minute)
		expect(s, "calls", s.server.Calls("GetToken"), 2)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
		pass(5 * time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}

func TestTheTokenOfAnEndedConnectionIsDroppedAtOnce(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		s.read(source)
		s.server.Revoke("c-7")
		s.server.SetAway(true) // what is known needs no call
		settle()
		_, err := s.readWithin(source, time.Second)
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
		s.server.SetAway(false)
		pass(2 * time.Second)
		_, err = source.Token(s.Context())
		expect(s, "revoked for good", errors.Is(err, valetkey.ErrConnectionRevoked), true)

		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-3", ExpiresIn: time.Hour})
		settle()
		expect(s, "token after a new consent", s.read(source).AccessToken(), "t-3")
		if err := s.client.DeleteConnection(s.Context(), &valetkeyv1.DeleteConnectionRequest{Name: "c-7"}); err != nil {
			s.Fatal(err)
		}
		settle()
		calls := s.server.Calls("GetToken")
		_, err = source.Token(s.Context())
		expect(s, "deleted", errors.Is(err, valetkey.ErrNotFound), true)
		expect(s, "calls to learn that", s.server.Calls("GetToken"), calls)
	})
}

func TestATokenOnItsWayDoesNotOutliveItsConnection(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		s.onGetToken(func(ctx context.Context, handler grpc.UnaryHandler, request any) (any, error) {
			response, err := handler(ctx, request)
			time.Sleep(time.Second)
			return response, err
		})
		time.AfterFunc(500*time.Millisecond, func() { s.server.Revoke("c-7") })
		_, err := source.Token(s.Context())
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
	})
}

func TestTheEndOfAnEarlierGenerationIsPast(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
		source := s.source()
		s.read(source)
		s.server.Emit(&valetkeyv1.Event{
			Type: valetkeyv1.EventType_EVENT_TYPE_REVOKED, Connection: "c-7", Generation: 1,
		})
		settle()
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}

func TestATokenOfADeadGrantIsGoodToItsEnd(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		source := s.source()
		s.read(source)
		s.server.RequireReauthorization("c-7")
		pass(time.Hour - time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		pass(2 * time.Second)
		_, err := source.Token(s.Context())
		var ended *valetkey.ReauthorizationRequiredError
		if !errors.As(err, &ended) {
			s.Fatalf("error %v", err)
		}
		expect(s, "connection", ended.Connection, "applications/test/connections/c-7")
	})
}

func TestARevocationThatWasMissedIsLearnedInTheBackground(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: time.Minute,
		})
		source := s.source()
		s.read(source)
		s.server.Revoke("c-7")
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		pass(time.Minute)
		_, err := source.Token(s.Context())
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
	})
}

func TestErrorsAreRememberedForASecond(t *testing.T) {
	bubble(t, func(s *stack) {
		source := s.source()
		for range 1000 {
			_, err := source.Token(s.Context())
			expect(s, "not found", errors.Is(err, valetkey.ErrNotFound), true)
		}
		expect(s, "calls", s.server.Calls("GetToken"), 1)
		pass(time.Second)
		_, err := source.Token(s.Context())
		expect(s, "not found", errors.Is(err, valetkey.ErrNotFound), true)
		expect(s, "calls after a second", s.server.Calls("GetToken"), 2)
		// An event ends the memory.
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		_, err = source.Token(s.Context())
		expect(s, "not found", errors.Is(err, valetkey.ErrNotFound), true)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
		settle()
		expect(s, "token", s.read(source).AccessToken(), "t-2")
	})
}

func TestOtherErrorsAreNotRemembered(t *testing.T) {
	bubble(t, func(s *stack) {
		source := s.source()
		for _, code := range []codes.Code{codes.Internal, codes.PermissionDenied, codes.Unauthenticated} {
			s.server.Fail("GetToken", valetkeytest.Failure{Code: code})
			_, err := source.Token(s.Context())
			expect(s, "code", codeOf(err), code)
		}
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}

func TestAFailedRenewalIsTriedAgain(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: 30 * time.Minute,
		})
		source := s.source()
		s.read(source)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
		s.server.Fail("GetToken", valetkeytest.Failure{Code: codes.Internal})
		pass(30 * time.Minute)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		pass(3 * time.Minute)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
	})
}

func TestAnEventIsActedOnAlthoughAFetchFails(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		source := s.source()
		s.read(source)
		s.server.Fail("GetToken", valetkeytest.Failure{Code: codes.Internal})
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
		pass(time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		pass(5 * time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}

func TestAFetchBeforeItIsDueDoesNotReplaceTheOneThatIs(t *testing.T) {
	bubble(t, func(s *stack) {
		s.delayStreams(time.Minute)
		s.client.SetRandom(0)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: 30 * time.Minute,
		})
		s.read(s.source())
		s.server.Fail("GetToken", valetkeytest.Failure{Code: codes.Internal})
		pass(29 * time.Minute) // the stream began, its fetch failed, and was repeated
		expect(s, "calls", s.server.Calls("GetToken"), 3)
		pass(2 * time.Minute)
		expect(s, "calls", s.server.Calls("GetToken"), 4)
	})
}
