//go:build go1.25

package valetkey_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received is a request as it came, and when.
type received struct {
	message proto.Message
	after   time.Duration // since the stack began
}

// stack is a fake server and a client of it, in a bubble whose clock stands
// still while anything runs. Random numbers are 0.5: every wait of the retry
// table is as long as its middle.
type stack struct {
	*testing.T
	server *valetkeytest.Server
	client *valetkey.Client
	begun  time.Time

	mu       sync.Mutex
	received map[string][]received
	// answer replaces the fake's answers to GetToken, if it is set.
	answer func(context.Context, grpc.UnaryHandler, any) (any, error)
	// beforeStream is called before WatchEvents is answered.
	beforeStream func(context.Context)
	cutAfter     int
	open         int // streams
}

// bubble runs a test in one. Whatever runs on after the client and the server
// are closed fails the test.
func bubble(t *testing.T, test func(*stack), options ...valetkey.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, options...)
		defer s.server.Close()
		defer s.client.Close()
		test(s)
	})
}

func newStack(t *testing.T, options ...valetkey.Option) *stack {
	s := &stack{
		T:        t,
		begun:    time.Now(),
		received: map[string][]received{},
	}
	s.server = valetkeytest.NewServer(
		grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream))
	s.client = s.newClient(options...)
	return s
}

func (s *stack) newClient(options ...valetkey.Option) *valetkey.Client {
	client, err := s.server.NewClient(options...)
	if err != nil {
		s.Fatal(err)
	}
	client.SetRandom(0.5)
	return client
}

func (s *stack) record(method string, message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received[method] = append(s.received[method],
		received{message.(proto.Message), time.Since(s.begun)})
}

func (s *stack) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !strings.HasSuffix(info.FullMethod, "/GetToken") {
		return handler(ctx, request)
	}
	s.record("GetToken", request)
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		return answer(ctx, handler, request)
	}
	return handler(ctx, request)
}

// onGetToken replaces the fake's answers to GetToken; nil: no more.
func (s *stack) onGetToken(answer func(context.Context, grpc.UnaryHandler, any) (any, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// slowly answers GetToken after so long.
func (s *stack) slowly(delay time.Duration) {
	s.onGetToken(func(ctx context.Context, handler grpc.UnaryHandler, request any) (any, error) {
		select {
		case <-time.After(delay):
			return handler(ctx, request)
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	})
}

// slowlyAfter answers GetToken after so long, but for the first calls.
func (s *stack) slowlyAfter(calls int, delay time.Duration) {
	s.onGetToken(func(ctx context.Context, handler grpc.UnaryHandler, request any) (any, error) {
		if s.server.Calls("GetToken") > calls {
			<-ctx.Done()
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return handler(ctx, request)
	})
}

// delayStreams has WatchEvents answered after so long.
func (s *stack) delayStreams(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beforeStream = func(ctx context.Context) {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

// breakSnapshotOnce cuts the next stream after its first message.
func (s *stack) breakSnapshotOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutAfter = 1
}

type recordingStream struct {
	grpc.ServerStream
	s    *stack
	left int // messages until the stream is cut; 0: it is not
}

func (r *recordingStream) SendMsg(message any) error {
	err := r.ServerStream.SendMsg(message)
	if r.left--; err == nil && r.left == 0 {
		err = status.Error(codes.Unavailable, "cut")
	}
	return err
}

func (r *recordingStream) RecvMsg(message any) error {
	err := r.ServerStream.RecvMsg(message)
	if err == nil {
		r.s.record("WatchEvents", message)
	}
	return err
}

func (s *stack) stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	s.mu.Lock()
	before, left := s.beforeStream, s.cutAfter
	s.cutAfter = 0
	s.open++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	}()
	if before != nil {
		before(stream.Context())
	}
	return handler(service, &recordingStream{stream, s, left})
}

// tokenRequests are the GetToken calls that reached the fake.
func (s *stack) tokenRequests() []*valetkeyv1.GetTokenRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []*valetkeyv1.GetTokenRequest
	for _, each := range s.received["GetToken"] {
		requests = append(requests, each.message.(*valetkeyv1.GetTokenRequest))
	}
	return requests
}

// watchRequests are the WatchEvents calls that reached the fake.
func (s *stack) watchRequests() []*valetkeyv1.WatchEventsRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []*valetkeyv1.WatchEventsRequest
	for _, each := range s.received["WatchEvents"] {
		requests = append(requests, each.message.(*valetkeyv1.WatchEventsRequest))
	}
	return requests
}

// openStreams is how many WatchEvents calls are being answered.
func (s *stack) openStreams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// times is when the calls of a method reached the fake.
func (s *stack) times(method string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var times []time.Duration
	for _, each := range s.received[method] {
		times = append(times, each.after)
	}
	return times
}

func (s *stack) source(options ...valetkey.TokenSourceOption) *valetkey.TokenSource {
	s.Helper()
	source, err := s.client.TokenSource("c-7", options...)
	if err != nil {
		s.Fatal(err)
	}
	return source
}

// read is a token that must be had.
func (s *stack) read(source *valetkey.TokenSource) *valetkey.Token {
	s.Helper()
	token, err := source.Token(context.Background())
	if err != nil {
		s.Fatalf("Token: %v", err)
	}
	return token
}

// readWithin is a read with a deadline.
func (s *stack) readWithin(source *valetkey.TokenSource, timeout time.Duration) (*valetkey.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return source.Token(ctx)
}

// expect compares what a test finds with what it wants.
func expect[T comparable](t testing.TB, what string, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Errorf("%s: found %v, wanted %v", what, found, wanted)
	}
}

// settle lets everything run until it waits for time to pass.
func settle() { synctest.Wait() }

// pass lets time pass, and then everything run.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func codeOf(err error) codes.Code { return status.Code(err) }

func timestamp(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at) }
