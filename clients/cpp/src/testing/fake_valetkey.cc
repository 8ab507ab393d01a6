#include "valetkey/testing/fake_valetkey.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "src/names.h"
#include "src/testing/fake_errors.h"
#include "src/testing/fake_server.h"

namespace valetkey::client {

using internal::FakeStore;

FakeValetKey::FakeValetKey(const FakeOptions& options)
    : options_(options),
      server_(std::make_unique<internal::FakeServer>(options)) {
  address_ = server_->address();
}

FakeValetKey::~FakeValetKey() = default;

const std::string& FakeValetKey::address() const { return address_; }

ClientOptions FakeValetKey::client_options() const {
  ClientOptions options;
  options.address = address_;
  options.api_key = options_.api_key;
  options.application = options_.application;
  options.tls_ca = "";
  options.tls_cert = "";
  options.tls_key = "";
  return options;
}

std::string FakeValetKey::Connection(absl::string_view name) const {
  const auto full = internal::Expand(
      absl::StartsWith(options_.application, "applications/")
          ? options_.application
          : absl::StrCat("applications/", options_.application),
      "connections", name);
  return full.ok() ? *full : std::string(name);
}

std::int64_t FakeValetKey::SetToken(absl::string_view connection,
                                    absl::string_view access_token,
                                    const FakeTokenOptions& options) {
  std::int64_t generation = 0;
  server_->With([&](FakeStore& store) {
    generation = store.SetToken(Connection(connection),
                                std::string(access_token), options);
  });
  return generation;
}

void FakeValetKey::Revoke(absl::string_view connection) {
  server_->With([&](FakeStore& store) {
    v1::RevokeRequest request;
    request.set_name(Connection(connection));
    v1::RevokeResponse response;
    store.Revoke(request, &response);
  });
}

void FakeValetKey::RequireReauthorization(absl::string_view connection) {
  server_->With([&](FakeStore& store) {
    store.RequireReauthorization(Connection(connection));
  });
}

void FakeValetKey::SetApiBaseUrl(absl::string_view connection,
                                 absl::string_view url) {
  server_->With([&](FakeStore& store) {
    store.SetApiBaseUrl(Connection(connection), url);
  });
}

void FakeValetKey::Delete(absl::string_view connection) {
  server_->With([&](FakeStore& store) {
    v1::DeleteConnectionRequest request;
    request.set_name(Connection(connection));
    v1::DeleteConnectionResponse response;
    store.DeleteConnection(request, &response);
  });
}

void FakeValetKey::Fail(absl::string_view method, const FakeFailure& failure,
                        int times) {
  server_->Fail(std::string(method), failure, times);
}

void FakeValetKey::Fail(absl::string_view method, v1::ErrorReason reason,
                        int times, std::optional<absl::Duration> retry_delay) {
  FakeFailure failure;
  failure.reason = v1::ErrorReason_Name(reason);
  failure.retry_delay = retry_delay;
  Fail(method, failure, times);
}

int FakeValetKey::Calls(absl::string_view method) const {
  return server_->Calls(std::string(method));
}

bool FakeValetKey::AwaitCalls(absl::string_view method, int calls) const {
  return server_->AwaitCalls(std::string(method), calls);
}

int FakeValetKey::Watches() const { return server_->Watches(); }

bool FakeValetKey::AwaitWatches(int watches) const {
  return server_->AwaitWatches(watches);
}

std::vector<v1::GetTokenRequest> FakeValetKey::TokenRequests() const {
  return server_->TokenRequests();
}

std::vector<v1::WatchEventsRequest> FakeValetKey::WatchRequests() const {
  return server_->WatchRequests();
}

void FakeValetKey::Hold(absl::string_view method) {
  server_->Hold(std::string(method));
}

void FakeValetKey::Release(absl::string_view method) {
  server_->Release(std::string(method));
}

void FakeValetKey::Emit(v1::Event event) {
  event.set_connection(Connection(event.connection()));
  server_->With([&](FakeStore& store) { store.Emit(std::move(event)); });
}

void FakeValetKey::Checkpoint() { server_->Checkpoint(); }

void FakeValetKey::Lag() {
  server_->EndWatches(internal::FakeError(v1::WATCH_LAGGED));
}

void FakeValetKey::EndWatches(const FakeFailure& failure) {
  server_->EndWatches(internal::FakeError(failure));
}

void FakeValetKey::TrimEvents() {
  server_->With([](FakeStore& store) { store.Trim(); });
}

void FakeValetKey::Stop() { server_->Stop(); }

void FakeValetKey::Start() { server_->Start(); }

}  // namespace valetkey::client
