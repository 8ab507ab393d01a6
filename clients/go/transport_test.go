//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// provider is an API that takes one token, and remembers what it was sent.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	good  string
	auths []string
	texts []string
}

func newProvider(t *testing.T, good string) *provider {
	p := &provider{good: good}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.auths = append(p.auths, request.Header.Get("Authorization"))
	p.texts = append(p.texts, string(body))
	if to := request.URL.Query().Get("to"); to != "" {
		http.Redirect(w, request, to, http.StatusTemporaryRedirect)
		return
	}
	if request.Header.Get("Authorization") != p.good {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = w.Write([]byte("hello"))
}

// web is a stack for HTTP, in real time, and a client that sends tokens.
func web(t *testing.T) (*stack, *valetkey.TokenSource, *http.Client) {
	s := newStack(t)
	t.Cleanup(s.server.Close)
	t.Cleanup(func() { s.client.Close() })
	source := s.source()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return s, source, &http.Client{Transport: &valetkey.Transport{Source: source, Base: base}}
}

func (s *stack) do(client *http.Client, method, url string, body io.Reader) int {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, url, body)
	if err != nil {
		s.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func TestATransportSendsTheToken(t *testing.T) {
	s, source, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	api := newProvider(t, "Bearer t-1")
	request, err := http.NewRequest("GET", api.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	expect(s, "status", response.StatusCode, 200)
	expect(s, "the program's request is left alone", len(request.Header), 0)
	expect(s, "the answer's request is the program's", len(response.Request.Header), 0)
	request = &http.Request{URL: request.URL}
	if response, err = (&valetkey.Transport{Source: source}).RoundTrip(request); err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	expect(s, "status without a header", response.StatusCode, 200)
}

func TestATransportSendsTheTokensType(t *testing.T) {
	for kind, wanted := range map[string]string{
		"bearer": "Bearer t-1", "BEARER": "Bearer t-1", "": "Bearer t-1", "MAC": "MAC t-1",
	} {
		s, _, client := web(t)
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", Type: kind})
		expect(s, "status", s.do(client, "GET", newProvider(t, wanted).URL, nil), 200)
	}
}

func TestA401IsAnsweredByOneNewToken(t *testing.T) {
	s, _, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	api := newProvider(t, "Bearer renewed-2")
	expect(s, "status", s.do(client, "POST", api.URL, strings.NewReader("text")), 200)
	expect(s, "tokens", strings.Join(api.auths, ", "), "Bearer t-1, Bearer renewed-2")
	expect(s, "bodies", strings.Join(api.texts, ", "), "text, text")
	expect(s, "rejected", s.tokenRequests()[1].GetRejectedGeneration(), 1)
}

func TestASecond401IsReturned(t *testing.T) {
	s, _, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	api := newProvider(t, "nothing will do")
	expect(s, "status", s.do(client, "GET", api.URL, nil), 401)
	expect(s, "requests", len(api.auths), 2)
}

func TestABodyThatCannotBeSentAgainIsNot(t *testing.T) {
	s, source, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	api := newProvider(t, "Bearer renewed-2")
	body := io.NopCloser(strings.NewReader("text"))
	expect(s, "status", s.do(client, "POST", api.URL, body), 401)
	expect(s, "requests", len(api.auths), 1)
	expect(s, "generation for the next", s.read(source).Generation, 2)
}

func TestA401IsReturnedIfThereIsNoNewToken(t *testing.T) {
	s, _, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	s.server.RequireReauthorization("c-7")
	api := newProvider(t, "Bearer renewed-2")
	expect(s, "status", s.do(client, "GET", api.URL, nil), 401)
	expect(s, "requests", len(api.auths), 1)
}

func TestOtherAnswersAreReturned(t *testing.T) {
	s, _, _ := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	failure := errors.New("no network")
	transport := &valetkey.Transport{Source: s.source(), Base: roundTripper(
		func(*http.Request) (*http.Response, error) { return nil, failure })}
	_, err := (&http.Client{Transport: transport}).Get("http://provider.example/")
	expect(s, "error", errors.Is(err, failure), true)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

type closedBody struct {
	io.Reader
	closed bool
}

func (c *closedBody) Close() error { c.closed = true; return nil }

func TestWithoutATokenNothingIsSent(t *testing.T) {
	s, _, client := web(t)
	api := newProvider(t, "")
	body := &closedBody{Reader: strings.NewReader("text")}
	request, err := http.NewRequest("POST", api.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(request)
	expect(s, "not found", errors.Is(err, valetkey.ErrNotFound), true)
	expect(s, "requests", len(api.auths), 0)
	expect(s, "the body is closed", body.closed, true)
}

func TestTheRequestsContextHolds(t *testing.T) {
	s, _, client := web(t)
	s.server.SetAway(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", "http://provider.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if _, err := client.Do(request); err == nil {
		t.Error("a token came from nowhere")
	}
	expect(s, "at once", time.Since(begun) < 10*time.Second, true)
}

func TestNoTokenGoesAlongARedirectToAnotherHost(t *testing.T) {
	s, _, client := web(t)
	s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	api, other := newProvider(t, "Bearer t-1"), newProvider(t, "")
	expect(s, "status", s.do(client, "GET", api.URL+"?to="+other.URL, nil), 200)
	expect(s, "sent to the other", other.auths[0], "")
	expect(s, "status there and back", s.do(client, "GET", api.URL+"?to="+other.URL+"?to="+api.URL, nil), 401)
	expect(s, "sent in the end", api.auths[2], "")
	expect(s, "status at the same host", s.do(client, "GET", api.URL+"?to="+api.URL, nil), 200)
	port := api.URL[strings.LastIndexByte(api.URL, ':'):]
	expect(s, "status by another name", s.do(client, "GET", api.URL+"?to=http://localhost"+port, nil), 401)
}
