package valetkey

import (
	"cmp"
	"context"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// Authorize begins consent: it returns where to send the person's browser.
// Provider and connection may be short names.
func (c *Client) Authorize(ctx context.Context, request *valetkeyv1.AuthorizeRequest) (*valetkeyv1.AuthorizeResponse, error) {
	request = copyOf(request)
	if err := cmp.Or(
		c.expandProvider(&request.Provider),
		c.expandConnection(&request.Connection),
	); err != nil {
		return nil, err
	}
	return invoke(ctx, c, "Authorize", repeatable, c.tokens.Authorize, request)
}

// Exchange finishes consent with what the redirect's query holds, where the
// redirect URI is the application's own.
func (c *Client) Exchange(ctx context.Context, request *valetkeyv1.ExchangeRequest) (*valetkeyv1.ExchangeResponse, error) {
	return invoke(ctx, c, "Exchange", repeatable, c.tokens.Exchange, request)
}

// GetToken returns a valid access token. A [TokenSource] does so without a call
// each time.
func (c *Client) GetToken(ctx context.Context, request *valetkeyv1.GetTokenRequest) (*Token, error) {
	request = copyOf(request)
	if err := c.expandConnection(&request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, methodGetToken, repeatable, c.tokens.GetToken, request)
	if err != nil {
		return nil, err
	}
	return tokenOf(response.GetToken()), nil
}

// Refresh has a new access token fetched from the provider. It is repeated only
// if the request has the generation that the caller holds.
func (c *Client) Refresh(ctx context.Context, request *valetkeyv1.RefreshRequest) (*Token, error) {
	request = copyOf(request)
	if err := c.expandConnection(&request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "Refresh", repetition(request.GetGeneration() != 0),
		c.tokens.Refresh, request)
	if err != nil {
		return nil, err
	}
	return tokenOf(response.GetToken()), nil
}

// Revoke ends a grant, and tells what the provider did with each token.
func (c *Client) Revoke(ctx context.Context, request *valetkeyv1.RevokeRequest) (*valetkeyv1.RevokeResponse, error) {
	request = copyOf(request)
	if err := c.expandConnection(&request.Name); err != nil {
		return nil, err
	}
	return invoke(ctx, c, "Revoke", repeatable, c.tokens.Revoke, request)
}
