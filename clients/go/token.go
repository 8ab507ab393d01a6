package valetkey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Token is an access token. It is not to be changed: readers share it. Printing,
// logging or encoding it does not show the secret.
type Token struct {
	// TokenType is as the provider named it, usually "bearer".
	TokenType string
	// Expiry is when it ceases to be valid. Zero: it does not expire, as far as
	// anyone knows.
	Expiry time.Time
	// Scopes are the granted ones.
	Scopes []string
	// Generation is one more at every change of the connection's tokens.
	Generation int64

	accessToken secret
	// refresh is when ValetKey means to renew it; zero: not told.
	refresh time.Time
}

// AccessToken is the secret, to be sent as the provider asks. Do not log it.
func (t *Token) AccessToken() string { return t.accessToken() }

// Authorization is the value of the header that carries the token.
func (t *Token) Authorization() string {
	kind := t.TokenType
	if kind == "" || strings.EqualFold(kind, "bearer") {
		kind = "Bearer"
	}
	return kind + " " + t.accessToken()
}

// String is the token without the secret.
func (t Token) String() string {
	expiry := "never expires"
	if !t.Expiry.IsZero() {
		expiry = "expires " + t.Expiry.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("valetkey.Token(generation %d, %s)", t.Generation, expiry)
}

// livesFor tells whether the token is valid for longer than so long.
func (t *Token) livesFor(duration time.Duration) bool {
	return t.Expiry.IsZero() || time.Until(t.Expiry) > duration
}

func tokenOf(message *valetkeyv1.Token) *Token {
	return &Token{
		TokenType:   message.GetTokenType(),
		Expiry:      timeOf(message.GetExpireTime()),
		Scopes:      slices.Clone(message.GetScopes()),
		Generation:  message.GetGeneration(),
		accessToken: newSecret(message.GetAccessToken()),
		refresh:     timeOf(message.GetRefreshTime()),
	}
}

// timeOf is the zero time for an absent timestamp.
func timeOf(stamp *timestamppb.Timestamp) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return stamp.AsTime()
}
