package valetkey

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Client makes the calls of the contract. It is safe for concurrent use; one
// for the whole program is the rule.
//
// A call has the deadline of its context, or else [WithTimeout]'s, for all its
// tries and the waits between. A call that may be repeated without harm is,
// while the server is unavailable: RetryInfo's delay later, or else after 0.1 s,
// doubling to 5 s, with jitter. A wait that would end after the deadline is not
// begun; the error then tells it as its RetryDelay. Every call's error is an
// [*Error] or a [*ConfigError].
type Client struct {
	config       *config
	connection   *grpc.ClientConn
	tokens       valetkeyv1.TokenServiceClient
	events       valetkeyv1.EventServiceClient
	connections  valetkeyv1.ConnectionServiceClient
	providers    valetkeyv1.ProviderServiceClient
	applications valetkeyv1.ApplicationServiceClient
	random       func() float64 // in [0, 1)

	// closing is done when the client is closed.
	closing context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	sources map[*TokenSource]struct{}

	// hubsMu is held while a hub ends, so that a new one of the same
	// application comes after it.
	hubsMu sync.Mutex
	hubs   map[string]*hub
	// refused is when an application's events may be asked for again, after
	// the key was told that it may not.
	refused sync.Map
}

// NewClient makes a client. It opens no connection: the first call does. The
// error is a [*ConfigError].
func NewClient(options ...Option) (*Client, error) {
	c, err := newConfig(options)
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(c.address.target(), c.grpcOptions()...)
	if err != nil {
		return nil, configError("address", "%v", err)
	}
	closing, cancel := context.WithCancel(context.Background())
	return &Client{
		config:       c,
		connection:   connection,
		tokens:       valetkeyv1.NewTokenServiceClient(connection),
		events:       valetkeyv1.NewEventServiceClient(connection),
		connections:  valetkeyv1.NewConnectionServiceClient(connection),
		providers:    valetkeyv1.NewProviderServiceClient(connection),
		applications: valetkeyv1.NewApplicationServiceClient(connection),
		random:       rand.Float64,
		closing:      closing,
		cancel:       cancel,
		sources:      map[*TokenSource]struct{}{},
		hubs:         map[string]*hub{},
	}, nil
}

func (c *config) grpcOptions() []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithUserAgent("valetkey-go/" + Version),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  200 * time.Millisecond,
				Multiplier: 1.6,
				Jitter:     0.2,
				MaxDelay:   5 * time.Second,
			},
			MinConnectTimeout: 20 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:    time.Minute,
			Timeout: 20 * time.Second,
		}),
		// Retries are this library's.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		// A page of 1000 connections with all their labels is above 4 MiB.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20)),
	}
	if c.tls != nil {
		options = append(options,
			grpc.WithTransportCredentials(credentials.NewTLS(c.tls)))
	} else {
		options = append(options,
			grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	if c.address.local() {
		options = append(options, grpc.WithNoProxy())
	}
	if c.apiKey() != "" {
		options = append(options, grpc.WithPerRPCCredentials(&keyCredentials{c.apiKey}))
	}
	return append(options, c.dialOptions...)
}

// keyCredentials add the API key to each call.
type keyCredentials struct{ key secret }

func (k *keyCredentials) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + k.key()}, nil
}

// RequireTransportSecurity is false: newConfig has seen to that.
func (k *keyCredentials) RequireTransportSecurity() bool { return false }

// Close closes the client's token sources and its connection, and ends its
// calls and watches with CANCELLED. It may be called twice.
func (c *Client) Close() error {
	c.mu.Lock()
	sources := c.sources
	c.sources = map[*TokenSource]struct{}{}
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	c.cancel()
	for source := range sources {
		source.stop()
	}
	return c.connection.Close()
}

// String tells where ValetKey is.
func (c *Client) String() string {
	return "valetkey.Client(" + c.config.address.endpoint + ")"
}
