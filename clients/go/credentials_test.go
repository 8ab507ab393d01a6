//go:build go1.25

package valetkey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/credentials"

	valetkey "github.com/valetkey/valetkey/clients/go"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestOAuth2TokenSource(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{
			AccessToken: "t-1", ExpiresIn: time.Hour, Scopes: []string{"a", "b"},
		})
		var adapted oauth2.TokenSource = valetkey.OAuth2TokenSource(s.Context(), s.source())
		token, err := adapted.Token()
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "access token", token.AccessToken, "t-1")
		expect(s, "type", token.Type(), "Bearer")
		expect(s, "valid", token.Valid(), true)
		expect(s, "expiry", time.Until(token.Expiry), time.Hour)
		expect(s, "generation", token.Extra("generation"), any(int64(1)))
		expect(s, "scope", token.Extra("scope"), any("a b"))
		s.server.Revoke("c-7")
		settle()
		_, err = adapted.Token()
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
	})
}

// secured is what a channel tells of its security.
type secured struct{ credentials.CommonAuthInfo }

func (secured) AuthType() string { return "test" }

func over(ctx context.Context, level credentials.SecurityLevel) context.Context {
	return credentials.NewContextWithRequestInfo(ctx, credentials.RequestInfo{
		AuthInfo: secured{credentials.CommonAuthInfo{SecurityLevel: level}},
	})
}

func TestPerRPCCredentials(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		adapted := valetkey.PerRPCCredentials(s.source())
		expect(s, "wants TLS", adapted.RequireTransportSecurity(), true)
		metadata, err := adapted.GetRequestMetadata(over(s.Context(), credentials.PrivacyAndIntegrity))
		if err != nil {
			s.Fatal(err)
		}
		expect(s, "authorization", metadata["authorization"], "Bearer t-1")
		if _, err := adapted.GetRequestMetadata(over(s.Context(), credentials.NoSecurity)); err == nil {
			s.Error("a token is sent in plain text")
		}
		s.server.Revoke("c-7")
		settle()
		_, err = adapted.GetRequestMetadata(over(s.Context(), credentials.PrivacyAndIntegrity))
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
	})
}
