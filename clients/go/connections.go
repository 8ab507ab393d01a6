package valetkey

import (
	"cmp"
	"context"
	"iter"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// GetConnection tells a connection's health.
func (c *Client) GetConnection(ctx context.Context, request *valetkeyv1.GetConnectionRequest) (*valetkeyv1.Connection, error) {
	request = copyOf(request)
	if err := c.expandConnection(&request.Name); err != nil {
		return nil, err
	}
	response, err := invoke(ctx, c, "GetConnection", repeatable, c.connections.GetConnection, request)
	return response.GetConnection(), err
}

// ListConnections returns one page, and the cursor to watch from. Without a
// parent it is of the client's application.
func (c *Client) ListConnections(ctx context.Context, request *valetkeyv1.ListConnectionsRequest) (*valetkeyv1.ListConnectionsResponse, error) {
	request = copyOf(request)
	if err := c.expandParent(&request.Parent); err != nil {
		return nil, err
	}
	if err := expand(request.Parent, "providers", &request.Provider); err != nil {
		return nil, err
	}
	return invoke(ctx, c, "ListConnections", repeatable, c.connections.ListConnections, request)
}

// AllConnections walks the connections of all pages. It ends after an error.
func (c *Client) AllConnections(ctx context.Context, request *valetkeyv1.ListConnectionsRequest) iter.Seq2[*valetkeyv1.Connection, error] {
	return pages(func(token string) (*valetkeyv1.ListConnectionsResponse, error) {
		next := copyOf(request)
		next.PageToken = cmp.Or(token, next.PageToken)
		return c.ListConnections(ctx, next)
	}, (*valetkeyv1.ListConnectionsResponse).GetConnections)
}

// UpdateConnection changes a connection's labels.
func (c *Client) UpdateConnection(ctx context.Context, request *valetkeyv1.UpdateConnectionRequest) (*valetkeyv1.Connection, error) {
	request = copyOf(request)
	if request.Connection != nil {
		if err := c.expandConnection(&request.Connection.Name); err != nil {
			return nil, err
		}
	}
	response, err := invoke(ctx, c, "UpdateConnection", once, c.connections.UpdateConnection, request)
	return response.GetConnection(), err
}

// DeleteConnection destroys ValetKey's record of a connection. The provider is
// not told: Revoke first if it shall be.
func (c *Client) DeleteConnection(ctx context.Context, request *valetkeyv1.DeleteConnectionRequest) error {
	request = copyOf(request)
	if err := c.expandConnection(&request.Name); err != nil {
		return err
	}
	_, err := invoke(ctx, c, "DeleteConnection", once, c.connections.DeleteConnection, request)
	return err
}
