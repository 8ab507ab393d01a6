// The caller policy in force, read again when its file changes, and the keys
// of its issuers.
//
//   PolicyKeeper keeper({.file = "/etc/valetkey/callers.textproto"}, ...);
//   VK_RETURN_IF_ERROR(keeper.Open());
//   scope.Spawn(executor, "keep the caller policy", keeper.Run());
//
// A file that is not good leaves the policy as it is, is logged and counted.
// current(), generation(), ClientFor() and Wake() are for any thread; Open is
// called before Run, which runs on the home executor.

#ifndef VALETKEY_CALLERS_POLICY_KEEPER_H_
#define VALETKEY_CALLERS_POLICY_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/async/wake_signal.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/base/mutex.h"
#include "service/callers/issuer_keys.h"
#include "service/callers/watched_file.h"
#include "service/identity/policy.h"
#include "service/net/http/http_client.h"

namespace valetkey::callers {

// Makes the client that fetches keys, trusting the authorities of a PEM file
// ("": the system's).
using KeyClientFactory =
    std::function<absl::StatusOr<std::unique_ptr<HttpClient>>(
        const std::string& ca_file)>;

struct PolicyKeeperOptions {
  std::string file;
  // Whether there can be client certificates: rules for them are refused
  // otherwise, for they would never match.
  bool certificates = false;
  absl::Duration poll_interval = absl::Seconds(2);
};

// What holds at one moment.
struct PolicySnapshot {
  std::shared_ptr<const identity::Policy> policy;
  std::vector<std::shared_ptr<IssuerKeys>> keys;  // as policy->issuers()

  // nullptr if no issuer has that `iss`.
  std::shared_ptr<IssuerKeys> FindKeys(absl::string_view iss) const;
};

class PolicyKeeper {
 public:
  // All outlive this object.
  PolicyKeeper(PolicyKeeperOptions options, const Clock& clock,
               Metrics& metrics, asio::any_io_executor home,
               KeyClientFactory make_client);
  // Waits for fetches under way; not on the home executor.
  ~PolicyKeeper();

  // Reads everything; an error says what is wrong and where. URLs are not
  // asked yet: an issuer that is away must not keep the server from starting.
  absl::Status Open();

  Task<void> Run();
  // Makes Run look at once, as for SIGHUP.
  void Wake();

  std::shared_ptr<const PolicySnapshot> current() const;
  // Grows with every change of the policy or of keys: what was decided under
  // another one holds no more.
  std::uint64_t generation() const {
    return generation_.load(std::memory_order_acquire);
  }
  const asio::any_io_executor& home() const { return home_; }
  // The client for an issuer with that `ca_file`; it lives as long as this.
  absl::StatusOr<HttpClient*> ClientFor(const std::string& ca_file);

 private:
  absl::Status Load();
  void Look();

  const PolicyKeeperOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  const asio::any_io_executor home_;
  const KeyClientFactory make_client_;
  Counter& loaded_;
  Counter& failed_;
  Gauge& good_;
  const std::shared_ptr<WakeSignal> wake_ = std::make_shared<WakeSignal>();
  std::atomic<std::uint64_t> generation_{1};

  WatchedFile file_;  // of the home executor

  Mutex clients_mutex_;
  // By ca_file. Kept to the end, for a fetch may be under way in any of them.
  std::map<std::string, std::unique_ptr<HttpClient>> clients_
      VK_GUARDED_BY(clients_mutex_);

  mutable SharedMutex mutex_;
  std::shared_ptr<const PolicySnapshot> current_ VK_GUARDED_BY(mutex_);
  TaskScope fetches_;  // last: they use all of the above
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_POLICY_KEEPER_H_
