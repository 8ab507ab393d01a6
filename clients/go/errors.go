package valetkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain is the domain of ErrorInfo whose reasons are ValetKey's.
const errorDomain = "valetkey"

// Error is every failed call's error:
//
//	var failed *valetkey.Error
//	if errors.As(err, &failed) { log.Print(failed.Reason) }
//
// What a program acts on has a sentinel for [errors.Is], such as
// [ErrUnavailable], whatever call it came from; and three kinds have a type of
// their own with more fields: [ReauthorizationRequiredError],
// [ScopeNotGrantedError] and [InvalidArgumentError]. [status.Code] works too,
// and errors.Is(err, context.DeadlineExceeded) or context.Canceled where that
// is what happened.
type Error struct {
	// Method is the call, such as "GetToken".
	Method string
	// Code is gRPC's.
	Code codes.Code
	// Reason is an ErrorReason of the contract by name, such as
	// "CONNECTION_REVOKED"; one that this library does not know is kept too.
	// Empty: the server was not reached, or gave none.
	Reason string
	// Metadata is what comes with the reason, as the contract lists it.
	Metadata map[string]string
	// RetryDelay is when a retry may help: RetryInfo's, or what the library
	// would have waited. 0: a retry is no help.
	RetryDelay time.Duration
	// Message is for people. It holds no secret.
	Message string

	kind   error
	closed bool
	status *status.Status
}

// Error is the method, the code, the reason and the message.
func (e *Error) Error() string {
	reason := e.Code.String()
	if e.Reason != "" {
		reason += " (" + e.Reason + ")"
	}
	return fmt.Sprintf("valetkey: %s: %s: %s", e.Method, reason, e.Message)
}

// Is tells whether the target is the sentinel of this kind of error, or the
// context's error that it stands for.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrClosed:
		return e.closed
	case context.Canceled:
		return e.Code == codes.Canceled
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	}
	return e.kind == target
}

// GRPCStatus is what the server sent, or would have.
func (e *Error) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	return status.New(e.Code, e.Message)
}

// ConfigError is what the library refuses before it sends anything: options
// that do not fit, or a short name without an application.
type ConfigError struct {
	// Option is what to change, such as "address" or "name".
	Option string
	// Message is for people. It holds no secret.
	Message string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("valetkey: %s: %s", e.Option, e.Message)
}

func configError(option, format string, arguments ...any) error {
	return &ConfigError{Option: option, Message: fmt.Sprintf(format, arguments...)}
}

// errorOf reads the error of a gRPC call. It is an *Error, or one of the types
// that wrap one.
func errorOf(method string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	received, ok := status.FromError(err)
	if !ok {
		received = status.FromContextError(err)
	}
	e := &Error{
		Method:  method,
		Code:    received.Code(),
		Message: received.Message(),
		status:  received,
	}
	for _, detail := range received.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				e.Reason = detail.GetReason()
				e.Metadata = detail.GetMetadata()
			}
		case *errdetails.RetryInfo:
			e.RetryDelay = max(0, detail.GetRetryDelay().AsDuration())
		}
	}
	return classify(e)
}

// baseOf is the *Error in one that errorOf made.
func baseOf(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("valetkey: %T is no Error", err))
	}
	return e
}

// withRetryDelay is a copy of the error that says when to try again.
func (e *Error) withRetryDelay(delay time.Duration) *Error {
	changed := *e
	changed.RetryDelay = delay
	return &changed
}

func closedError(method, what string) error {
	return &Error{
		Method:  method,
		Code:    codes.Canceled,
		Message: what + " is closed",
		closed:  true,
	}
}
