// A ValetKey in the process, for tests of programs that use the client.
//
//   FakeValetKey fake;
//   fake.SetToken("c-7", "secret-1");
//   absl::StatusOr<Client> client = Client::Create(fake.client_options());
//   ...
//   fake.Revoke("c-7");
//   fake.Fail("GetToken", v1::PROVIDER_UNAVAILABLE, 2, absl::Seconds(1));
//
// It speaks the contract on a loopback port, so that a test goes through the
// real client. It knows no provider: a token that has to be refreshed is
// replaced by one that it makes up, and any code is traded for a connection.

#ifndef VALETKEY_TESTING_FAKE_VALETKEY_H_
#define VALETKEY_TESTING_FAKE_VALETKEY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "valetkey/options.h"
#include "valetkey/v1/errors.pb.h"
#include "valetkey/v1/event_service.pb.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client {

namespace internal {
class FakeServer;
}  // namespace internal

struct FakeOptions {
  // Whose short names the fake takes, and its client_options().
  std::string application = "shop";
  // If set, calls must carry it.
  std::string api_key;
  // The time that expiries are made of. Absent: the system's.
  std::function<absl::Time()> now;
  // Listens there in place of a loopback port.
  std::string unix_socket;
  // TLS: the server's certificate chain and its key, and the authorities of
  // the certificates that clients must have, if they must. PEM, not files.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_authorities;
};

struct FakeTokenOptions {
  absl::Duration expires_in = absl::Hours(1);  // infinite: never
  std::vector<std::string> scopes;
  // When the server means to renew it; absent: it does not say.
  std::optional<absl::Duration> refresh_in = std::nullopt;
  std::string token_type = "bearer";
};

// How a call is made to fail.
struct FakeFailure {
  // OK takes the reason's.
  absl::StatusCode code = absl::StatusCode::kOk;
  // By name; empty: none, as when no server was reached.
  std::string reason;
  std::map<std::string, std::string> metadata;
  std::optional<absl::Duration> retry_delay = std::nullopt;
};

// Thread-safe. Methods take names as the client does: "c-7" is
// "applications/shop/connections/c-7".
class FakeValetKey {
 public:
  explicit FakeValetKey(const FakeOptions& options = {});
  ~FakeValetKey();
  FakeValetKey(const FakeValetKey&) = delete;
  FakeValetKey& operator=(const FakeValetKey&) = delete;

  const std::string& address() const;
  // What a client needs to reach it; nothing is taken from the environment.
  ClientOptions client_options() const;

  // The next generation of the connection's token, which is returned. Makes
  // the connection if there is none. Emits CONNECTED or REFRESHED, or
  // REAUTHORIZED if the connection gave no tokens before.
  std::int64_t SetToken(absl::string_view connection,
                        absl::string_view access_token,
                        const FakeTokenOptions& options = {});
  // What GetConnection tells as api_base_url. The connection exists.
  void SetApiBaseUrl(absl::string_view connection, absl::string_view url);
  // As the server does, with their events.
  void Revoke(absl::string_view connection);
  void RequireReauthorization(absl::string_view connection);
  void Delete(absl::string_view connection);

  // The next calls of the method ("GetToken", "WatchEvents") fail.
  void Fail(absl::string_view method, const FakeFailure& failure,
            int times = 1);
  void Fail(absl::string_view method, v1::ErrorReason reason, int times = 1,
            std::optional<absl::Duration> retry_delay = std::nullopt);

  // How often the method was called, failed calls included.
  int Calls(absl::string_view method) const;
  // Returns once it was called so often, or false after 10 s.
  bool AwaitCalls(absl::string_view method, int calls) const;
  // Streams of WatchEvents that are open.
  int Watches() const;
  bool AwaitWatches(int watches) const;
  // What GetToken was asked, in order.
  std::vector<v1::GetTokenRequest> TokenRequests() const;
  // What WatchEvents was asked, in order.
  std::vector<v1::WatchEventsRequest> WatchRequests() const;
  // Calls of the method wait, until Release.
  void Hold(absl::string_view method);
  void Release(absl::string_view method);

  // An event as it is, but for its sequence and time, to those who watch.
  void Emit(v1::Event event);
  // A checkpoint to those who watch.
  void Checkpoint();
  // Ends the streams with WATCH_LAGGED, or with any failure.
  void Lag();
  void EndWatches(const FakeFailure& failure);
  // Cursors of before now are CURSOR_EXPIRED.
  void TrimEvents();

  // Goes away, and comes back on the same address with what it held.
  void Stop();
  void Start();

 private:
  std::string Connection(absl::string_view name) const;

  const FakeOptions options_;
  std::unique_ptr<internal::FakeServer> server_;
  std::string address_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_TESTING_FAKE_VALETKEY_H_
