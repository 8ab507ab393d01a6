// API keys to callers: "Bearer vk_..." is looked up by its SHA-256.
//
// Keys found are kept in memory for a bounded time (Options), so that the hot
// path needs no store; a key revoked on this server is forgotten at once, on
// another within that time. Thread-safe.

#ifndef VALETKEY_BROKER_AUTHENTICATOR_H_
#define VALETKEY_BROKER_AUTHENTICATOR_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/broker/types.h"
#include "service/store/store.h"

namespace valetkey::broker {

struct AuthenticatorOptions {
  absl::Duration keep = absl::Seconds(30);
  std::size_t max_keys = 100'000;
};

class Authenticator {
 public:
  Authenticator(store::Store& store, const Clock& clock,
                AuthenticatorOptions options);
  ~Authenticator();

  // From memory, on the calling thread; nullopt if the store must be asked.
  // `authorization` is the whole header value. API_KEY_MISSING for "",
  // API_KEY_INVALID for anything that is no live key.
  std::optional<absl::StatusOr<std::shared_ptr<const Caller>>> TryAuthenticate(
      absl::string_view authorization);
  // While the store is down a key seen within the last ten minutes still
  // works; an unknown one gets STORE_UNAVAILABLE.
  Task<absl::StatusOr<std::shared_ptr<const Caller>>> Authenticate(
      std::string authorization);

  // Forgets a key by its digest (SHA-256 of the secret).
  void Forget(absl::string_view digest);

  // Writes the times of last use of keys to the store; call each minute.
  Task<void> FlushLastUse();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_AUTHENTICATOR_H_
