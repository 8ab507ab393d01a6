//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

var getToken = &valetkeyv1.GetTokenRequest{Name: "c-7"}

func within(timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), timeout)
}

func TestUnavailableIsRetriedAfterTheLibrarysOwnWaits(t *testing.T) {
	for _, test := range []struct {
		random float64
		waits  []time.Duration
	}{
		{0, []time.Duration{50, 100, 200, 400, 800, 1600, 2500, 2500}},
		{0.5, []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000}},
		{0.75, []time.Duration{125, 250, 500, 1000, 2000, 4000, 6250, 6250}},
	} {
		bubble(t, func(s *stack) {
			s.client.SetRandom(test.random)
			s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
			s.server.Fail("GetToken", valetkeytest.Failure{Times: len(test.waits)})
			ctx, cancel := within(time.Hour)
			defer cancel()
			if _, err := s.client.GetToken(ctx, getToken); err != nil {
				s.Fatal(err)
			}
			var sum time.Duration
			for _, wait := range test.waits {
				sum += wait * time.Millisecond
			}
			s.near("after", time.Since(s.begun), sum)
			expect(s, "calls", s.server.Calls("GetToken"), len(test.waits)+1)
		})
	}
}

func TestUnavailableIsRetriedAfterRetryInfo(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.server.Fail("GetToken", valetkeytest.Failure{
			Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE, RetryDelay: 7 * time.Second, Times: 2,
		})
		if _, err := s.client.GetToken(s.Context(), getToken); err != nil {
			s.Fatal(err)
		}
		expect(s, "after", time.Since(s.begun), 14*time.Second)
	})
}

func TestAWaitBeyondTheDeadlineIsNotBegun(t *testing.T) {
	for _, test := range []struct {
		name    string
		failure valetkeytest.Failure
		after   time.Duration
		delay   time.Duration
	}{
		{"RetryInfo's", valetkeytest.Failure{
			Reason: valetkeyv1.ErrorReason_PROVIDER_THROTTLED, RetryDelay: time.Minute,
		}, 0, time.Minute},
		// 0.1, 0.2, 0.4, and then 0.8 s would be too long.
		{"the library's", valetkeytest.Failure{Times: -1}, 700 * time.Millisecond, 800 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *stack) {
				s.server.Fail("GetToken", test.failure)
				ctx, cancel := within(time.Second)
				defer cancel()
				_, err := s.client.GetToken(ctx, getToken)
				var failed *valetkey.Error
				if !errors.As(err, &failed) {
					s.Fatalf("error %v", err)
				}
				expect(s, "unavailable", errors.Is(err, valetkey.ErrUnavailable), true)
				expect(s, "after", time.Since(s.begun), test.after)
				expect(s, "retry delay", failed.RetryDelay, test.delay)
			})
		})
	}
}

func TestOtherCodesAreNotRetried(t *testing.T) {
	bubble(t, func(s *stack) {
		calls := 0
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			if code == codes.Unavailable {
				continue
			}
			s.server.Fail("GetToken", valetkeytest.Failure{Code: code})
			_, err := s.client.GetToken(s.Context(), getToken)
			expect(s, "code", codeOf(err), code)
			calls++
			expect(s, "calls", s.server.Calls("GetToken"), calls)
		}
		expect(s, "after", time.Since(s.begun), 0)
	})
}

// eachCall is every unary call, by name.
func eachCall(c *valetkey.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Authorize": func(ctx context.Context) error { _, err := c.Authorize(ctx, nil); return err },
		"Exchange":  func(ctx context.Context) error { _, err := c.Exchange(ctx, nil); return err },
		"GetToken":  func(ctx context.Context) error { _, err := c.GetToken(ctx, nil); return err },
		"Refresh": func(ctx context.Context) error {
			_, err := c.Refresh(ctx, &valetkeyv1.RefreshRequest{Generation: 1})
			return err
		},
		"Revoke":             func(ctx context.Context) error { _, err := c.Revoke(ctx, nil); return err },
		"GetConnection":      func(ctx context.Context) error { _, err := c.GetConnection(ctx, nil); return err },
		"ListConnections":    func(ctx context.Context) error { _, err := c.ListConnections(ctx, nil); return err },
		"UpdateConnection":   func(ctx context.Context) error { _, err := c.UpdateConnection(ctx, nil); return err },
		"DeleteConnection":   func(ctx context.Context) error { return c.DeleteConnection(ctx, nil) },
		"CreateProvider":     func(ctx context.Context) error { _, err := c.CreateProvider(ctx, nil); return err },
		"GetProvider":        func(ctx context.Context) error { _, err := c.GetProvider(ctx, nil); return err },
		"ListProviders":      func(ctx context.Context) error { _, err := c.ListProviders(ctx, nil); return err },
		"UpdateProvider":     func(ctx context.Context) error { _, err := c.UpdateProvider(ctx, nil); return err },
		"DeleteProvider":     func(ctx context.Context) error { return c.DeleteProvider(ctx, nil) },
		"GetCatalogEntry":    func(ctx context.Context) error { _, err := c.GetCatalogEntry(ctx, nil); return err },
		"ListCatalogEntries": func(ctx context.Context) error { _, err := c.ListCatalogEntries(ctx, nil); return err },
		"CreateApplication":  func(ctx context.Context) error { _, err := c.CreateApplication(ctx, nil); return err },
		"GetApplication":     func(ctx context.Context) error { _, err := c.GetApplication(ctx, nil); return err },
		"ListApplications":   func(ctx context.Context) error { _, err := c.ListApplications(ctx, nil); return err },
		"UpdateApplication":  func(ctx context.Context) error { _, err := c.UpdateApplication(ctx, nil); return err },
		"DeleteApplication":  func(ctx context.Context) error { return c.DeleteApplication(ctx, nil) },
		"CreateKey":          func(ctx context.Context) error { _, _, err := c.CreateKey(ctx, nil); return err },
		"ListKeys":           func(ctx context.Context) error { _, err := c.ListKeys(ctx, nil); return err },
		"RevokeKey":          func(ctx context.Context) error { _, err := c.RevokeKey(ctx, nil); return err },
	}
}

func TestOnlyRepeatableCallsAreRepeated(t *testing.T) {
	notRepeatable := map[string]bool{
		"UpdateConnection": true, "DeleteConnection": true,
		"CreateProvider": true, "UpdateProvider": true, "DeleteProvider": true,
		"CreateApplication": true, "UpdateApplication": true, "DeleteApplication": true,
		"CreateKey": true,
	}
	bubble(t, func(s *stack) {
		for method, call := range eachCall(s.client) {
			s.server.Fail(method, valetkeytest.Failure{Times: 3})
			err := call(s.Context())
			if notRepeatable[method] {
				expect(s, method+" is unavailable", errors.Is(err, valetkey.ErrUnavailable), true)
				expect(s, "calls of "+method, s.server.Calls(method), 1)
			} else {
				expect(s, method+" is unavailable", errors.Is(err, valetkey.ErrUnavailable), false)
				expect(s, "calls of "+method, s.server.Calls(method), 4)
			}
			var failed *valetkey.Error
			if errors.As(err, &failed) {
				expect(s, "method", failed.Method, method)
			}
		}
		s.server.Fail("Refresh", valetkeytest.Failure{})
		calls := s.server.Calls("Refresh")
		_, err := s.client.Refresh(s.Context(), &valetkeyv1.RefreshRequest{Name: "c-7"})
		expect(s, "Refresh without a generation", errors.Is(err, valetkey.ErrUnavailable), true)
		expect(s, "calls", s.server.Calls("Refresh"), calls+1)
	})
}

func TestACallHasADeadline(t *testing.T) {
	bubble(t, func(s *stack) {
		s.slowly(time.Hour)
		_, err := s.client.GetToken(context.Background(), getToken)
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
		expect(s, "is the context's error", errors.Is(err, context.DeadlineExceeded), true)
		expect(s, "after", time.Since(s.begun), 30*time.Second)
		own := s.newClient(valetkey.WithTimeout(3 * time.Second))
		defer own.Close()
		_, err = own.GetToken(context.Background(), getToken)
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
		expect(s, "after", time.Since(s.begun), 33*time.Second)
	})
}

func TestADeadlineDuringATryAfterOneThatFailed(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("GetToken", valetkeytest.Failure{
			Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE, RetryDelay: time.Second,
		})
		s.slowlyAfter(1, time.Hour)
		_, err := s.client.GetToken(context.Background(), getToken)
		var failed *valetkey.Error
		if !errors.As(err, &failed) {
			s.Fatalf("error %v", err)
		}
		expect(s, "reason", failed.Reason, "STORE_UNAVAILABLE")
		expect(s, "retry delay", failed.RetryDelay, time.Second)
		expect(s, "after", time.Since(s.begun), 30*time.Second)
	})
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	for _, test := range []struct {
		name string
		hold func(*stack)
	}{
		{"in a try", func(s *stack) { s.slowly(time.Hour) }},
		{"between tries", func(s *stack) {
			s.server.Fail("GetToken", valetkeytest.Failure{
				Reason: valetkeyv1.ErrorReason_STORE_UNAVAILABLE, RetryDelay: 20 * time.Second,
			})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *stack) {
				test.hold(s)
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(time.Second, cancel)
				_, err := s.client.GetToken(ctx, getToken)
				expect(s, "cancelled", errors.Is(err, context.Canceled), true)
				expect(s, "closed", errors.Is(err, valetkey.ErrClosed), false)
				expect(s, "after", time.Since(s.begun), time.Second)
			})
			bubble(t, func(s *stack) {
				test.hold(s)
				time.AfterFunc(time.Second, func() { s.client.Close() })
				_, err := s.client.GetToken(s.Context(), getToken)
				expect(s, "closed", errors.Is(err, valetkey.ErrClosed), true)
				expect(s, "after", time.Since(s.begun), time.Second)
			})
		})
	}
}

func TestTheAPIKeyIsSent(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		s.server.RequireAPIKey("vk_right")
		_, err := s.client.GetToken(s.Context(), getToken)
		expect(s, "unauthenticated", errors.Is(err, valetkey.ErrUnauthenticated), true)
		for key, good := range map[string]bool{"vk_right": true, "vk_wrong": false} {
			client := s.newClient(valetkey.WithAPIKey(key))
			defer client.Close()
			_, err := client.GetToken(s.Context(), getToken)
			expect(s, "good", err == nil, good)
		}
	})
}
