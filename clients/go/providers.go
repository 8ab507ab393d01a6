package valetkey

import (
	"cmp"
	"context"
	"iter"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// CreateProvider configures an application's OAuth client at a provider.
// Without a parent it is the client's application.
func (c *Client) CreateProvider(ctx context.Context, request *valetkeyv1.CreateProviderRequest) (*valetkeyv1.Provider, error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Parent); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "CreateProvider", once, c.providers.CreateProvider, request)
	return response.GetProvider(), err
}

// GetProvider returns a provider, without its secret.
func (c *Client) GetProvider(ctx context.Context, request *valetkeyv1.GetProviderRequest) (*valetkeyv1.Provider, error) {
	request = copyOf(request)
	if err := c.expandProvider(&request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "GetProvider", repeatable, c.providers.GetProvider, request)
	return response.GetProvider(), err
}

// ListProviders returns one page. Without a parent it is of the client's
// application.
func (c *Client) ListProviders(ctx context.Context, request *valetkeyv1.ListProvidersRequest) (*valetkeyv1.ListProvidersResponse, error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Parent); err != nil {
		return nil, err
	}
	return invoke(ctx, c, "ListProviders", repeatable, c.providers.ListProviders, request)
}

// AllProviders walks the providers of all pages. It ends after an error.
func (c *Client) AllProviders(ctx context.Context, request *valetkeyv1.ListProvidersRequest) iter.Seq2[*valetkeyv1.Provider, error] {
	return pages(func(token string) (*valetkeyv1.ListProvidersResponse, error) {
		next := copyOf(request)
		next.PageToken = cmp.Or(token, next.PageToken)
		return c.ListProviders(ctx, next)
	}, (*valetkeyv1.ListProvidersResponse).GetProviders)
}

// UpdateProvider changes the fields of a provider that the mask names.
func (c *Client) UpdateProvider(ctx context.Context, request *valetkeyv1.UpdateProviderRequest) (*valetkeyv1.Provider, error) {
	request = copyOf(request)
	if request.Provider != nil {
		if err := c.expandProvider(&request.Provider.Name); err != nil {
			return nil, err
		}
	}
	response, err := invoke(ctx, c, "UpdateProvider", once, c.providers.UpdateProvider, request)
	return response.GetProvider(), err
}

// DeleteProvider deletes a provider that has no connections.
func (c *Client) DeleteProvider(ctx context.Context, request *valetkeyv1.DeleteProviderRequest) error {
	request = copyOf(request)
	if err := c.expandProvider(&request.Name); err != nil {
		return err
	}
	_, err := invoke(ctx, c, "DeleteProvider", once, c.providers.DeleteProvider, request)
	return err
}

// GetCatalogEntry returns what ValetKey knows of a provider, `catalog/{id}`.
func (c *Client) GetCatalogEntry(ctx context.Context, request *valetkeyv1.GetCatalogEntryRequest) (*valetkeyv1.CatalogEntry, error) {
	response, err := invoke(ctx, c, "GetCatalogEntry", repeatable, c.providers.GetCatalogEntry, request)
	return response.GetEntry(), err
}

// ListCatalogEntries returns one page of the catalog.
func (c *Client) ListCatalogEntries(ctx context.Context, request *valetkeyv1.ListCatalogEntriesRequest) (*valetkeyv1.ListCatalogEntriesResponse, error) {
	return invoke(ctx, c, "ListCatalogEntries", repeatable, c.providers.ListCatalogEntries, request)
}

// AllCatalogEntries walks the whole catalog. It ends after an error.
func (c *Client) AllCatalogEntries(ctx context.Context, request *valetkeyv1.ListCatalogEntriesRequest) iter.Seq2[*valetkeyv1.CatalogEntry, error] {
	return pages(func(token string) (*valetkeyv1.ListCatalogEntriesResponse, error) {
		next := copyOf(request)
		next.PageToken = cmp.Or(token, next.PageToken)
		return c.ListCatalogEntries(ctx, next)
	}, (*valetkeyv1.ListCatalogEntriesResponse).GetEntries)
}
