// The access tokens of the connections in use, in memory: one token source of
// the C++ client for each token, which one watch of the application keeps
// current.
//
// What memory cannot say for certain it does not say; then the server is asked
// by the call as it came, so that an application is told exactly what it would
// be told without a sidecar. Memory answers only
//
// - with a token that is held, lives at least as long as was asked for, is of
//   the generation asked for, and has the scopes asked for;
// - while the watch has said something within `max_stale`: a revocation that it
//   could not tell is honoured after that time at the latest.
//
// Thread-safe.

#ifndef VALETKEY_SIDECAR_TOKEN_CACHE_H_
#define VALETKEY_SIDECAR_TOKEN_CACHE_H_

#include <grpcpp/support/slice.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/mutex.h"
#include "valetkey/client.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::sidecar {

struct TokenCacheOptions {
  absl::Duration max_stale = absl::Hours(1);
  // A token that nobody asked for for so long is let go of.
  absl::Duration idle_after = absl::Hours(1);
  // Beyond so many tokens, those asked for anew are passed on every time.
  std::size_t max_tokens = 10'000;
};

class TokenCache {
 public:
  // The client outlives the cache.
  TokenCache(client::Client& client, TokenCacheOptions options);

  // A GetTokenResponse, if memory has the answer. Takes no lock but for a
  // moment. `server_away`: the server was asked and could not be reached, so
  // that memory answers although a watch has only just begun.
  std::optional<grpc::Slice> TryAnswer(const v1::GetTokenRequest& request,
                                       bool server_away = false);

  // The server has answered this request with a token: from now on it is kept.
  void Noticed(const v1::GetTokenRequest& request);

  // The source of a token that is kept for good, whoever asks.
  absl::StatusOr<client::TokenSource> Pin(const std::string& name,
                                          const std::string& token = "");

  // Whether what memory has of it is what the server says, as far as max_stale
  // goes. REQUIRES: it is pinned.
  bool IsCurrent(absl::string_view name) const;

  // A watch of an application's own has begun, through this sidecar. What was
  // before it is not told; whoever watches asks for the token once more, and
  // must not be told from a memory that has not heard of that yet. So for a
  // second the server is asked.
  void WatchBegan();

  // Looks at the watches and lets go of what is idle; call every 250 ms or so.
  void Tend();

  std::size_t size() const;
  // The longest silence of a watch; zero without any.
  absl::Duration silence() const;

 private:
  struct Application {
    std::string name;
    // Nanoseconds of the steady clock.
    std::atomic<std::int64_t> fresh_until{0};
  };
  struct Entry {
    explicit Entry(client::TokenSource kept) : source(std::move(kept)) {}

    const client::TokenSource source;
    std::shared_ptr<Application> application;
    std::atomic<bool> pinned{false};
    std::atomic<std::int64_t> last_use{0};  // seconds of the steady clock

    // The answer for a token, made once for all who ask.
    Mutex mutex;
    std::int64_t generation VK_GUARDED_BY(mutex) = 0;
    absl::Time expire_time VK_GUARDED_BY(mutex);
    grpc::Slice answer VK_GUARDED_BY(mutex);
  };
  struct Shard {
    mutable Mutex mutex;
    absl::flat_hash_map<std::string, std::shared_ptr<Entry>> entries
        VK_GUARDED_BY(mutex);
  };

  static std::string KeyOf(absl::string_view name, absl::string_view token);
  const Shard& ShardOf(absl::string_view key) const;
  Shard& ShardOf(absl::string_view key);
  std::shared_ptr<Entry> Find(absl::string_view name,
                              absl::string_view token) const;
  absl::StatusOr<std::shared_ptr<Entry>> Make(const std::string& name,
                                              const std::string& token);
  std::shared_ptr<Application> ApplicationOf(absl::string_view name);
  static grpc::Slice AnswerOf(Entry& entry, const client::Token& token);

  client::Client& client_;
  const TokenCacheOptions options_;
  std::array<Shard, 16> shards_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::int64_t> silent_until_{0};  // nanoseconds, steady clock

  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Application>> applications_
      VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_TOKEN_CACHE_H_
