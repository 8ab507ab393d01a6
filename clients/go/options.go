package valetkey

import (
	"time"

	"google.golang.org/grpc"
)

// Option configures a [Client]. What no option gives comes from the
// environment, or else is the default.
type Option func(*settings)

// settings is what options and the environment say; nil: nothing.
type settings struct {
	address     *string
	apiKey      *string
	application *string
	authorities *string
	certificate *string
	privateKey  *string
	serverName  string
	plaintext   bool
	timeout     time.Duration
	dialOptions []grpc.DialOption
}

// WithAddress says where ValetKey is:
//
//   - `host:port`, with TLS if there are authorities or a client certificate;
//   - `https://host:port`, with TLS, by the system's authorities unless others
//     are given;
//   - `http://host:port`, without;
//   - `unix:/path` or `unix:///path`.
//
// Without TLS only a Unix socket or a loopback host is spoken to, unless
// [WithInsecurePlaintext] allows others. Environment: VALETKEY_ADDRESS.
// Default: 127.0.0.1:8800.
func WithAddress(address string) Option {
	return func(s *settings) { s.address = &address }
}

// WithAPIKey gives the API key, `vk_...`, that is sent with every call; empty:
// none. Environment: VALETKEY_API_KEY, or VALETKEY_API_KEY_FILE, a file that
// holds it. Default: none, as suits a sidecar's socket.
func WithAPIKey(key string) Option {
	return func(s *settings) { s.apiKey = &key }
}

// WithApplication says whose short names are meant: with application `shop`,
// `c-7` is `applications/shop/connections/c-7`, and `pinterest` is
// `applications/shop/providers/pinterest`. Another application's are
// `other/c-7`; whatever begins with `applications/` is taken as it is.
// `applications/shop` means the same as `shop`. Environment:
// VALETKEY_APPLICATION.
func WithApplication(application string) Option {
	return func(s *settings) { s.application = &application }
}

// WithAuthorities says who may sign the server's certificate: a PEM file, or
// "system". Environment: VALETKEY_TLS_CA.
func WithAuthorities(fileOrSystem string) Option {
	return func(s *settings) { s.authorities = &fileOrSystem }
}

// WithClientCertificate gives the PEM files of the client's own certificate and
// its key. Environment: VALETKEY_TLS_CERT and VALETKEY_TLS_KEY.
func WithClientCertificate(certificateFile, keyFile string) Option {
	return func(s *settings) {
		s.certificate, s.privateKey = &certificateFile, &keyFile
	}
}

// WithServerName says which name the server's certificate must have. Default:
// the address's host.
func WithServerName(name string) Option {
	return func(s *settings) { s.serverName = name }
}

// WithInsecurePlaintext allows to send the API key and to receive tokens over a
// network in plain text. Something else must protect them.
func WithInsecurePlaintext() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithTimeout is for a call with all its retries, if its context has no
// deadline. Default: 30 s.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithDialOptions adds options of the channel, such as interceptors for
// tracing. They come last, and win.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) {
		s.dialOptions = append(s.dialOptions, options...)
	}
}
