// Package valetkeytest is a ValetKey in the process, for tests that go through
// the real client.
//
//	server := valetkeytest.NewServer()
//	defer server.Close()
//	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
//	client, err := server.NewClient()
//
// It speaks the contract, in memory or on a port of the loopback, and asks no
// provider: a token that has to be renewed is replaced by an invented one. It
// works in the bubble of testing/synctest too, whose clock it then follows.
// Short names are of [Application].
package valetkeytest

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Application is whose connections short names mean.
const Application = "applications/test"

// Server is a ValetKey in the process. It is safe for concurrent use.
type Server struct {
	server *grpc.Server
	memory *bufconn.Listener
	serves sync.WaitGroup

	mu           sync.Mutex
	apiKey       string
	away         chan struct{} // closed while the server is away
	failures     map[string][]Failure
	calls        map[string]int
	connections  map[string]*connection
	generations  map[string]int64 // outlive their connections
	states       map[string]*authorization
	applications map[string]*application
	providers    map[string]*valetkeyv1.Provider
	made         int // numbers what the server names
	log          eventLog
}

// NewServer starts a server, in memory. Close it.
func NewServer(options ...grpc.ServerOption) *Server {
	s := &Server{
		memory:       bufconn.Listen(64 << 10),
		away:         make(chan struct{}),
		failures:     map[string][]Failure{},
		calls:        map[string]int{},
		connections:  map[string]*connection{},
		generations:  map[string]int64{},
		states:       map[string]*authorization{},
		applications: map[string]*application{},
		providers:    map[string]*valetkeyv1.Provider{},
	}
	s.log.init()
	s.applications[Application] = newApplication(Application)
	s.server = grpc.NewServer(append([]grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second}),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream),
	}, options...)...)
	valetkeyv1.RegisterTokenServiceServer(s.server, &tokenService{s: s})
	valetkeyv1.RegisterEventServiceServer(s.server, &eventService{s: s})
	valetkeyv1.RegisterConnectionServiceServer(s.server, &connectionService{s: s})
	valetkeyv1.RegisterProviderServiceServer(s.server, &providerService{s: s})
	valetkeyv1.RegisterApplicationServiceServer(s.server, &applicationService{s: s})
	s.Serve(s.memory)
	return s
}

// Serve answers on a further listener, and closes it with the server.
func (s *Server) Serve(listener net.Listener) {
	s.serves.Add(1)
	go func() {
		defer s.serves.Done()
		_ = s.server.Serve(listener)
	}()
}

// Listen answers on a free port of the loopback too, and returns its address.
func (s *Server) Listen() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.Serve(listener)
	return listener.Addr().String(), nil
}

// NewClient makes a client that speaks with this server in memory, for
// [Application] unless the options name another.
func (s *Server) NewClient(options ...valetkey.Option) (*valetkey.Client, error) {
	s.mu.Lock()
	key := s.apiKey
	s.mu.Unlock()
	return valetkey.NewClient(append([]valetkey.Option{
		valetkey.WithAddress("http://127.0.0.1:1"),
		valetkey.WithAPIKey(key),
		valetkey.WithApplication(Application),
		valetkey.WithDialOptions(grpc.WithContextDialer(
			func(ctx context.Context, _ string) (net.Conn, error) {
				return s.memory.DialContext(ctx)
			})),
	}, options...)...)
}

// Close ends all calls and stops answering.
func (s *Server) Close() {
	s.server.Stop()
	s.serves.Wait()
}

// RequireAPIKey refuses calls without this key from now on; empty: none is
// asked for.
func (s *Server) RequireAPIKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKey = key
}

// Calls is how often a method such as "GetToken" was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// full is the whole name of a connection that a test names.
func full(name string) string {
	if strings.HasPrefix(name, "applications/") {
		return name
	}
	if application, id, ok := strings.Cut(name, "/"); ok {
		return "applications/" + application + "/connections/" + id
	}
	return Application + "/connections/" + name
}
