package valetkeytest

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	catalogv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/catalog/v1"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// catalog has one entry.
var catalog = []*valetkeyv1.CatalogEntry{{
	Name:        "catalog/pinterest",
	Definition:  &catalogv1.ProviderDefinition{Id: "pinterest", DisplayName: "Pinterest"},
	RedirectUri: "http://127.0.0.1/oauth/callback",
}}

type providerService struct {
	valetkeyv1.UnimplementedProviderServiceServer
	s *Server
}

// provider is one that is there and has this etag, if one is given. REQUIRES:
// mu is held.
func (s *Server) provider(name, etag string) (*valetkeyv1.Provider, error) {
	found := s.providers[name]
	switch {
	case found == nil:
		return nil, refuse(valetkeyv1.ErrorReason_PROVIDER_NOT_FOUND, "provider", name)
	case etag != "" && etag != found.Etag:
		return nil, refuse(valetkeyv1.ErrorReason_ETAG_MISMATCH)
	}
	return found, nil
}

// put keeps a provider, with a new etag and without its secret. REQUIRES: mu is
// held.
func (s *Server) put(provider *valetkeyv1.Provider) *valetkeyv1.Provider {
	s.made++
	kept := proto.CloneOf(provider)
	kept.ClientSecretSet = kept.ClientSecretSet || kept.ClientSecret != ""
	kept.ClientSecret = ""
	kept.Etag = fmt.Sprintf("e%d", s.made)
	kept.UpdateTime = timestamppb.Now()
	s.providers[kept.Name] = kept
	return kept
}

func (p *providerService) CreateProvider(_ context.Context, request *valetkeyv1.CreateProviderRequest) (*valetkeyv1.CreateProviderResponse, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if _, err := p.s.application(request.GetParent(), ""); err != nil {
		return nil, err
	}
	if request.GetProviderId() == "" || request.GetProvider() == nil {
		return nil, invalid("provider_id", "an id, and a provider")
	}
	made := proto.CloneOf(request.GetProvider())
	made.Name = request.GetParent() + "/providers/" + request.GetProviderId()
	if p.s.providers[made.Name] != nil {
		return nil, refuse(valetkeyv1.ErrorReason_RESOURCE_EXISTS)
	}
	made.State = valetkeyv1.ProviderState_PROVIDER_STATE_ACTIVE
	made.CreateTime = timestamppb.Now()
	return &valetkeyv1.CreateProviderResponse{Provider: p.s.put(made)}, nil
}

func (p *providerService) GetProvider(_ context.Context, request *valetkeyv1.GetProviderRequest) (*valetkeyv1.GetProviderResponse, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	found, err := p.s.provider(request.GetName(), "")
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.GetProviderResponse{Provider: found}, nil
}

func (p *providerService) ListProviders(_ context.Context, request *valetkeyv1.ListProvidersRequest) (*valetkeyv1.ListProvidersResponse, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var found []*valetkeyv1.Provider
	for _, each := range sorted(p.s.providers) {
		if strings.HasPrefix(each.Name, request.GetParent()+"/") {
			found = append(found, each)
		}
	}
	found, next, err := page(found, request.GetPageSize(), request.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.ListProvidersResponse{Providers: found, NextPageToken: next}, nil
}

func (p *providerService) UpdateProvider(_ context.Context, request *valetkeyv1.UpdateProviderRequest) (*valetkeyv1.UpdateProviderResponse, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	wanted := request.GetProvider()
	found, err := p.s.provider(wanted.GetName(), wanted.GetEtag())
	if err != nil {
		return nil, err
	}
	changed := proto.CloneOf(found)
	for _, path := range request.GetUpdateMask().GetPaths() {
		field := changed.ProtoReflect().Descriptor().Fields().ByTextName(path)
		if field == nil {
			return nil, invalid("update_mask", "fields of a provider")
		}
		if wanted.ProtoReflect().Has(field) {
			changed.ProtoReflect().Set(field, wanted.ProtoReflect().Get(field))
		} else {
			changed.ProtoReflect().Clear(field)
		}
	}
	return &valetkeyv1.UpdateProviderResponse{Provider: p.s.put(changed)}, nil
}

func (p *providerService) DeleteProvider(_ context.Context, request *valetkeyv1.DeleteProviderRequest) (*valetkeyv1.DeleteProviderResponse, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	found, err := p.s.provider(request.GetName(), request.GetEtag())
	if err != nil {
		return nil, err
	}
	for _, each := range p.s.connections {
		if each.Provider == found.Name {
			return nil, refuse(valetkeyv1.ErrorReason_RESOURCE_IN_USE)
		}
	}
	delete(p.s.providers, found.Name)
	return &valetkeyv1.DeleteProviderResponse{}, nil
}

func (p *providerService) ListCatalogEntries(_ context.Context, request *valetkeyv1.ListCatalogEntriesRequest) (*valetkeyv1.ListCatalogEntriesResponse, error) {
	found, next, err := page(catalog, request.GetPageSize(), request.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &valetkeyv1.ListCatalogEntriesResponse{Entries: found, NextPageToken: next}, nil
}

func (p *providerService) GetCatalogEntry(_ context.Context, request *valetkeyv1.GetCatalogEntryRequest) (*valetkeyv1.GetCatalogEntryResponse, error) {
	for _, entry := range catalog {
		if entry.GetName() == request.GetName() {
			return &valetkeyv1.GetCatalogEntryResponse{Entry: entry}, nil
		}
	}
	return nil, refuse(valetkeyv1.ErrorReason_CATALOG_ENTRY_NOT_FOUND)
}
