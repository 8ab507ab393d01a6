package valetkey

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/credentials"
)

// OAuth2TokenSource is the source as golang.org/x/oauth2 and the libraries on
// top of it want one. The context is for each of its reads.
//
// Do not wrap it in [oauth2.ReuseTokenSource], as [oauth2.NewClient] does: that
// would hold on to a token that has been replaced. For HTTP use [Transport],
// which also acts on a 401; or [oauth2.Transport] as it is. The generation, an
// int64 for [TokenSource.Invalidate], is the token's Extra("generation").
func OAuth2TokenSource(ctx context.Context, source *TokenSource) oauth2.TokenSource {
	return &oauth2Source{ctx: ctx, source: source}
}

type oauth2Source struct {
	ctx    context.Context
	source *TokenSource
}

func (s *oauth2Source) Token() (*oauth2.Token, error) {
	token, err := s.source.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	made := &oauth2.Token{
		AccessToken: token.AccessToken(),
		TokenType:   token.TokenType,
		Expiry:      token.Expiry,
	}
	return made.WithExtra(map[string]any{
		"generation": token.Generation,
		"scope":      strings.Join(token.Scopes, " "),
	}), nil
}

// PerRPCCredentials are for the channel to a provider that speaks gRPC. They
// want TLS. They do not see answers: a program that gets UNAUTHENTICATED from
// the provider calls [TokenSource.Invalidate] itself.
func PerRPCCredentials(source *TokenSource) credentials.PerRPCCredentials {
	return &perRPC{source: source}
}

type perRPC struct{ source *TokenSource }

func (p *perRPC) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	info, _ := credentials.RequestInfoFromContext(ctx)
	if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
		return nil, fmt.Errorf("valetkey: no token is sent: %w", err)
	}
	token, err := p.source.Token(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": token.Authorization()}, nil
}

func (p *perRPC) RequireTransportSecurity() bool { return true }
