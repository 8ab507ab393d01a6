// What the fake knows: connections with their tokens, and the events of them.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_STORE_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_STORE_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "valetkey/testing/fake_valetkey.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/event_service.pb.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client::internal {

// Not thread-safe: the server's lock is held.
class FakeStore {
 public:
  explicit FakeStore(std::function<absl::Time()> now) : now_(std::move(now)) {}

  std::int64_t SetToken(const std::string& connection,
                        const std::string& access_token,
                        const FakeTokenOptions& options);
  void RequireReauthorization(const std::string& connection);

  grpc::Status Authorize(const v1::AuthorizeRequest& request,
                         v1::AuthorizeResponse* response);
  grpc::Status Exchange(const v1::ExchangeRequest& request,
                        v1::ExchangeResponse* response);
  grpc::Status GetToken(const v1::GetTokenRequest& request,
                        v1::GetTokenResponse* response);
  grpc::Status Refresh(const v1::RefreshRequest& request,
                       v1::RefreshResponse* response);
  grpc::Status Revoke(const v1::RevokeRequest& request,
                      v1::RevokeResponse* response);

  void SetApiBaseUrl(const std::string& name, absl::string_view url);
  grpc::Status GetConnection(const v1::GetConnectionRequest& request,
                             v1::GetConnectionResponse* response);
  grpc::Status ListConnections(const v1::ListConnectionsRequest& request,
                               v1::ListConnectionsResponse* response);
  grpc::Status UpdateConnection(const v1::UpdateConnectionRequest& request,
                                v1::UpdateConnectionResponse* response);
  grpc::Status DeleteConnection(const v1::DeleteConnectionRequest& request,
                                v1::DeleteConnectionResponse* response);

  // Events.
  void Emit(v1::Event event);
  void Trim() { trimmed_ = static_cast<std::int64_t>(events_.size()); }
  // The first messages of a stream: what is behind the cursor, the snapshot,
  // or a checkpoint. `next` becomes the number of the event to follow.
  grpc::Status Begin(const v1::WatchEventsRequest& request,
                     std::vector<v1::WatchEventsResponse>* messages,
                     std::size_t* next);
  // The events from `next` on that the request asks for.
  std::vector<v1::WatchEventsResponse> After(
      const v1::WatchEventsRequest& request, std::size_t* next) const;
  v1::WatchEventsResponse Checkpoint() const;

 private:
  struct Held {
    v1::Connection connection;
    v1::Token token;
    FakeTokenOptions options;
  };
  struct Pending {
    v1::AuthorizeRequest request;
    std::string connection;
    bool done = false;
  };

  void NextToken(Held& held, const std::string& access_token);
  void EmitFor(const Held& held, v1::EventType type,
               const std::string& reason = "");
  grpc::Status Find(const std::string& name, Held** held);

  const std::function<absl::Time()> now_;
  std::map<std::string, Held> connections_;
  std::map<std::string, Pending> authorizations_;  // by state
  std::vector<v1::Event> events_;
  std::int64_t trimmed_ = 0;  // sequences up to this are gone
  int made_ = 0;              // connections that Authorize named
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_STORE_H_
