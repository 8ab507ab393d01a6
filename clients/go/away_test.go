//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestWhileValetKeyIsAway(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: 30 * time.Minute,
		})
		source := s.source()
		s.read(source)
		s.server.SetAway(true)
		pass(59 * time.Minute)
		expect(s, "token before its end", s.read(source).AccessToken(), "t-1")
		pass(59 * time.Second)
		begun := time.Now()
		expect(s, "token in its last second", s.read(source).AccessToken(), "t-1")
		expect(s, "time that took", time.Since(begun) < 200*time.Millisecond, true)

		pass(2 * time.Second)
		begun = time.Now()
		_, err := s.readWithin(source, 2*time.Second)
		expect(s, "unavailable", errors.Is(err, valetkey.ErrUnavailable), true)
		var failed *valetkey.Error
		errors.As(err, &failed)
		// 0.1, 0.2, 0.4, 0.8, and then 1.6 s would be too long.
		s.near("after", time.Since(begun), 1500*time.Millisecond)
		s.near("retry delay", failed.RetryDelay, 1600*time.Millisecond)

		s.server.SetAway(false)
		token, err := s.readWithin(source, 2*time.Second)
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "token", token.AccessToken(), "renewed-2")
	})
}

func TestAFetchInTheBackgroundGoesOnWhileValetKeyIsAway(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.client.SetRandom(0.5)
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, RefreshIn: 30 * time.Minute,
		})
		source := s.source()
		s.read(source)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
		s.server.Fail("GetToken", valetkeytest.Failure{Times: 8})
		s.server.Fail("GetToken", valetkeytest.Failure{
			Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE, RetryDelay: 20 * time.Second,
		})
		pass(31*time.Minute + 30*time.Second)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		// 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 + 5 + 20 s
		pass(36*time.Second + 200*time.Millisecond)
		expect(s, "calls", s.server.Calls("GetToken"), 10)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		pass(200 * time.Millisecond)
		expect(s, "token", s.read(source).AccessToken(), "t-2")
	})
}

func TestAFetchEndsWithItsLastReader(t *testing.T) {
	bubble(t, func(s *stack) {
		s.blind()
		s.server.Fail("GetToken", valetkeytest.Failure{
			RetryDelay: 10 * time.Second, Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE, Times: -1,
		})
		source := s.source()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		var reader sync.WaitGroup
		reader.Go(func() {
			_, err := source.Token(ctx)
			expect(s, "code", codeOf(err), codes.Canceled)
		})
		pass(25 * time.Second)
		expect(s, "calls", s.server.Calls("GetToken"), 3)
		cancel()
		reader.Wait()
		pass(time.Hour)
		expect(s, "calls in the end", s.server.Calls("GetToken"), 3)
	})
}

func TestAReaderFailsAtOnceIfTheWaitIsTooLong(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("GetToken", valetkeytest.Failure{
			RetryDelay: time.Minute, Reason: valetkeyv1.ErrorReason_PROVIDER_THROTTLED, Times: 2,
		})
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		source := s.source()
		for range 2 { // it is not remembered
			_, err := s.readWithin(source, 30*time.Second)
			var failed *valetkey.Error
			if !errors.As(err, &failed) {
				s.Fatalf("error %v", err)
			}
			expect(s, "reason", failed.Reason, "PROVIDER_THROTTLED")
			expect(s, "retry delay", failed.RetryDelay, time.Minute)
		}
		expect(s, "after", time.Since(s.begun), 0)
		expect(s, "token", s.read(source).AccessToken(), "t-1")
		expect(s, "calls", s.server.Calls("GetToken"), 3)
	})
}

func TestANewReaderDoesNotWaitOutTheWaitOfAnother(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("GetToken", valetkeytest.Failure{
			RetryDelay: 50 * time.Second, Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE,
		})
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		source := s.source()
		var patient sync.WaitGroup
		patient.Go(func() {
			if _, err := s.readWithin(source, time.Hour); err != nil {
				s.Error(err)
			}
		})
		pass(10 * time.Second)
		if _, err := s.readWithin(source, time.Second); err != nil {
			s.Error(err)
		}
		patient.Wait()
		expect(s, "after", time.Since(s.begun), 10*time.Second)
	})
}

func TestADeadlineDuringATry(t *testing.T) {
	t.Run("after one that failed", func(t *testing.T) {
		bubble(t, func(s *stack) {
			s.server.Fail("GetToken", valetkeytest.Failure{})
			s.slowlyAfter(1, time.Minute)
			_, err := s.readWithin(s.source(), time.Second)
			expect(s, "unavailable", errors.Is(err, valetkey.ErrUnavailable), true)
			expect(s, "after", time.Since(s.begun), time.Second)
		})
	})
	t.Run("that is the first", func(t *testing.T) {
		bubble(t, func(s *stack) {
			s.slowly(time.Minute)
			_, err := s.readWithin(s.source(), time.Second)
			expect(s, "code", codeOf(err), codes.DeadlineExceeded)
			expect(s, "after", time.Since(s.begun), time.Second)
		})
	})
}

func TestATryThatFailsAfterItsLastReaderLeftIsTheLast(t *testing.T) {
	bubble(t, func(s *stack) {
		s.onGetToken(func(context.Context, grpc.UnaryHandler, any) (any, error) {
			time.Sleep(10 * time.Second)
			return nil, status.Error(codes.Unavailable, "away")
		})
		_, err := s.readWithin(s.source(), time.Second)
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
		pass(time.Hour)
		expect(s, "calls", s.server.Calls("GetToken"), 1)
	})
}
