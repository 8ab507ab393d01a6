// A broker on fakes for tests: the store in memory, a clock that stands still
// until it is moved, and a provider that rotates refresh tokens, keeps a
// ledger of all it was shown, and misbehaves on demand.

#ifndef VALETKEY_BROKER_BROKER_HARNESS_H_
#define VALETKEY_BROKER_BROKER_HARNESS_H_

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "service/base/metrics.h"
#include "service/base/status.h"
#include "service/broker/broker.h"
#include "service/net/http/fake_http_client.h"
#include "service/store/fake_store.h"

namespace valetkey::broker {

// Pinterest as a function of a request. Called by one thread at a time.
class SimulatedPinterest {
 public:
  HttpResult Handle(const HttpRequest& request);

  // What a person does: gives consent; the code comes back.
  std::string NewCode() { return "code-" + std::to_string(++codes_); }
  // The grant dies, as if the person had removed the application.
  void KillAllGrants() { live_.clear(); }

  // --- Switches ---
  std::string secret = "s3cret";
  absl::Duration access_life = absl::Hours(1);
  // Instead of the next answers; after_rotation acts first, as a provider that
  // rotates and then fails.
  std::vector<HttpResult> instead;
  bool after_rotation = false;
  bool probe_allowed = true;
  bool keep_refresh_token = false;  // do not rotate

  // --- The ledger ---
  int refreshes = 0;
  int exchanges = 0;
  int probes = 0;
  int revocations = 0;
  std::map<std::string, int> presented;  // refresh token -> how often

 private:
  HttpResult Tokens(const std::string& grant);
  static HttpResult Denied();

  int codes_ = 0;
  int issued_ = 0;
  std::set<std::string> live_;  // refresh tokens
  std::set<std::string> used_codes_;
};

class BrokerHarness {
 public:
  static constexpr char kApplication[] = "applications/shop";
  static constexpr char kProvider[] = "applications/shop/providers/pinterest";

  explicit BrokerHarness(std::function<void(BrokerOptions&)> adjust = nullptr);
  ~BrokerHarness();

  // Stops the broker and starts another on the same store with empty memory,
  // as a restarted process would be.
  void Restart();

  // Runs a task to its end on some reactor.
  template <class T>
  T Run(Task<T> task) {
    return asio::co_spawn(reactors.At(0).executor(), std::move(task),
                          asio::use_future)
        .get();
  }
  template <class T>
  std::future<T> Begin(Task<T> task) {
    return asio::co_spawn(reactors.At(0).executor(), std::move(task),
                          asio::use_future);
  }

  // Authorize and Exchange; the connection's name.
  std::string Connect(const std::string& subject = "ann");
  absl::StatusOr<AuthorizeResult> Authorize(const std::string& subject = "ann");
  absl::StatusOr<ExchangeResult> Exchange(const std::string& state,
                                          const std::string& code);
  absl::StatusOr<TokenView> GetToken(const std::string& name);
  absl::StatusOr<TokenView> GetToken(GetTokenParameters parameters);
  absl::StatusOr<TokenView> Refresh(const std::string& name,
                                    std::int64_t generation = 0);
  absl::StatusOr<RevokeResult> Revoke(const std::string& name);
  store::Connection Stored(const std::string& name);
  int EventCount(store::EventType type);
  // Waits (real time) until it holds; false after ten seconds.
  static bool Eventually(const std::function<bool()>& holds);

  FakeClock clock{absl::FromUnixSeconds(1'800'000'000)};
  FakeRandom random{7};
  store::FakeStore store{clock};
  SimulatedPinterest pinterest;
  FakeHttpClient http;
  Metrics metrics;
  ReactorPool reactors{2};
  std::unique_ptr<cache::MemoryCache> memory;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<Broker> broker;

 private:
  void StartBroker();
  std::function<void(BrokerOptions&)> adjust_;
  int starts_ = 0;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_BROKER_HARNESS_H_
