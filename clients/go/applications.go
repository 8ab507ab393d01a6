package valetkey

import (
	"cmp"
	"context"
	"iter"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// CreateApplication makes an application. The key must be of
// `applications/system`.
func (c *Client) CreateApplication(ctx context.Context, request *valetkeyv1.CreateApplicationRequest) (*valetkeyv1.Application, error) {
	response, err := invoke(ctx, c, "CreateApplication", once, c.applications.CreateApplication, request)
	return response.GetApplication(), err
}

// GetApplication returns an application; without a name, the client's.
func (c *Client) GetApplication(ctx context.Context, request *valetkeyv1.GetApplicationRequest) (*valetkeyv1.Application, error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "GetApplication", repeatable, c.applications.GetApplication, request)
	return response.GetApplication(), err
}

// ListApplications returns one page of those that the key may see.
func (c *Client) ListApplications(ctx context.Context, request *valetkeyv1.ListApplicationsRequest) (*valetkeyv1.ListApplicationsResponse, error) {
	return invoke(ctx, c, "ListApplications", repeatable, c.applications.ListApplications, request)
}

// AllApplications walks the applications of all pages. It ends after an error.
func (c *Client) AllApplications(ctx context.Context, request *valetkeyv1.ListApplicationsRequest) iter.Seq2[*valetkeyv1.Application, error] {
	return pages(func(token string) (*valetkeyv1.ListApplicationsResponse, error) {
		next := copyOf(request)
		next.PageToken = cmp.Or(token, next.PageToken)
		return c.ListApplications(ctx, next)
	}, (*valetkeyv1.ListApplicationsResponse).GetApplications)
}

// UpdateApplication changes the fields of an application that the mask names;
// without a name, the client's.
func (c *Client) UpdateApplication(ctx context.Context, request *valetkeyv1.UpdateApplicationRequest) (*valetkeyv1.Application, error) {
	request = copyOf(request)
	if request.Application != nil {
		if err := c.expandParent(&request.Application.Name); err != nil {
			return nil, err
		}
	}
	response, err := invoke(ctx, c, "UpdateApplication", once, c.applications.UpdateApplication, request)
	return response.GetApplication(), err
}

// DeleteApplication deletes an application and its keys. Its name is required.
func (c *Client) DeleteApplication(ctx context.Context, request *valetkeyv1.DeleteApplicationRequest) error {
	request = copyOf(request)
	name, err := applicationName(request.Name)
	if err != nil {
		return err
	}
	request.Name = name
	_, err = invoke(ctx, c, "DeleteApplication", once, c.applications.DeleteApplication, request)
	return err
}

// CreateKey makes an API key. Its secret is returned this one time. Without a
// parent it is of the client's application.
func (c *Client) CreateKey(ctx context.Context, request *valetkeyv1.CreateKeyRequest) (key *valetkeyv1.Key, secret string, err error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Parent); err != nil {
		return nil, "", err
	}
	response, err := invoke(ctx, c, "CreateKey", once, c.applications.CreateKey, request)
	return response.GetKey(), response.GetSecret(), err
}

// ListKeys returns one page, revoked keys too. Without a parent it is of the
// client's application.
func (c *Client) ListKeys(ctx context.Context, request *valetkeyv1.ListKeysRequest) (*valetkeyv1.ListKeysResponse, error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Parent); err != nil {
		return nil, err
	}
	return invoke(ctx, c, "ListKeys", repeatable, c.applications.ListKeys, request)
}

// AllKeys walks the keys of all pages. It ends after an error.
func (c *Client) AllKeys(ctx context.Context, request *valetkeyv1.ListKeysRequest) iter.Seq2[*valetkeyv1.Key, error] {
	return pages(func(token string) (*valetkeyv1.ListKeysResponse, error) {
		next := copyOf(request)
		next.PageToken = cmp.Or(token, next.PageToken)
		return c.ListKeys(ctx, next)
	}, (*valetkeyv1.ListKeysResponse).GetKeys)
}

// RevokeKey makes a key useless at once.
func (c *Client) RevokeKey(ctx context.Context, request *valetkeyv1.RevokeKeyRequest) (*valetkeyv1.Key, error) {
	request = copyOf(request)
	if err := expand(c.config.application, "keys", &request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "RevokeKey", repeatable, c.applications.RevokeKey, request)
	return response.GetKey(), err
}
