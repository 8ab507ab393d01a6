//go:build go1.25

package valetkey_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// ok ends the test if a call failed.
func ok[T any](s *stack) func(T, error) T {
	return func(result T, err error) T {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return result
	}
}

func TestConsent(t *testing.T) {
	bubble(t, func(s *stack) {
		begun := ok[*valetkeyv1.AuthorizeResponse](s)(s.client.Authorize(s.Context(), &valetkeyv1.AuthorizeRequest{
			Provider: "pinterest", Subject: "ann", Scopes: []string{"pins:read"},
			Labels: map[string]string{"team": "a"},
		}))
		exchange := &valetkeyv1.ExchangeRequest{State: begun.GetState(), Code: "any"}
		for range 2 { // the same code, the same answer
			done := ok[*valetkeyv1.ExchangeResponse](s)(s.client.Exchange(s.Context(), exchange))
			expect(s, "connection", done.GetConnection(), begun.GetConnection())
			expect(s, "generation", done.GetGeneration(), 1)
		}
		connection := ok[*valetkeyv1.Connection](s)(s.client.GetConnection(s.Context(),
			&valetkeyv1.GetConnectionRequest{Name: begun.GetConnection()}))
		expect(s, "subject", connection.GetSubject(), "ann")
		expect(s, "label", connection.GetLabels()["team"], "a")
		expect(s, "provider", connection.GetProvider(), "applications/test/providers/pinterest")

		// Again for the same connection, whose short name will do.
		begun = ok[*valetkeyv1.AuthorizeResponse](s)(s.client.Authorize(s.Context(), &valetkeyv1.AuthorizeRequest{
			Provider: "pinterest", Connection: begun.GetConnection()[len("applications/test/connections/"):],
		}))
		_, err := s.client.Exchange(s.Context(), &valetkeyv1.ExchangeRequest{State: begun.GetState(), Error: "access_denied"})
		expect(s, "denied", errors.Is(err, valetkey.ErrConsentDenied), true)
		_, err = s.client.Exchange(s.Context(), exchange)
		expect(s, "the first state works on", err, nil)
		_, err = s.client.Exchange(s.Context(), &valetkeyv1.ExchangeRequest{State: "unknown", Code: "any"})
		expect(s, "an unknown state", errors.Is(err, valetkey.ErrInvalidArgument), true)
	})
}

func TestTokens(t *testing.T) {
	bubble(t, func(s *stack) {
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
		token := ok[*valetkey.Token](s)(s.client.GetToken(s.Context(), getToken))
		expect(s, "token", token.AccessToken(), "t-1")
		token = ok[*valetkey.Token](s)(s.client.Refresh(s.Context(), &valetkeyv1.RefreshRequest{Name: "c-7", Generation: 1}))
		expect(s, "generation", token.Generation, 2)
		token = ok[*valetkey.Token](s)(s.client.Refresh(s.Context(), &valetkeyv1.RefreshRequest{Name: "c-7", Generation: 1}))
		expect(s, "generation, once more", token.Generation, 2)
		revoked := ok[*valetkeyv1.RevokeResponse](s)(s.client.Revoke(s.Context(), &valetkeyv1.RevokeRequest{Name: "c-7"}))
		expect(s, "copy destroyed", revoked.GetCopyDestroyed(), true)
		expect(s, "tokens", len(revoked.GetTokens()), 1)
		_, err := s.client.Refresh(s.Context(), &valetkeyv1.RefreshRequest{Name: "c-7"})
		expect(s, "revoked", errors.Is(err, valetkey.ErrConnectionRevoked), true)
	})
}

func TestConnections(t *testing.T) {
	bubble(t, func(s *stack) {
		for i := range 5 {
			s.server.SetToken(fmt.Sprintf("c-%d", i), valetkeytest.Token{AccessToken: "t"})
		}
		var names []string
		list := &valetkeyv1.ListConnectionsRequest{PageSize: 2, Provider: "pinterest"}
		for connection, err := range s.client.AllConnections(s.Context(), list) {
			if err != nil {
				s.Fatal(err)
			}
			names = append(names, connection.GetName())
		}
		expect(s, "connections", len(names), 5)
		expect(s, "in order", slices.IsSorted(names), true)
		expect(s, "pages", s.server.Calls("ListConnections"), 3)
		expect(s, "the request is left alone", list.GetPageToken()+list.GetParent(), "")
		for range s.client.AllConnections(s.Context(), list) {
			break
		}
		expect(s, "pages of a loop that is left", s.server.Calls("ListConnections"), 4)
		s.server.Fail("ListConnections", valetkeytest.Failure{Code: codes.Internal})
		for _, err := range s.client.AllConnections(s.Context(), nil) {
			expect(s, "code", codeOf(err), codes.Internal)
		}
		page := ok[*valetkeyv1.ListConnectionsResponse](s)(s.client.ListConnections(s.Context(), nil))
		expect(s, "cursor", page.GetCursor(), "cursor-5")

		changed := ok[*valetkeyv1.Connection](s)(s.client.UpdateConnection(s.Context(), &valetkeyv1.UpdateConnectionRequest{
			Connection: &valetkeyv1.Connection{Name: "c-1", Labels: map[string]string{"a": "b"}},
		}))
		expect(s, "label", changed.GetLabels()["a"], "b")
		err := s.client.DeleteConnection(s.Context(), &valetkeyv1.DeleteConnectionRequest{Name: "c-1", Etag: "old"})
		expect(s, "code", codeOf(err), codes.Aborted)
		err = s.client.DeleteConnection(s.Context(), &valetkeyv1.DeleteConnectionRequest{Name: "c-1", Etag: changed.GetEtag()})
		expect(s, "deleted", err, nil)
		_, err = s.client.GetConnection(s.Context(), &valetkeyv1.GetConnectionRequest{Name: "c-1"})
		expect(s, "gone", errors.Is(err, valetkey.ErrNotFound), true)
	})
}

func TestProviders(t *testing.T) {
	bubble(t, func(s *stack) {
		made := ok[*valetkeyv1.Provider](s)(s.client.CreateProvider(s.Context(), &valetkeyv1.CreateProviderRequest{
			ProviderId: "pinterest",
			Provider:   &valetkeyv1.Provider{CatalogEntry: "catalog/pinterest", ClientId: "1", ClientSecret: "2"},
		}))
		expect(s, "name", made.GetName(), "applications/test/providers/pinterest")
		expect(s, "secret is set", made.GetClientSecretSet(), true)
		expect(s, "secret", made.GetClientSecret(), "")
		made = ok[*valetkeyv1.Provider](s)(s.client.UpdateProvider(s.Context(), &valetkeyv1.UpdateProviderRequest{
			Provider:   &valetkeyv1.Provider{Name: "pinterest", DisplayName: "Pins"},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
		}))
		expect(s, "display name", made.GetDisplayName(), "Pins")
		expect(s, "client id", made.GetClientId(), "1")
		made = ok[*valetkeyv1.Provider](s)(s.client.GetProvider(s.Context(), &valetkeyv1.GetProviderRequest{Name: "pinterest"}))
		expect(s, "display name", made.GetDisplayName(), "Pins")
		count := 0
		for _, err := range s.client.AllProviders(s.Context(), nil) {
			expect(s, "error", err, nil)
			count++
		}
		for _, err := range s.client.AllCatalogEntries(s.Context(), nil) {
			expect(s, "error", err, nil)
			count++
		}
		expect(s, "providers and entries", count, 2)
		entry := ok[*valetkeyv1.CatalogEntry](s)(s.client.GetCatalogEntry(s.Context(), &valetkeyv1.GetCatalogEntryRequest{Name: "catalog/pinterest"}))
		expect(s, "entry", entry.GetDefinition().GetDisplayName(), "Pinterest")
		err := s.client.DeleteProvider(s.Context(), &valetkeyv1.DeleteProviderRequest{Name: "pinterest"})
		expect(s, "deleted", err, nil)
	})
}

func TestApplications(t *testing.T) {
	bubble(t, func(s *stack) {
		ok[*valetkeyv1.Application](s)(s.client.CreateApplication(s.Context(), &valetkeyv1.CreateApplicationRequest{ApplicationId: "other"}))
		found := ok[*valetkeyv1.Application](s)(s.client.GetApplication(s.Context(), nil))
		expect(s, "the client's own", found.GetName(), valetkeytest.Application)
		found = ok[*valetkeyv1.Application](s)(s.client.UpdateApplication(s.Context(), &valetkeyv1.UpdateApplicationRequest{
			Application: &valetkeyv1.Application{Name: "other", ReturnUris: []string{"https://shop.example/done"}},
			UpdateMask:  &fieldmaskpb.FieldMask{Paths: []string{"return_uris"}},
		}))
		expect(s, "return URIs", len(found.GetReturnUris()), 1)
		count := 0
		for _, err := range s.client.AllApplications(s.Context(), &valetkeyv1.ListApplicationsRequest{PageSize: 1}) {
			expect(s, "error", err, nil)
			count++
		}
		expect(s, "applications", count, 2)

		key, secret, err := s.client.CreateKey(s.Context(), &valetkeyv1.CreateKeyRequest{
			Rights: []valetkeyv1.Right{valetkeyv1.Right_RIGHT_READ_TOKENS},
		})
		expect(s, "error", err, nil)
		expect(s, "secret", secret != "", true)
		for each, err := range s.client.AllKeys(s.Context(), nil) {
			expect(s, "error", err, nil)
			expect(s, "key", each.GetName(), key.GetName())
		}
		gone := ok[*valetkeyv1.Key](s)(s.client.RevokeKey(s.Context(), &valetkeyv1.RevokeKeyRequest{Name: key.GetName()}))
		expect(s, "revoked", gone.GetRevokeTime() != nil, true)

		err = s.client.DeleteApplication(s.Context(), &valetkeyv1.DeleteApplicationRequest{Name: "other"})
		expect(s, "deleted", err, nil)
		_, err = s.client.GetApplication(s.Context(), &valetkeyv1.GetApplicationRequest{Name: "other"})
		expect(s, "gone", errors.Is(err, valetkey.ErrNotFound), true)
	})
}

func TestNamesThatCannotBeAreRefusedBeforeAnythingIsSent(t *testing.T) {
	bubble(t, func(s *stack) {
		var refused *valetkey.ConfigError
		for method, call := range eachCall(s.client) {
			err := call(s.Context())
			expect(s, method+" with short names", errors.As(err, &refused), false)
		}
		none := s.newClient(valetkey.WithApplication(""))
		defer none.Close()
		calls := s.server.Calls("GetToken")
		_, err := none.GetToken(s.Context(), getToken)
		expect(s, "refused", errors.As(err, &refused), true)
		_, err = none.TokenSource("c-7")
		expect(s, "refused", errors.As(err, &refused), true)
		_, err = none.TokenSource("")
		expect(s, "refused", errors.As(err, &refused), true)
		_, err = none.ListConnections(s.Context(), nil)
		expect(s, "refused", errors.As(err, &refused), true)
		expect(s, "calls", s.server.Calls("GetToken"), calls)
	})
}
