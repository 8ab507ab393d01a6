//go:build go1.25

package valetkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// authority signs certificates, and keeps them as PEM files.
type authority struct {
	*testing.T
	folder string
	file   string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{T: t, folder: t.TempDir()}
	a.file, _ = a.sign("authority", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// sign makes a certificate and its key; the first is the authority's own.
func (a *authority) sign(name string, template *x509.Certificate) (certificateFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.Subject = pkix.Name{CommonName: name}
	template.NotAfter = time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			a.Fatal(err)
		}
		a.key = key
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", private)
}

func (a *authority) write(name, kind string, content []byte) string {
	path := filepath.Join(a.folder, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		a.Fatal(err)
	}
	return path
}

// serve starts a server with TLS, which asks for client certificates if it is
// to, and returns the port that it listens on.
func (a *authority) serve(askClients bool) (port string) {
	certificate, key := a.sign("server", &x509.Certificate{
		DNSNames: []string{"broker.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		a.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if askClients {
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(a.cert)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	server := valetkeytest.NewServer(grpc.Creds(credentials.NewTLS(config)))
	a.Cleanup(server.Close)
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	return listen(a.T, server)
}

func listen(t *testing.T, server *valetkeytest.Server) (port string) {
	t.Helper()
	address, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// reach makes a call by a client with these options, one that is not repeated.
func reach(t *testing.T, options ...valetkey.Option) error {
	t.Helper()
	client, err := valetkey.NewClient(append(options, valetkey.WithApplication("test"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Refresh(t.Context(), &valetkeyv1.RefreshRequest{Name: "c-7"})
	return err
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	port := a.serve(false)
	for name, options := range map[string][]valetkey.Option{
		"https":                {valetkey.WithAddress("https://127.0.0.1:" + port)},
		"authorities are TLS":  {valetkey.WithAddress("127.0.0.1:" + port)},
		"by another's name":    {valetkey.WithAddress("127.0.0.1:" + port), valetkey.WithServerName("broker.example")},
		"with a key to keep":   {valetkey.WithAddress("https://127.0.0.1:" + port), valetkey.WithAPIKey("vk_1")},
		"by localhost's names": {valetkey.WithAddress("localhost:" + port), valetkey.WithServerName("127.0.0.1")},
	} {
		if err := reach(t, append(options, valetkey.WithAuthorities(a.file))...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := newAuthority(t)
	for name, options := range map[string][]valetkey.Option{
		"the system's authorities": {valetkey.WithAddress("https://127.0.0.1:" + port)},
		"another authority":        {valetkey.WithAddress("https://127.0.0.1:" + port), valetkey.WithAuthorities(stranger.file)},
		"another name": {valetkey.WithAddress("https://127.0.0.1:" + port), valetkey.WithAuthorities(a.file),
			valetkey.WithServerName("elsewhere.example")},
		"plain text": {valetkey.WithAddress("http://127.0.0.1:" + port), valetkey.WithAuthorities(a.file)},
	} {
		if err := reach(t, options...); !errors.Is(err, valetkey.ErrUnavailable) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	a := newAuthority(t)
	address := "https://127.0.0.1:" + a.serve(true)
	certificate, key := a.sign("client", &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	err := reach(t, valetkey.WithAddress(address), valetkey.WithAuthorities(a.file),
		valetkey.WithClientCertificate(certificate, key))
	if err != nil {
		t.Error(err)
	}
	err = reach(t, valetkey.WithAddress(address), valetkey.WithAuthorities(a.file))
	if !errors.Is(err, valetkey.ErrUnavailable) {
		t.Errorf("without a certificate: error %v", err)
	}
}

func TestAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a socket.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := valetkeytest.NewServer()
	defer server.Close()
	server.Serve(listener)
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	for _, address := range []string{"unix:" + path, "unix://" + path} {
		if err := reach(t, valetkey.WithAddress(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A proxy of the environment that is asked for anything fails the test.
func TestNoProxyIsUsedForThisMachine(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := valetkeytest.NewServer()
	defer server.Close()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	if err := reach(t, valetkey.WithAddress("127.0.0.1:"+listen(t, server))); err != nil {
		t.Error(err)
	}
}

func TestAServerThatRefusesConnectionsIsUnavailableAtOnce(t *testing.T) {
	server := valetkeytest.NewServer()
	port := listen(t, server)
	server.Close()
	err := reach(t, valetkey.WithAddress("127.0.0.1:"+port))
	if !errors.Is(err, valetkey.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestAServerThatComesBackIsFound(t *testing.T) {
	server := valetkeytest.NewServer()
	port := listen(t, server)
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	client, err := valetkey.NewClient(valetkey.WithAddress("127.0.0.1:"+port), valetkey.WithApplication("test"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	source, err := client.TokenSource("c-7")
	if err != nil {
		t.Fatal(err)
	}
	first, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if token, err := source.Token(t.Context()); err != nil || token != first {
		t.Errorf("while it is away: %v, %v", token, err)
	}
	source.Invalidate(first.Generation)

	again := valetkeytest.NewServer()
	defer again.Close()
	for range 2 {
		again.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2", ExpiresIn: time.Hour})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	again.Serve(listener)
	token, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessToken() != "t-2" {
		t.Errorf("found %v", token)
	}
}
