package valetkeytest

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// consentLife is how long a state works.
const consentLife = 15 * time.Minute

// authorization is a consent under way. Any code finishes it.
type authorization struct {
	request    *valetkeyv1.AuthorizeRequest
	connection string
	code       string // empty until it is finished
	response   *valetkeyv1.ExchangeResponse
}

func (t *tokenService) Authorize(_ context.Context, request *valetkeyv1.AuthorizeRequest) (*valetkeyv1.AuthorizeResponse, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	application, _, ok := strings.Cut(request.GetProvider(), "/providers/")
	switch {
	case !ok:
		return nil, invalid("provider", "applications/{a}/providers/{p}")
	case request.GetConnection() != "" && t.s.connections[request.GetConnection()] == nil:
		return nil, refuse(valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND, "connection", request.GetConnection())
	case request.GetConnection() == "" && request.GetSubject() == "":
		return nil, invalid("subject", "your own id of the person")
	}
	t.s.made++
	state := fmt.Sprintf("state-%d", t.s.made)
	a := &authorization{
		request:    request,
		connection: cmp.Or(request.GetConnection(), fmt.Sprintf("%s/connections/c-new-%d", application, t.s.made)),
	}
	t.s.states[state] = a
	query := url.Values{"state": {state}, "scope": {strings.Join(request.GetScopes(), " ")}}
	return &valetkeyv1.AuthorizeResponse{
		AuthorizationUri: "https://provider.example/authorize?" + query.Encode(),
		State:            state,
		ExpireTime:       timestamppb.New(time.Now().Add(consentLife)),
		Connection:       a.connection,
	}, nil
}

func (t *tokenService) Exchange(_ context.Context, request *valetkeyv1.ExchangeRequest) (*valetkeyv1.ExchangeResponse, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	a := t.s.states[request.GetState()]
	switch {
	case a == nil || a.code != "" && a.code != request.GetCode():
		return nil, refuse(valetkeyv1.ErrorReason_AUTHORIZATION_STATE_INVALID)
	case request.GetError() != "":
		delete(t.s.states, request.GetState())
		return nil, refuse(valetkeyv1.ErrorReason_CONSENT_DENIED, "provider_error", request.GetError())
	case request.GetCode() == "":
		return nil, invalid("code", "the code that the provider gave")
	case a.code != "":
		return a.response, nil
	}
	c := t.s.grant(a.connection, a.request, Token{
		AccessToken: "token-for-" + request.GetCode(),
		ExpiresIn:   time.Hour,
		Scopes:      a.request.GetScopes(),
	})
	a.code = request.GetCode()
	a.response = &valetkeyv1.ExchangeResponse{
		Connection: c.Name,
		Scopes:     c.Scopes,
		Generation: c.Generation,
	}
	return a.response, nil
}
