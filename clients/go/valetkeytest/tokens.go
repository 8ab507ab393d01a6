package valetkeytest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Token is an access token that a test gives to a connection.
type Token struct {
	AccessToken string
	// Type is "bearer" if it is empty.
	Type string
	// ExpiresIn is from now. 0: the token does not expire.
	ExpiresIn time.Duration
	// RefreshIn is when the server says that it will renew the token. 0: it
	// does not say.
	RefreshIn time.Duration
	Scopes    []string
	// Name is for one of several tokens of a connection; empty: the main one.
	Name string
}

// connection is a grant. Guarded by the server's mu, as all of this file is.
type connection struct {
	*valetkeyv1.Connection
	tokens map[string]*grantedToken
}

type grantedToken struct {
	Token
	expiry  time.Time
	refresh time.Time
}

func (t *grantedToken) begin() {
	now := time.Now()
	t.expiry, t.refresh = time.Time{}, time.Time{}
	if t.ExpiresIn != 0 {
		t.expiry = now.Add(t.ExpiresIn)
	}
	if t.RefreshIn != 0 {
		t.refresh = now.Add(t.RefreshIn)
	}
}

// SetToken gives a connection its next token, of the next generation. It makes
// the connection if there is none. Watchers hear of CONNECTED, of REFRESHED,
// or, if the connection had ended, of REAUTHORIZED. The generation is returned.
func (s *Server) SetToken(name string, token Token) (generation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grant(full(name), &valetkeyv1.AuthorizeRequest{}, token).Generation
}

// grant gives a connection a token, and makes it as was asked for if there is
// none.
func (s *Server) grant(name string, asked *valetkeyv1.AuthorizeRequest, token Token) *connection {
	kind := valetkeyv1.EventType_EVENT_TYPE_REFRESHED
	c := s.connections[name]
	switch {
	case c == nil:
		kind = valetkeyv1.EventType_EVENT_TYPE_CONNECTED
		application, id, _ := strings.Cut(name, "/connections/")
		c = &connection{
			Connection: &valetkeyv1.Connection{
				Name:       name,
				Provider:   cmp.Or(asked.GetProvider(), application+"/providers/pinterest"),
				Subject:    cmp.Or(asked.GetSubject(), "user-of-"+id),
				Labels:     maps.Clone(asked.GetLabels()),
				CreateTime: timestamppb.Now(),
			},
			tokens: map[string]*grantedToken{},
		}
		s.connections[name] = c
	case c.State != valetkeyv1.ConnectionState_CONNECTION_STATE_ACTIVE:
		kind = valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZED
	}
	granted := &grantedToken{Token: token}
	granted.Scopes = slices.Clone(token.Scopes)
	granted.begin()
	c.tokens[token.Name] = granted
	if token.Name == "" {
		c.Scopes = granted.Scopes
	}
	c.State = valetkeyv1.ConnectionState_CONNECTION_STATE_ACTIVE
	s.change(c, kind)
	return c
}

// change makes the next generation of a connection known.
func (s *Server) change(c *connection, kind valetkeyv1.EventType) {
	s.generations[c.Name]++
	c.Generation = s.generations[c.Name]
	s.tell(c, kind)
}

// tell makes a change of a connection known.
func (s *Server) tell(c *connection, kind valetkeyv1.EventType) {
	s.made++
	c.Etag = fmt.Sprintf("e%d", s.made)
	c.UpdateTime = timestamppb.Now()
	c.ExpireTime = nil
	c.ExtraTokens = nil
	for _, name := range slices.Sorted(maps.Keys(c.tokens)) {
		if name != "" {
			c.ExtraTokens = append(c.ExtraTokens, name)
		} else {
			c.ExpireTime = stamp(c.tokens[""].expiry)
		}
	}
	s.log.add(&valetkeyv1.Event{
		Type:       kind,
		Connection: c.Name,
		Provider:   c.Provider,
		Subject:    c.Subject,
		Labels:     maps.Clone(c.Labels),
		Generation: c.Generation,
		State:      c.State,
		ExpireTime: c.ExpireTime,
	})
}

// Revoke ends a connection, as the call does.
func (s *Server) Revoke(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.connections[full(name)]; c != nil {
		s.revoke(c)
	}
}

func (s *Server) revoke(c *connection) {
	if c.State == valetkeyv1.ConnectionState_CONNECTION_STATE_REVOKED {
		return
	}
	c.State = valetkeyv1.ConnectionState_CONNECTION_STATE_REVOKED
	clear(c.tokens)
	s.change(c, valetkeyv1.EventType_EVENT_TYPE_REVOKED)
}

// RequireReauthorization ends a connection's grant at the provider: its tokens
// are good to their end, and then not renewed.
func (s *Server) RequireReauthorization(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connections[full(name)]
	if c == nil || c.State != valetkeyv1.ConnectionState_CONNECTION_STATE_ACTIVE {
		return
	}
	c.State = valetkeyv1.ConnectionState_CONNECTION_STATE_REAUTHORIZATION_REQUIRED
	s.tell(c, valetkeyv1.EventType_EVENT_TYPE_REAUTHORIZATION_REQUIRED)
}

// renew replaces a token by an invented one that lives as long.
func (s *Server) renew(c *connection, token *grantedToken) error {
	if c.State == valetkeyv1.ConnectionState_CONNECTION_STATE_REAUTHORIZATION_REQUIRED {
		return refuse(valetkeyv1.ErrorReason_REAUTHORIZATION_REQUIRED,
			"connection", c.Name, "provider", c.Provider, "subject", c.Subject)
	}
	token.AccessToken = fmt.Sprintf("renewed-%d", c.Generation+1)
	token.begin()
	s.change(c, valetkeyv1.EventType_EVENT_TYPE_REFRESHED)
	return nil
}

func (t *grantedToken) message(generation int64) *valetkeyv1.Token {
	return &valetkeyv1.Token{
		AccessToken: t.AccessToken,
		TokenType:   cmp.Or(t.Type, "bearer"),
		ExpireTime:  stamp(t.expiry),
		RefreshTime: stamp(t.refresh),
		Scopes:      t.Scopes,
		Generation:  generation,
	}
}

func stamp(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}

// find is a connection that may give tokens, and one of them.
func (s *Server) find(name, token string) (*connection, *grantedToken, error) {
	c := s.connections[name]
	if c == nil {
		return nil, nil, refuse(valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND, "connection", name)
	}
	if c.State == valetkeyv1.ConnectionState_CONNECTION_STATE_REVOKED {
		return nil, nil, refuse(valetkeyv1.ErrorReason_CONNECTION_REVOKED, "connection", name)
	}
	granted := c.tokens[token]
	if granted == nil {
		return nil, nil, refuse(valetkeyv1.ErrorReason_TOKEN_NOT_FOUND, "token", token)
	}
	return c, granted, nil
}

type tokenService struct {
	valetkeyv1.UnimplementedTokenServiceServer
	s *Server
}

func (t *tokenService) GetToken(_ context.Context, request *valetkeyv1.GetTokenRequest) (*valetkeyv1.GetTokenResponse, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	c, token, err := t.s.find(request.GetName(), request.GetToken())
	if err != nil {
		return nil, err
	}
	switch {
	case request.GetMinGeneration() > c.Generation:
		return nil, invalid("min_generation", "a generation that exists")
	case request.GetRejectedGeneration() > c.Generation:
		return nil, invalid("rejected_generation", "a generation that exists")
	}
	if missing := without(request.GetRequiredScopes(), token.Scopes); len(missing) > 0 {
		return nil, refuse(valetkeyv1.ErrorReason_SCOPE_NOT_GRANTED,
			"missing_scopes", strings.Join(missing, " "))
	}
	least := request.GetMinLifetime().AsDuration()
	if token.ExpiresIn != 0 && least > token.ExpiresIn {
		return nil, refuse(valetkeyv1.ErrorReason_MIN_LIFETIME_UNAVAILABLE,
			"lifetime", fmt.Sprintf("%.0fs", token.ExpiresIn.Seconds()))
	}
	rejected := request.GetRejectedGeneration() == c.Generation
	if rejected || !token.expiry.IsZero() && time.Until(token.expiry) <= least {
		if err := t.s.renew(c, token); err != nil {
			return nil, err
		}
	}
	return &valetkeyv1.GetTokenResponse{Token: token.message(c.Generation)}, nil
}

func (t *tokenService) Refresh(_ context.Context, request *valetkeyv1.RefreshRequest) (*valetkeyv1.RefreshResponse, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	c, token, err := t.s.find(request.GetName(), request.GetToken())
	if err != nil {
		return nil, err
	}
	if request.GetGeneration() == 0 || request.GetGeneration() == c.Generation {
		if err := t.s.renew(c, token); err != nil {
			return nil, err
		}
	}
	return &valetkeyv1.RefreshResponse{Token: token.message(c.Generation)}, nil
}

func (t *tokenService) Revoke(_ context.Context, request *valetkeyv1.RevokeRequest) (*valetkeyv1.RevokeResponse, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	c := t.s.connections[request.GetName()]
	if c == nil {
		return nil, refuse(valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND, "connection", request.GetName())
	}
	response := &valetkeyv1.RevokeResponse{CopyDestroyed: true}
	for _, name := range slices.Sorted(maps.Keys(c.tokens)) {
		response.Tokens = append(response.Tokens, &valetkeyv1.TokenRevocation{
			Kind:   valetkeyv1.TokenKind_TOKEN_KIND_ACCESS_TOKEN,
			Token:  name,
			Result: valetkeyv1.RevocationResult_REVOCATION_RESULT_REVOKED,
		})
	}
	t.s.revoke(c)
	return response, nil
}

// without are the wanted ones that are not there.
func without(wanted, there []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(scope string) bool {
		return slices.Contains(there, scope)
	})
}
