package valetkey

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Transport is an [http.RoundTripper] that sends a source's token with each
// request:
//
//	client := &http.Client{Transport: &valetkey.Transport{Source: source}}
//
// When the provider answers 401, the token is invalidated and the request sent
// once more with a new one, if its body can be: it has none, or a GetBody, as
// [http.NewRequest] gives to bodies in memory. If not, or if there is no new
// token, the 401 is what is returned.
//
// Along a redirect the token goes no further than the scheme, host and port of
// the request that the program made. It is safe for concurrent use.
type Transport struct {
	// Source is where the tokens come from.
	Source *TokenSource
	// Base sends the requests. Nil: [http.DefaultTransport].
	Base http.RoundTripper
}

// RoundTrip sends the request with a token. Without one, the error is the
// source's.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !mayHaveToken(request) {
		return t.base().RoundTrip(request)
	}
	token, err := t.Source.Token(request.Context())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	response, err := t.send(request, withToken(request, token))
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	t.Source.Invalidate(token.Generation)
	again := t.repeated(request, token)
	if again == nil {
		return response, nil
	}
	// What little there is of the first answer is read, so that its connection
	// can be used again.
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
	return t.send(request, again)
}

// send sends the copy that carries the token. The answer's Request is the one
// without, for programs log it.
func (t *Transport) send(request, carrying *http.Request) (*http.Response, error) {
	response, err := t.base().RoundTrip(carrying)
	if err == nil {
		response.Request = request
	}
	return response, err
}

// repeated is the request with a newer token, or nil.
func (t *Transport) repeated(request *http.Request, refused *Token) *http.Request {
	hasBody := request.Body != nil && request.Body != http.NoBody
	if hasBody && request.GetBody == nil {
		return nil
	}
	token, err := t.Source.Token(request.Context())
	if err != nil || token.Generation == refused.Generation {
		return nil
	}
	again := withToken(request, token)
	if hasBody {
		if again.Body, err = request.GetBody(); err != nil {
			return nil
		}
	}
	return again
}

// mayHaveToken tells whether the request goes where the program's own did. An
// http.Client sets the Response of a request that follows a redirect.
func mayHaveToken(request *http.Request) bool {
	for hop := request; hop.Response != nil && hop.Response.Request != nil; {
		hop = hop.Response.Request
		if origin(hop.URL) != origin(request.URL) {
			return false
		}
	}
	return true
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// origin is the scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// withToken is a copy of the request that carries the token.
func withToken(request *http.Request, token *Token) *http.Request {
	carrying := request.Clone(request.Context())
	if carrying.Header == nil {
		carrying.Header = http.Header{}
	}
	carrying.Header.Set("Authorization", token.Authorization())
	return carrying
}

// closeBody does what a RoundTripper owes to its caller.
func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}
