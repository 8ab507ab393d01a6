package valetkey

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// The kinds of errors that a program acts on, for [errors.Is].
var (
	// ErrReauthorizationRequired says that the grant is dead at the provider,
	// and the person must consent again. The error is a
	// [*ReauthorizationRequiredError].
	ErrReauthorizationRequired = errors.New("valetkey: the person must consent again")
	// ErrConnectionRevoked says that the connection was revoked at ValetKey.
	ErrConnectionRevoked = errors.New("valetkey: the connection is revoked")
	// ErrScopeNotGranted says that a required scope was not granted. The error
	// is a [*ScopeNotGrantedError].
	ErrScopeNotGranted = errors.New("valetkey: a scope is not granted")
	// ErrConsentDenied says that the person declined.
	ErrConsentDenied = errors.New("valetkey: the person declined")
	// ErrNotFound says that there is nothing of that name, or not for this key.
	ErrNotFound = errors.New("valetkey: not found")
	// ErrInvalidArgument says that the request cannot be right. The error is an
	// [*InvalidArgumentError].
	ErrInvalidArgument = errors.New("valetkey: invalid argument")
	// ErrUnauthenticated says that the API key is missing or no good.
	ErrUnauthenticated = errors.New("valetkey: the API key is not accepted")
	// ErrPermissionDenied says that the API key lacks a right.
	ErrPermissionDenied = errors.New("valetkey: the API key lacks a right")
	// ErrCursorExpired says that the events after a cursor are gone: list, or
	// watch from a snapshot.
	ErrCursorExpired = errors.New("valetkey: the cursor has expired")
	// ErrUnavailable says that ValetKey, or the provider behind it, is away for
	// now; the error's RetryDelay tells when to try again.
	ErrUnavailable = errors.New("valetkey: unavailable")
	// ErrClosed says that the client or the token source was closed. Its code
	// is CANCELLED.
	ErrClosed = errors.New("valetkey: closed")
)

// ReauthorizationRequiredError says that the grant is dead at the provider: the
// person must consent again.
type ReauthorizationRequiredError struct {
	// Err is the call's error.
	Err *Error
	// Connection is `applications/{a}/connections/{c}`.
	Connection string
	// Provider is `applications/{a}/providers/{p}`.
	Provider string
	// Subject is the application's own id of its user, where it is known.
	Subject string
}

func (e *ReauthorizationRequiredError) Error() string { return e.Err.Error() }

// Unwrap is the *Error.
func (e *ReauthorizationRequiredError) Unwrap() error { return e.Err }

// AuthorizeRequest is what to give to [Client.Authorize], perhaps with a return
// URI: a finished consent renews the same connection.
func (e *ReauthorizationRequiredError) AuthorizeRequest() *valetkeyv1.AuthorizeRequest {
	// Without the subject: a connection keeps its own.
	return &valetkeyv1.AuthorizeRequest{
		Provider:   e.Provider,
		Connection: e.Connection,
	}
}

// ScopeNotGrantedError says that required scopes were not granted: Authorize
// with the connection and the scopes.
type ScopeNotGrantedError struct {
	// Err is the call's error.
	Err *Error
	// MissingScopes are the required scopes that were not granted.
	MissingScopes []string
}

func (e *ScopeNotGrantedError) Error() string { return e.Err.Error() }

// Unwrap is the *Error.
func (e *ScopeNotGrantedError) Unwrap() error { return e.Err }

// InvalidArgumentError says that the request cannot be right.
type InvalidArgumentError struct {
	// Err is the call's error.
	Err *Error
	// Field is the request's field at fault; empty if the server does not tell.
	Field string
}

func (e *InvalidArgumentError) Error() string { return e.Err.Error() }

// Unwrap is the *Error.
func (e *InvalidArgumentError) Unwrap() error { return e.Err }

var kindOfReason = map[string]error{
	valetkeyv1.ErrorReason_REAUTHORIZATION_REQUIRED.String(): ErrReauthorizationRequired,
	valetkeyv1.ErrorReason_CONNECTION_REVOKED.String():       ErrConnectionRevoked,
	valetkeyv1.ErrorReason_SCOPE_NOT_GRANTED.String():        ErrScopeNotGranted,
	valetkeyv1.ErrorReason_CONSENT_DENIED.String():           ErrConsentDenied,
	valetkeyv1.ErrorReason_CURSOR_EXPIRED.String():           ErrCursorExpired,
}

var kindOfCode = map[codes.Code]error{
	codes.NotFound:         ErrNotFound,
	codes.InvalidArgument:  ErrInvalidArgument,
	codes.Unauthenticated:  ErrUnauthenticated,
	codes.PermissionDenied: ErrPermissionDenied,
	codes.Unavailable:      ErrUnavailable,
}

// classify sets the error's kind, and wraps it if its kind has fields.
func classify(e *Error) error {
	e.kind = kindOfReason[e.Reason]
	if e.kind == nil {
		e.kind = kindOfCode[e.Code]
	}
	switch e.kind {
	case ErrReauthorizationRequired:
		return &ReauthorizationRequiredError{
			Err:        e,
			Connection: e.Metadata["connection"],
			Provider:   e.Metadata["provider"],
			Subject:    e.Metadata["subject"],
		}
	case ErrScopeNotGranted:
		return &ScopeNotGrantedError{
			Err:           e,
			MissingScopes: strings.Fields(e.Metadata["missing_scopes"]),
		}
	case ErrInvalidArgument:
		return &InvalidArgumentError{Err: e, Field: e.Metadata["field"]}
	}
	return e
}
