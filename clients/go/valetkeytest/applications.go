package valetkeytest

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

type application struct {
	*valetkeyv1.Application
	keys map[string]*valetkeyv1.Key
}

func newApplication(name string) *application {
	return &application{
		Application: &valetkeyv1.Application{Name: name, CreateTime: timestamppb.Now(), Etag: "e0"},
		keys:        map[string]*valetkeyv1.Key{},
	}
}

// application is one that is there and has this etag, if one is given.
// REQUIRES: mu is held.
func (s *Server) application(name, etag string) (*application, error) {
	found := s.applications[name]
	switch {
	case found == nil:
		return nil, refuse(valetkeyv1.ErrorReason_APPLICATION_NOT_FOUND, "application", name)
	case etag != "" && etag != found.Etag:
		return nil, refuse(valetkeyv1.ErrorReason_ETAG_MISMATCH)
	}
	return found, nil
}

type applicationService struct {
	valetkeyv1.UnimplementedApplicationServiceServer
	s *Server
}

func (a *applicationService) CreateApplication(_ context.Context, request *valetkeyv1.CreateApplicationRequest) (*valetkeyv1.CreateApplicationResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if request.GetApplicationId() == "" {
		return nil, invalid("application_id", "an id")
	}
	name := "applications/" + request.GetApplicationId()
	if a.s.applications[name] != nil {
		return nil, refuse(valetkeyv1.ErrorReason_RESOURCE_EXISTS)
	}
	made := newApplication(name)
	made.DisplayName = request.GetApplication().GetDisplayName()
	made.ReturnUris = request.GetApplication().GetReturnUris()
	a.s.applications[name] = made
	return &valetkeyv1.CreateApplicationResponse{Application: proto.CloneOf(made.Application)}, nil
}

func (a *applicationService) GetApplication(_ context.Context, request *valetkeyv1.GetApplicationRequest) (*valetkeyv1.GetApplicationResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	found, err := a.s.application(request.GetName(), "")
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.GetApplicationResponse{Application: proto.CloneOf(found.Application)}, nil
}

func (a *applicationService) ListApplications(_ context.Context, request *valetkeyv1.ListApplicationsRequest) (*valetkeyv1.ListApplicationsResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	var found []*valetkeyv1.Application
	for _, each := range sorted(a.s.applications) {
		found = append(found, proto.CloneOf(each.Application))
	}
	found, next, err := page(found, request.GetPageSize(), request.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.ListApplicationsResponse{Applications: found, NextPageToken: next}, nil
}

func (a *applicationService) UpdateApplication(_ context.Context, request *valetkeyv1.UpdateApplicationRequest) (*valetkeyv1.UpdateApplicationResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	wanted := request.GetApplication()
	found, err := a.s.application(wanted.GetName(), wanted.GetEtag())
	if err != nil {
		return nil, err
	}
	for _, path := range request.GetUpdateMask().GetPaths() {
		switch path {
		case "display_name":
			found.DisplayName = wanted.GetDisplayName()
		case "return_uris":
			found.ReturnUris = wanted.GetReturnUris()
		default:
			return nil, invalid("update_mask", "display_name, return_uris")
		}
	}
	a.s.made++
	found.Etag = fmt.Sprintf("e%d", a.s.made)
	found.UpdateTime = timestamppb.Now()
	return &valetkeyv1.UpdateApplicationResponse{Application: proto.CloneOf(found.Application)}, nil
}

func (a *applicationService) DeleteApplication(_ context.Context, request *valetkeyv1.DeleteApplicationRequest) (*valetkeyv1.DeleteApplicationResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	found, err := a.s.application(request.GetName(), request.GetEtag())
	if err != nil {
		return nil, err
	}
	delete(a.s.applications, found.Name)
	return &valetkeyv1.DeleteApplicationResponse{}, nil
}

func (a *applicationService) CreateKey(_ context.Context, request *valetkeyv1.CreateKeyRequest) (*valetkeyv1.CreateKeyResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	found, err := a.s.application(request.GetParent(), "")
	if err != nil {
		return nil, err
	}
	if len(request.GetRights()) == 0 {
		return nil, invalid("rights", "at least one")
	}
	a.s.made++
	key := &valetkeyv1.Key{
		Name:        fmt.Sprintf("%s/keys/k-%d", found.Name, a.s.made),
		DisplayName: request.GetDisplayName(),
		Rights:      request.GetRights(),
		CreateTime:  timestamppb.Now(),
		ExpireTime:  request.GetExpireTime(),
	}
	found.keys[key.Name] = key
	return &valetkeyv1.CreateKeyResponse{
		Key:    proto.CloneOf(key),
		Secret: fmt.Sprintf("vk_secret-%d", a.s.made),
	}, nil
}

func (a *applicationService) ListKeys(_ context.Context, request *valetkeyv1.ListKeysRequest) (*valetkeyv1.ListKeysResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	found, err := a.s.application(request.GetParent(), "")
	if err != nil {
		return nil, err
	}
	keys, next, err := page(sorted(found.keys), request.GetPageSize(), request.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.ListKeysResponse{Keys: keys, NextPageToken: next}, nil
}

func (a *applicationService) RevokeKey(_ context.Context, request *valetkeyv1.RevokeKeyRequest) (*valetkeyv1.RevokeKeyResponse, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	parent, _, _ := strings.Cut(request.GetName(), "/keys/")
	found := a.s.applications[parent]
	if found == nil || found.keys[request.GetName()] == nil {
		return nil, refuse(valetkeyv1.ErrorReason_KEY_NOT_FOUND, "key", request.GetName())
	}
	key := proto.CloneOf(found.keys[request.GetName()])
	if key.RevokeTime == nil {
		key.RevokeTime = timestamppb.Now()
	}
	found.keys[key.Name] = key
	return &valetkeyv1.RevokeKeyResponse{Key: key}, nil
}
