// Every unary call of the contract.

#include <utility>

#include "src/blocking.h"
#include "src/core.h"
#include "src/expand.h"
#include "src/retrying_call.h"
#include "src/tokens.h"
#include "valetkey/client.h"

namespace valetkey::client {
namespace {

using internal::Core;
using internal::Stubs;

// What a call returns, made of the contract's response.
template <typename Response>
absl::StatusOr<Token> TokenOf(const Response& response) {
  return Token(internal::TokenDataOf(response.token()));
}
absl::StatusOr<Token> ResultOf(const v1::GetTokenResponse& response) {
  return TokenOf(response);
}
absl::StatusOr<Token> ResultOf(const v1::RefreshResponse& response) {
  return TokenOf(response);
}
template <typename Response>
absl::StatusOr<Response> ResultOf(Response response) {
  return response;
}

// A stub's method in callback form.
template <typename Stub, typename Request, typename Response>
using Method = void (Stub::*)(grpc::ClientContext*, const Request*, Response*,
                              std::function<void(grpc::Status)>);

template <typename Result, typename Service, typename Stub, typename Request,
          typename Response>
void Call(const std::shared_ptr<Core>& core,
          std::unique_ptr<Service> Stubs::* service,
          Method<Stub, Request, Response> method, bool repeatable,
          Request request, const CallOptions& options, Callback<Result> done) {
  const absl::Status expanded =
      internal::NameExpander(core->config().application)(&request);
  if (!expanded.ok()) return done(expanded);
  struct Exchange {
    Request request;
    Response response;
    Callback<Result> done;
  };
  auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  exchange->done = std::move(done);
  internal::CallPlan plan;
  plan.attempt = [core, service, method, exchange](
                     grpc::ClientContext* context,
                     std::function<void(grpc::Status)> end) {
    ((core->stubs().*service)->async()->*method)(
        context, &exchange->request, &exchange->response, std::move(end));
  };
  plan.repeatable = repeatable;
  plan.timeout = options.timeout.value_or(core->config().timeout);
  plan.cancellation = options.cancellation;
  plan.done = [exchange](absl::Status status) {
    if (status.ok()) {
      exchange->done(ResultOf(std::move(exchange->response)));
    } else {
      exchange->done(std::move(status));
    }
  };
  if (internal::RetryingCall::Start(core, std::move(plan)) == nullptr) {
    exchange->done(internal::ClosedError());
  }
}

}  // namespace

// Both forms of a call; the last argument says whether it may be repeated.
#define VALETKEY_CALL(Service, stub, Name, Result, repeatable)              \
  void Client::Name(v1::Name##Request request, const CallOptions& options,  \
                    Callback<Result> done) {                                \
    using Stub = v1::Service::StubInterface::async_interface;               \
    const bool repeats = repeatable;                                        \
    Call<Result, v1::Service::Stub, Stub>(core_, &Stubs::stub, &Stub::Name, \
                                          repeats, std::move(request),      \
                                          options, std::move(done));        \
  }                                                                         \
  absl::StatusOr<Result> Client::Name(v1::Name##Request request,            \
                                      const CallOptions& options) {         \
    return internal::Blocking<Result>([&](Callback<Result> done) {          \
      Name(std::move(request), options, std::move(done));                   \
    });                                                                     \
  }

VALETKEY_CALL(TokenService, tokens, Authorize, v1::AuthorizeResponse, true)
VALETKEY_CALL(TokenService, tokens, Exchange, v1::ExchangeResponse, true)
VALETKEY_CALL(TokenService, tokens, GetToken, Token, true)
VALETKEY_CALL(TokenService, tokens, Refresh, Token, request.generation() != 0)
VALETKEY_CALL(TokenService, tokens, Revoke, v1::RevokeResponse, true)
VALETKEY_CALL(ConnectionService, connections, GetConnection,
              v1::GetConnectionResponse, true)
VALETKEY_CALL(ConnectionService, connections, ListConnections,
              v1::ListConnectionsResponse, true)
VALETKEY_CALL(ConnectionService, connections, UpdateConnection,
              v1::UpdateConnectionResponse, false)
VALETKEY_CALL(ConnectionService, connections, DeleteConnection,
              v1::DeleteConnectionResponse, false)
VALETKEY_CALL(ProviderService, providers, CreateProvider,
              v1::CreateProviderResponse, false)
VALETKEY_CALL(ProviderService, providers, GetProvider, v1::GetProviderResponse,
              true)
VALETKEY_CALL(ProviderService, providers, ListProviders,
              v1::ListProvidersResponse, true)
VALETKEY_CALL(ProviderService, providers, UpdateProvider,
              v1::UpdateProviderResponse, false)
VALETKEY_CALL(ProviderService, providers, DeleteProvider,
              v1::DeleteProviderResponse, false)
VALETKEY_CALL(ProviderService, providers, ListCatalogEntries,
              v1::ListCatalogEntriesResponse, true)
VALETKEY_CALL(ProviderService, providers, GetCatalogEntry,
              v1::GetCatalogEntryResponse, true)
VALETKEY_CALL(ApplicationService, applications, CreateApplication,
              v1::CreateApplicationResponse, false)
VALETKEY_CALL(ApplicationService, applications, GetApplication,
              v1::GetApplicationResponse, true)
VALETKEY_CALL(ApplicationService, applications, ListApplications,
              v1::ListApplicationsResponse, true)
VALETKEY_CALL(ApplicationService, applications, UpdateApplication,
              v1::UpdateApplicationResponse, false)
VALETKEY_CALL(ApplicationService, applications, DeleteApplication,
              v1::DeleteApplicationResponse, false)
VALETKEY_CALL(ApplicationService, applications, CreateKey,
              v1::CreateKeyResponse, false)
VALETKEY_CALL(ApplicationService, applications, ListKeys, v1::ListKeysResponse,
              true)
VALETKEY_CALL(ApplicationService, applications, RevokeKey,
              v1::RevokeKeyResponse, true)

#undef VALETKEY_CALL

namespace {

template <typename Item, typename Request, typename List, typename Items>
Pages<Item> Walk(Request request, List list, Items items) {
  return Pages<Item>([request = std::move(request), list = std::move(list),
                      items](const std::string& token) mutable
                         -> absl::StatusOr<typename Pages<Item>::Page> {
    if (!token.empty()) request.set_page_token(token);
    auto response = list(request);
    if (!response.ok()) return response.status();
    typename Pages<Item>::Page page;
    auto* const found = items(*response);
    page.items.assign(std::make_move_iterator(found->begin()),
                      std::make_move_iterator(found->end()));
    page.next = response->next_page_token();
    return page;
  });
}

}  // namespace

Pages<v1::Connection> Client::WalkConnections(
    v1::ListConnectionsRequest request, const CallOptions& options) {
  return Walk<v1::Connection>(
      std::move(request),
      [this, options](const v1::ListConnectionsRequest& page) {
        return ListConnections(page, options);
      },
      [](v1::ListConnectionsResponse& response) {
        return response.mutable_connections();
      });
}

Pages<v1::Provider> Client::WalkProviders(v1::ListProvidersRequest request,
                                          const CallOptions& options) {
  return Walk<v1::Provider>(
      std::move(request),
      [this, options](const v1::ListProvidersRequest& page) {
        return ListProviders(page, options);
      },
      [](v1::ListProvidersResponse& response) {
        return response.mutable_providers();
      });
}

Pages<v1::CatalogEntry> Client::WalkCatalogEntries(
    v1::ListCatalogEntriesRequest request, const CallOptions& options) {
  return Walk<v1::CatalogEntry>(
      std::move(request),
      [this, options](const v1::ListCatalogEntriesRequest& page) {
        return ListCatalogEntries(page, options);
      },
      [](v1::ListCatalogEntriesResponse& response) {
        return response.mutable_entries();
      });
}

Pages<v1::Application> Client::WalkApplications(
    v1::ListApplicationsRequest request, const CallOptions& options) {
  return Walk<v1::Application>(
      std::move(request),
      [this, options](const v1::ListApplicationsRequest& page) {
        return ListApplications(page, options);
      },
      [](v1::ListApplicationsResponse& response) {
        return response.mutable_applications();
      });
}

Pages<v1::Key> Client::WalkKeys(v1::ListKeysRequest request,
                                const CallOptions& options) {
  return Walk<v1::Key>(
      std::move(request),
      [this, options](const v1::ListKeysRequest& page) {
        return ListKeys(page, options);
      },
      [](v1::ListKeysResponse& response) { return response.mutable_keys(); });
}

}  // namespace valetkey::client
