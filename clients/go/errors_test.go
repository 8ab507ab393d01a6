//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

var kinds = map[error]string{
	valetkey.ErrReauthorizationRequired: "ReauthorizationRequired",
	valetkey.ErrConnectionRevoked:       "ConnectionRevoked",
	valetkey.ErrScopeNotGranted:         "ScopeNotGranted",
	valetkey.ErrConsentDenied:           "ConsentDenied",
	valetkey.ErrNotFound:                "NotFound",
	valetkey.ErrInvalidArgument:         "InvalidArgument",
	valetkey.ErrUnauthenticated:         "Unauthenticated",
	valetkey.ErrPermissionDenied:        "PermissionDenied",
	valetkey.ErrCursorExpired:           "CursorExpired",
	valetkey.ErrUnavailable:             "Unavailable",
}

func kindsOf(err error) string {
	var found []string
	for kind, name := range kinds {
		if errors.Is(err, kind) {
			found = append(found, name)
		}
	}
	return strings.Join(found, "+")
}

func TestKindsOfErrors(t *testing.T) {
	for reason, wanted := range map[valetkeyv1.ErrorReason]string{
		valetkeyv1.ErrorReason_REAUTHORIZATION_REQUIRED:    "ReauthorizationRequired",
		valetkeyv1.ErrorReason_CONNECTION_REVOKED:          "ConnectionRevoked",
		valetkeyv1.ErrorReason_SCOPE_NOT_GRANTED:           "ScopeNotGranted",
		valetkeyv1.ErrorReason_CONSENT_DENIED:              "ConsentDenied",
		valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND:        "NotFound",
		valetkeyv1.ErrorReason_CATALOG_ENTRY_NOT_FOUND:     "NotFound",
		valetkeyv1.ErrorReason_FIELD_INVALID:               "InvalidArgument",
		valetkeyv1.ErrorReason_AUTHORIZATION_STATE_INVALID: "InvalidArgument",
		valetkeyv1.ErrorReason_API_KEY_INVALID:             "Unauthenticated",
		valetkeyv1.ErrorReason_RIGHT_MISSING:               "PermissionDenied",
		valetkeyv1.ErrorReason_CURSOR_EXPIRED:              "CursorExpired",
		valetkeyv1.ErrorReason_PROVIDER_UNAVAILABLE:        "Unavailable",
		valetkeyv1.ErrorReason_ETAG_MISMATCH:               "",
		valetkeyv1.ErrorReason_REFRESH_UNSUPPORTED:         "",
		valetkeyv1.ErrorReason_INTERNAL_FAULT:              "",
	} {
		bubble(t, func(s *stack) {
			metadata := map[string]string{"a": "b"}
			s.server.Fail("CreateKey", valetkeytest.Failure{Reason: reason, Metadata: metadata})
			_, _, err := s.client.CreateKey(s.Context(), nil)
			expect(s, reason.String(), kindsOf(err), wanted)
			var failed *valetkey.Error
			if !errors.As(err, &failed) {
				s.Fatalf("error %v", err)
			}
			expect(s, "reason", failed.Reason, reason.String())
			expect(s, "metadata", maps.Equal(failed.Metadata, metadata), true)
			expect(s, "code", status.Code(err), failed.Code)
			expect(s, "retry delay", failed.RetryDelay, 0)
			expect(s, "text", strings.Contains(err.Error(), "CreateKey: "+failed.Code.String()+" ("+failed.Reason+")"), true)
			expect(s, "details", len(status.Convert(err).Details()), 1)
		})
	}
	for code, wanted := range map[codes.Code]string{
		codes.NotFound:           "NotFound",
		codes.InvalidArgument:    "InvalidArgument",
		codes.Unauthenticated:    "Unauthenticated",
		codes.PermissionDenied:   "PermissionDenied",
		codes.Unavailable:        "Unavailable",
		codes.FailedPrecondition: "",
		codes.OutOfRange:         "",
	} {
		bubble(t, func(s *stack) {
			s.server.Fail("CreateKey", valetkeytest.Failure{Code: code})
			_, _, err := s.client.CreateKey(s.Context(), nil)
			expect(s, code.String(), kindsOf(err), wanted)
		})
	}
}

func TestAReasonThatIsNotKnownIsKept(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.Fail("GetToken", valetkeytest.Failure{Reason: 9999})
		_, err := s.client.GetToken(s.Context(), getToken)
		var failed *valetkey.Error
		if !errors.As(err, &failed) {
			s.Fatalf("error %v", err)
		}
		expect(s, "reason", failed.Reason, "9999")
		expect(s, "code", failed.Code, codes.FailedPrecondition)
	})
}

func TestTheFieldsOfErrors(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Second})
		s.server.RequireReauthorization("c-7")
		time.Sleep(time.Second)
		_, err := s.client.GetToken(s.Context(), getToken)
		var ended *valetkey.ReauthorizationRequiredError
		if !errors.As(fmt.Errorf("wrapped: %w", err), &ended) {
			s.Fatalf("error %v", err)
		}
		expect(s, "connection", ended.Connection, "applications/test/connections/c-7")
		expect(s, "provider", ended.Provider, "applications/test/providers/pinterest")
		expect(s, "subject", ended.Subject, "user-of-c-7")
		expect(s, "text", ended.Error(), ended.Err.Error())
		begun, err := s.client.Authorize(s.Context(), ended.AuthorizeRequest())
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "connection", begun.GetConnection(), ended.Connection)

		_, err = s.client.GetToken(s.Context(), &valetkeyv1.GetTokenRequest{Name: "c-7", MinGeneration: 5})
		var invalid *valetkey.InvalidArgumentError
		if !errors.As(err, &invalid) {
			s.Fatalf("error %v", err)
		}
		expect(s, "field", invalid.Field, "min_generation")
		expect(s, "text", invalid.Error(), invalid.Err.Error())
		var missing *valetkey.ScopeNotGrantedError
		_, err = s.client.GetToken(s.Context(), &valetkeyv1.GetTokenRequest{Name: "c-7", RequiredScopes: []string{"a"}})
		if !errors.As(err, &missing) {
			s.Fatalf("error %v", err)
		}
		expect(s, "text", missing.Error(), missing.Err.Error())
	})
}

func TestErrorsOfContexts(t *testing.T) {
	bubble(t, func(s *stack) {
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		_, err := s.client.GetToken(ctx, getToken)
		expect(s, "cancelled", errors.Is(err, context.Canceled), true)
		expect(s, "code", codeOf(err), codes.Canceled)
		ctx, cancel = context.WithTimeout(s.Context(), -1)
		defer cancel()
		_, err = s.client.GetToken(ctx, getToken)
		expect(s, "deadline", errors.Is(err, context.DeadlineExceeded), true)
		expect(s, "code", codeOf(err), codes.DeadlineExceeded)
	})
}
