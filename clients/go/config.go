package valetkey

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
)

const (
	defaultAddress = "127.0.0.1:8800"
	defaultTimeout = 30 * time.Second
	// systemAuthorities in place of a PEM file.
	systemAuthorities = "system"
)

// config is a checked configuration.
type config struct {
	address     address
	apiKey      secret
	application string // `applications/{a}`, or empty
	tls         *tls.Config
	timeout     time.Duration
	dialOptions []grpc.DialOption
}

func newConfig(options []Option) (*config, error) {
	var s settings
	for _, option := range options {
		option(&s)
	}
	c := &config{timeout: s.timeout, dialOptions: s.dialOptions}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if c.timeout < 0 {
		return nil, configError("timeout", "it is negative")
	}
	key, err := apiKeyOf(&s)
	if err != nil {
		return nil, err
	}
	c.apiKey = newSecret(key)
	if c.application, err = applicationName(given(s.application, "VALETKEY_APPLICATION")); err != nil {
		return nil, err
	}
	if c.address, err = parseAddress(given(s.address, "VALETKEY_ADDRESS")); err != nil {
		return nil, err
	}
	if err := c.setTLS(&s); err != nil {
		return nil, err
	}
	if c.tls == nil && !c.address.local() && !s.plaintext {
		return nil, configError("address",
			"%s would be spoken to in plain text; use TLS (https://, or authorities), "+
				"or allow it by WithInsecurePlaintext", c.address.endpoint)
	}
	return c, nil
}

// given is the option's value, or else the environment's.
func given(option *string, variable string) string {
	if option != nil {
		return *option
	}
	return os.Getenv(variable)
}

func apiKeyOf(s *settings) (string, error) {
	key := given(s.apiKey, "VALETKEY_API_KEY")
	if file := os.Getenv("VALETKEY_API_KEY_FILE"); s.apiKey == nil && key == "" && file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", configError("VALETKEY_API_KEY_FILE", "%v", err)
		}
		key = strings.TrimSpace(string(content))
	}
	for _, c := range key {
		// What gRPC's metadata cannot carry. The key is not shown.
		if c < 0x20 || c > 0x7e {
			return "", configError("API key", "it has characters that no key has")
		}
	}
	return key, nil
}

func (c *config) setTLS(s *settings) error {
	authorities := given(s.authorities, "VALETKEY_TLS_CA")
	certificate := given(s.certificate, "VALETKEY_TLS_CERT")
	privateKey := given(s.privateKey, "VALETKEY_TLS_KEY")
	if (certificate == "") != (privateKey == "") {
		return configError("client certificate", "the certificate and its key go together")
	}
	switch c.address.security {
	case securityNone:
		return nil
	case securityIfConfigured:
		if authorities == "" && certificate == "" {
			return nil
		}
	}
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.serverName}
	if authorities != "" && authorities != systemAuthorities {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return configError("authorities", "%v", err)
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(pem) {
			return configError("authorities", "%s holds no certificate", authorities)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, privateKey)
		if err != nil {
			return configError("client certificate", "%v", err)
		}
		c.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}
