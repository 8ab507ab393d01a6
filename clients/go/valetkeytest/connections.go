package valetkeytest

import (
	"context"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

type connectionService struct {
	valetkeyv1.UnimplementedConnectionServiceServer
	s *Server
}

func (c *connectionService) GetConnection(_ context.Context, request *valetkeyv1.GetConnectionRequest) (*valetkeyv1.GetConnectionResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	found, err := c.s.connection(request.GetName(), "")
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.GetConnectionResponse{Connection: proto.CloneOf(found.Connection)}, nil
}

// connection is one that is there and has this etag, if one is given. REQUIRES:
// mu is held.
func (s *Server) connection(name, etag string) (*connection, error) {
	found := s.connections[name]
	switch {
	case found == nil:
		return nil, refuse(valetkeyv1.ErrorReason_CONNECTION_NOT_FOUND, "connection", name)
	case etag != "" && etag != found.Etag:
		return nil, refuse(valetkeyv1.ErrorReason_ETAG_MISMATCH)
	}
	return found, nil
}

func (c *connectionService) ListConnections(_ context.Context, request *valetkeyv1.ListConnectionsRequest) (*valetkeyv1.ListConnectionsResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	filter := &valetkeyv1.WatchEventsRequest{
		Parent:   request.GetParent(),
		Provider: request.GetProvider(),
		Subject:  request.GetSubject(),
		Labels:   request.GetLabels(),
	}
	var found []*valetkeyv1.Connection
	for _, each := range sorted(c.s.connections) {
		state := request.GetState()
		if passes(filter, each.Name, each.Provider, each.Subject, each.Labels) &&
			(state == valetkeyv1.ConnectionState_CONNECTION_STATE_UNSPECIFIED || state == each.State) {
			found = append(found, proto.CloneOf(each.Connection))
		}
	}
	found, next, err := page(found, request.GetPageSize(), request.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.ListConnectionsResponse{
		Connections:   found,
		NextPageToken: next,
		Cursor:        cursorOf(c.s.log.end()),
	}, nil
}

func (c *connectionService) UpdateConnection(_ context.Context, request *valetkeyv1.UpdateConnectionRequest) (*valetkeyv1.UpdateConnectionResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	wanted := request.GetConnection()
	found, err := c.s.connection(wanted.GetName(), wanted.GetEtag())
	if err != nil {
		return nil, err
	}
	if paths := request.GetUpdateMask().GetPaths(); len(paths) > 0 && strings.Join(paths, ",") != "labels" {
		return nil, invalid("update_mask", "labels")
	}
	found.Labels = maps.Clone(wanted.GetLabels())
	c.s.tell(found, valetkeyv1.EventType_EVENT_TYPE_UPDATED)
	return &valetkeyv1.UpdateConnectionResponse{Connection: proto.CloneOf(found.Connection)}, nil
}

func (c *connectionService) DeleteConnection(_ context.Context, request *valetkeyv1.DeleteConnectionRequest) (*valetkeyv1.DeleteConnectionResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	found, err := c.s.connection(request.GetName(), request.GetEtag())
	if err != nil {
		return nil, err
	}
	delete(c.s.connections, found.Name)
	clear(found.tokens)
	c.s.change(found, valetkeyv1.EventType_EVENT_TYPE_DELETED)
	return &valetkeyv1.DeleteConnectionResponse{}, nil
}
