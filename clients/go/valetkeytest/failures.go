package valetkeytest

import (
	"context"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Failure is how calls fail.
type Failure struct {
	// Reason fixes the code, as the contract has it. Unspecified: no reason is
	// sent, as when something between client and server fails.
	Reason valetkeyv1.ErrorReason
	// Code is for a failure without a reason. OK: UNAVAILABLE.
	Code codes.Code
	// Metadata is sent with the reason.
	Metadata map[string]string
	// RetryDelay is sent as RetryInfo. 0: none is sent.
	RetryDelay time.Duration
	// Times is how many calls fail. 0: one; below: all from now on.
	Times int
}

// Fail has the next calls of a method such as "GetToken" fail. Several failures
// of a method follow each other.
func (s *Server) Fail(method string, failure Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failure.Times == 0 {
		failure.Times = 1
	}
	s.failures[method] = append(s.failures[method], failure)
}

// SetAway makes the server unavailable, for all calls and streams, until it is
// set back.
func (s *Server) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.away:
		if !away {
			s.away = make(chan struct{})
		}
	default:
		if away {
			close(s.away)
		}
	}
}

func (f *Failure) err() error {
	code := f.Code
	if code == codes.OK {
		code = codes.Unavailable
	}
	message := "the test wants it so"
	var details []protoadapt.MessageV1
	if f.Reason != valetkeyv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		code = codeOf(f.Reason)
		details = append(details, &errdetails.ErrorInfo{
			Reason:   f.Reason.String(),
			Domain:   "valetkey",
			Metadata: f.Metadata,
		})
	}
	if f.RetryDelay > 0 {
		details = append(details, &errdetails.RetryInfo{
			RetryDelay: durationpb.New(f.RetryDelay),
		})
	}
	s := status.New(code, message)
	if detailed, err := s.WithDetails(details...); err == nil {
		s = detailed
	}
	return s.Err()
}

// refuse is an error with a reason; metadata are keys and values by turns.
func refuse(reason valetkeyv1.ErrorReason, pairs ...string) error {
	metadata := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		metadata[pairs[i]] = pairs[i+1]
	}
	return (&Failure{Reason: reason, Metadata: metadata}).err()
}

func invalid(field, expected string) error {
	return refuse(valetkeyv1.ErrorReason_FIELD_INVALID, "field", field, "expected", expected)
}

// codeOf is the code that goes with a reason; see errors.proto.
func codeOf(reason valetkeyv1.ErrorReason) codes.Code {
	switch reason {
	case valetkeyv1.ErrorReason_FIELD_INVALID,
		valetkeyv1.ErrorReason_AUTHORIZATION_STATE_INVALID,
		valetkeyv1.ErrorReason_ISSUER_MISMATCH,
		valetkeyv1.ErrorReason_CURSOR_INVALID:
		return codes.InvalidArgument
	case valetkeyv1.ErrorReason_API_KEY_MISSING,
		valetkeyv1.ErrorReason_API_KEY_INVALID,
		valetkeyv1.ErrorReason_CALLER_INVALID:
		return codes.Unauthenticated
	case valetkeyv1.ErrorReason_RIGHT_MISSING,
		valetkeyv1.ErrorReason_CALLER_DENIED:
		return codes.PermissionDenied
	case valetkeyv1.ErrorReason_APPLICATION_NOT_FOUND,
		valetkeyv1.ErrorReason_PROVIDER_NOT_FOUND,
		valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND,
		valetkeyv1.ErrorReason_KEY_NOT_FOUND,
		valetkeyv1.ErrorReason_CATALOG_ENTRY_NOT_FOUND,
		valetkeyv1.ErrorReason_TOKEN_NOT_FOUND:
		return codes.NotFound
	case valetkeyv1.ErrorReason_RESOURCE_EXISTS:
		return codes.AlreadyExists
	case valetkeyv1.ErrorReason_ETAG_MISMATCH,
		valetkeyv1.ErrorReason_WATCH_LAGGED:
		return codes.Aborted
	case valetkeyv1.ErrorReason_PROVIDER_UNAVAILABLE,
		valetkeyv1.ErrorReason_PROVIDER_THROTTLED,
		valetkeyv1.ErrorReason_PROVIDER_RESPONSE_INVALID,
		valetkeyv1.ErrorReason_STORE_UNAVAILABLE,
		valetkeyv1.ErrorReason_CALLER_KEYS_UNAVAILABLE,
		valetkeyv1.ErrorReason_SERVER_SHUTTING_DOWN:
		return codes.Unavailable
	case valetkeyv1.ErrorReason_CURSOR_EXPIRED:
		return codes.OutOfRange
	case valetkeyv1.ErrorReason_INTERNAL_FAULT:
		return codes.Internal
	}
	return codes.FailedPrecondition
}

// begin counts a call, and fails it if it is to.
func (s *Server) begin(ctx context.Context, path string) error {
	method := path[strings.LastIndexByte(path, '/')+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	select {
	case <-s.away:
		return errAway
	default:
	}
	if failures := s.failures[method]; len(failures) > 0 {
		failure := &failures[0]
		err := failure.err()
		if failure.Times--; failure.Times == 0 {
			s.failures[method] = failures[1:]
		}
		return err
	}
	return s.authenticate(ctx)
}

var errAway = status.Error(codes.Unavailable, "the server is away")

// authenticate checks the API key. REQUIRES: mu is held.
func (s *Server) authenticate(ctx context.Context) error {
	if s.apiKey == "" {
		return nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch {
	case len(values) == 0:
		return refuse(valetkeyv1.ErrorReason_API_KEY_MISSING)
	case values[0] != "Bearer "+s.apiKey:
		return refuse(valetkeyv1.ErrorReason_API_KEY_INVALID)
	}
	return nil
}

func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := s.begin(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := s.begin(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(service, stream)
}
