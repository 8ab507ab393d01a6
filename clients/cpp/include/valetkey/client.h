// ValetKey's client: the calls of the contract with deadlines, retries and
// typed errors, and the token sources and watches that stand on it.
//
//   absl::StatusOr<Client> client = Client::Create();  // by the environment
//   v1::GetTokenRequest request;
//   request.set_name("c-7");
//   absl::StatusOr<Token> token = client->GetToken(request);
//
// Each call has a form that blocks and one with a callback. Each has a
// deadline, which covers its tries and the waits between; UNAVAILABLE is tried
// again by itself where a repetition does no harm. error.h reads an error.
//
// A request's names may be short where the application is known: "c-7" for
// "applications/shop/connections/c-7", "shop/c-7" in any case; a `parent` may
// be empty. The messages are those of proto/valetkey/v1, documented there with
// the right and the errors of each call.

#ifndef VALETKEY_CLIENT_H_
#define VALETKEY_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "valetkey/call_options.h"
#include "valetkey/error.h"
#include "valetkey/options.h"
#include "valetkey/pages.h"
#include "valetkey/token.h"
#include "valetkey/token_source.h"
#include "valetkey/v1/application_service.pb.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/provider_service.pb.h"
#include "valetkey/v1/token_service.pb.h"
#include "valetkey/watch.h"

namespace valetkey::client {

namespace internal {
class Core;
}  // namespace internal

// Thread-safe, but for moving it. It closes when it is destroyed.
class Client {
 public:
  // Does not connect: that is the first call's. Fails with kConfig for options
  // that cannot work, among them plain text to another host.
  static absl::StatusOr<Client> Create(const ClientOptions& options = {});

  // For the library.
  explicit Client(std::shared_ptr<internal::Core> core);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Ends calls, token sources and watches with CANCELLED, and returns when no
  // thread, timer or connection of them is left. May be called more than once;
  // not from a callback of this client.
  void Close();

  // A source of that connection's token. Opens nothing and waits for nothing.
  // Fails with kConfig for a short name without an application.
  absl::StatusOr<TokenSource> NewTokenSource(absl::string_view name,
                                             TokenSourceOptions options = {});

  // The events of an application (EventService).
  absl::StatusOr<Watch> WatchEvents(v1::WatchEventsRequest request);

  // How long ago the application's watch, which tells the token sources what
  // happens, last said something; it does so at least every 15 s while it is
  // well. Infinite if there is none yet, or the key may not watch.
  absl::Duration WatchSilence(absl::string_view application) const;

  // Consent and tokens (TokenService).

  // Begins consent: where to send the person.
  absl::StatusOr<v1::AuthorizeResponse> Authorize(
      v1::AuthorizeRequest request, const CallOptions& options = {});
  void Authorize(v1::AuthorizeRequest request, const CallOptions& options,
                 Callback<v1::AuthorizeResponse> done);

  // Finishes consent: the code for a connection.
  absl::StatusOr<v1::ExchangeResponse> Exchange(
      v1::ExchangeRequest request, const CallOptions& options = {});
  void Exchange(v1::ExchangeRequest request, const CallOptions& options,
                Callback<v1::ExchangeResponse> done);

  // A valid token, by a call. TokenSource reads memory.
  absl::StatusOr<Token> GetToken(v1::GetTokenRequest request,
                                 const CallOptions& options = {});
  void GetToken(v1::GetTokenRequest request, const CallOptions& options,
                Callback<Token> done);

  // A new token from the provider, now. Tried again only with a generation.
  absl::StatusOr<Token> Refresh(v1::RefreshRequest request,
                                const CallOptions& options = {});
  void Refresh(v1::RefreshRequest request, const CallOptions& options,
               Callback<Token> done);

  // Ends a grant, and says what the provider did.
  absl::StatusOr<v1::RevokeResponse> Revoke(v1::RevokeRequest request,
                                            const CallOptions& options = {});
  void Revoke(v1::RevokeRequest request, const CallOptions& options,
              Callback<v1::RevokeResponse> done);

  // Connections (ConnectionService).
  absl::StatusOr<v1::GetConnectionResponse> GetConnection(
      v1::GetConnectionRequest request, const CallOptions& options = {});
  void GetConnection(v1::GetConnectionRequest request,
                     const CallOptions& options,
                     Callback<v1::GetConnectionResponse> done);

  // One page.
  absl::StatusOr<v1::ListConnectionsResponse> ListConnections(
      v1::ListConnectionsRequest request, const CallOptions& options = {});
  void ListConnections(v1::ListConnectionsRequest request,
                       const CallOptions& options,
                       Callback<v1::ListConnectionsResponse> done);

  // Changes its labels.
  absl::StatusOr<v1::UpdateConnectionResponse> UpdateConnection(
      v1::UpdateConnectionRequest request, const CallOptions& options = {});
  void UpdateConnection(v1::UpdateConnectionRequest request,
                        const CallOptions& options,
                        Callback<v1::UpdateConnectionResponse> done);
  absl::StatusOr<v1::DeleteConnectionResponse> DeleteConnection(
      v1::DeleteConnectionRequest request, const CallOptions& options = {});
  void DeleteConnection(v1::DeleteConnectionRequest request,
                        const CallOptions& options,
                        Callback<v1::DeleteConnectionResponse> done);

  // Providers and the catalog (ProviderService).
  absl::StatusOr<v1::CreateProviderResponse> CreateProvider(
      v1::CreateProviderRequest request, const CallOptions& options = {});
  void CreateProvider(v1::CreateProviderRequest request,
                      const CallOptions& options,
                      Callback<v1::CreateProviderResponse> done);
  absl::StatusOr<v1::GetProviderResponse> GetProvider(
      v1::GetProviderRequest request, const CallOptions& options = {});
  void GetProvider(v1::GetProviderRequest request, const CallOptions& options,
                   Callback<v1::GetProviderResponse> done);

  // One page.
  absl::StatusOr<v1::ListProvidersResponse> ListProviders(
      v1::ListProvidersRequest request, const CallOptions& options = {});
  void ListProviders(v1::ListProvidersRequest request,
                     const CallOptions& options,
                     Callback<v1::ListProvidersResponse> done);
  absl::StatusOr<v1::UpdateProviderResponse> UpdateProvider(
      v1::UpdateProviderRequest request, const CallOptions& options = {});
  void UpdateProvider(v1::UpdateProviderRequest request,
                      const CallOptions& options,
                      Callback<v1::UpdateProviderResponse> done);
  absl::StatusOr<v1::DeleteProviderResponse> DeleteProvider(
      v1::DeleteProviderRequest request, const CallOptions& options = {});
  void DeleteProvider(v1::DeleteProviderRequest request,
                      const CallOptions& options,
                      Callback<v1::DeleteProviderResponse> done);

  // One page.
  absl::StatusOr<v1::ListCatalogEntriesResponse> ListCatalogEntries(
      v1::ListCatalogEntriesRequest request, const CallOptions& options = {});
  void ListCatalogEntries(v1::ListCatalogEntriesRequest request,
                          const CallOptions& options,
                          Callback<v1::ListCatalogEntriesResponse> done);
  absl::StatusOr<v1::GetCatalogEntryResponse> GetCatalogEntry(
      v1::GetCatalogEntryRequest request, const CallOptions& options = {});
  void GetCatalogEntry(v1::GetCatalogEntryRequest request,
                       const CallOptions& options,
                       Callback<v1::GetCatalogEntryResponse> done);

  // Applications and their keys (ApplicationService).
  absl::StatusOr<v1::CreateApplicationResponse> CreateApplication(
      v1::CreateApplicationRequest request, const CallOptions& options = {});
  void CreateApplication(v1::CreateApplicationRequest request,
                         const CallOptions& options,
                         Callback<v1::CreateApplicationResponse> done);
  absl::StatusOr<v1::GetApplicationResponse> GetApplication(
      v1::GetApplicationRequest request, const CallOptions& options = {});
  void GetApplication(v1::GetApplicationRequest request,
                      const CallOptions& options,
                      Callback<v1::GetApplicationResponse> done);

  // One page.
  absl::StatusOr<v1::ListApplicationsResponse> ListApplications(
      v1::ListApplicationsRequest request, const CallOptions& options = {});
  void ListApplications(v1::ListApplicationsRequest request,
                        const CallOptions& options,
                        Callback<v1::ListApplicationsResponse> done);
  absl::StatusOr<v1::UpdateApplicationResponse> UpdateApplication(
      v1::UpdateApplicationRequest request, const CallOptions& options = {});
  void UpdateApplication(v1::UpdateApplicationRequest request,
                         const CallOptions& options,
                         Callback<v1::UpdateApplicationResponse> done);
  absl::StatusOr<v1::DeleteApplicationResponse> DeleteApplication(
      v1::DeleteApplicationRequest request, const CallOptions& options = {});
  void DeleteApplication(v1::DeleteApplicationRequest request,
                         const CallOptions& options,
                         Callback<v1::DeleteApplicationResponse> done);

  // The answer holds the key's secret.
  absl::StatusOr<v1::CreateKeyResponse> CreateKey(
      v1::CreateKeyRequest request, const CallOptions& options = {});
  void CreateKey(v1::CreateKeyRequest request, const CallOptions& options,
                 Callback<v1::CreateKeyResponse> done);

  // One page.
  absl::StatusOr<v1::ListKeysResponse> ListKeys(
      v1::ListKeysRequest request, const CallOptions& options = {});
  void ListKeys(v1::ListKeysRequest request, const CallOptions& options,
                Callback<v1::ListKeysResponse> done);
  absl::StatusOr<v1::RevokeKeyResponse> RevokeKey(
      v1::RevokeKeyRequest request, const CallOptions& options = {});
  void RevokeKey(v1::RevokeKeyRequest request, const CallOptions& options,
                 Callback<v1::RevokeKeyResponse> done);

  // Lists as one sequence; the page token of the request is where it begins.
  // The options hold for each page. The client outlives what is returned, and
  // is not moved meanwhile.

  Pages<v1::Connection> WalkConnections(v1::ListConnectionsRequest request,
                                        const CallOptions& options = {});
  Pages<v1::Provider> WalkProviders(v1::ListProvidersRequest request,
                                    const CallOptions& options = {});
  Pages<v1::CatalogEntry> WalkCatalogEntries(
      v1::ListCatalogEntriesRequest request, const CallOptions& options = {});
  Pages<v1::Application> WalkApplications(v1::ListApplicationsRequest request,
                                          const CallOptions& options = {});
  Pages<v1::Key> WalkKeys(v1::ListKeysRequest request,
                          const CallOptions& options = {});

 private:
  friend class ForwardedCall;
  std::shared_ptr<internal::Core> core_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_CLIENT_H_
