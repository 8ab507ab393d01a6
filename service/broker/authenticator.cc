// A key found is good until `valid_until`. Shortly before that one of its
// callers is sent to the store to renew it while the others go on, so that a
// busy key never makes many calls wait at once. While the store is down the
// key stays good in short steps, for ten minutes after it was last confirmed.

#include "service/broker/authenticator.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "service/base/crypto.h"
#include "service/base/log.h"
#include "service/base/mutex.h"
#include "service/base/status.h"

namespace valetkey::broker {
namespace {

using Digest = std::array<unsigned char, 32>;

constexpr absl::string_view kScheme = "Bearer ";
constexpr absl::string_view kPrefix = "vk_";
constexpr std::size_t kSecretSize = 43;  // 32 bytes in base64url

// How long a key outlives its last confirmation while the store is down, and
// how often the store is asked meanwhile.
constexpr absl::Duration kGrace = absl::Minutes(10);
constexpr absl::Duration kAskAgain = absl::Seconds(1);
// How long "no such key" is remembered.
constexpr absl::Duration kKeepUnknown = absl::Seconds(1);

// The digest is uniform already; any part of it is a good hash.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t hash;
    std::memcpy(&hash, digest.data(), sizeof(hash));
    return hash;
  }
};

struct Entry {
  std::shared_ptr<const Caller> caller;  // null: there is no such key
  absl::Time expire_time = absl::InfiniteFuture();
  absl::Time confirmed;                      // by the store
  std::atomic<std::int64_t> valid_until{0};  // nanoseconds since the epoch
  std::atomic<bool> renewing{false};
  std::atomic<std::int64_t> last_use{0};  // seconds since the epoch
  std::atomic<std::int64_t> flushed_use{0};
};

absl::Status InvalidKey() {
  return MakeError(Reason::kApiKeyInvalid,
                   "the API key is unknown, revoked or expired");
}

// The digest of a well-formed key; nothing is looked up for any other text.
absl::StatusOr<Digest> DigestOf(absl::string_view authorization) {
  if (authorization.empty()) {
    return MakeError(Reason::kApiKeyMissing,
                     "no API key: send authorization: Bearer vk_...");
  }
  if (authorization.size() != kScheme.size() + kPrefix.size() + kSecretSize ||
      !absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return InvalidKey();
  }
  const absl::string_view key = authorization.substr(kScheme.size());
  if (!absl::StartsWith(key, kPrefix)) return InvalidKey();
  for (const char c : key.substr(kPrefix.size())) {
    const bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                      (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good) return InvalidKey();
  }
  return Sha256Digest(key);
}

std::string AsString(const Digest& digest) {
  return std::string(reinterpret_cast<const char*>(digest.data()),
                     digest.size());
}

}  // namespace

struct Authenticator::Impl {
  static constexpr std::size_t kShards = 16;
  struct alignas(64) Shard {
    mutable SharedMutex mutex;
    absl::flat_hash_map<Digest, std::shared_ptr<Entry>, DigestHash> entries
        VK_GUARDED_BY(mutex);
  };

  Impl(store::Store& store_in, const Clock& clock_in,
       AuthenticatorOptions options_in)
      : store(store_in), clock(clock_in), options(options_in) {}

  // The last byte: the hash table uses the first ones.
  Shard& ShardFor(const Digest& digest) {
    return shards[digest.back() % kShards];
  }

  std::shared_ptr<Entry> Find(const Digest& digest) {
    Shard& shard = ShardFor(digest);
    ReaderLock lock(shard.mutex);
    const auto it = shard.entries.find(digest);
    return it == shard.entries.end() ? nullptr : it->second;
  }

  // Keeps the entry unless a key was forgotten since `forgotten` had that
  // value: Forget counts first and erases under the lock after it.
  void Put(const Digest& digest, std::shared_ptr<Entry> entry,
           std::uint64_t forgotten_before) {
    Shard& shard = ShardFor(digest);
    const absl::Time now = clock.Now();
    WriterLock lock(shard.mutex);
    if (forgotten.load(std::memory_order_acquire) != forgotten_before) return;
    if (shard.entries.size() >= options.max_keys / kShards + 1 &&
        !shard.entries.contains(digest)) {
      MakeRoom(shard, now);
    }
    shard.entries[digest] = std::move(entry);
  }

  // Drops what is out of date, and all if nothing is.
  void MakeRoom(Shard& shard, absl::Time now) VK_REQUIRES(shard.mutex) {
    const std::int64_t now_nanos = absl::ToUnixNanos(now);
    absl::erase_if(shard.entries, [&](const auto& item) {
      return item.second->valid_until.load(std::memory_order_relaxed) <
             now_nanos;
    });
    if (shard.entries.size() >= options.max_keys / kShards + 1) {
      shard.entries.clear();
    }
  }

  // What an entry says now, whether or not it is still to be trusted.
  absl::StatusOr<std::shared_ptr<const Caller>> Answer(Entry& entry,
                                                       absl::Time now) const {
    if (entry.caller == nullptr || now >= entry.expire_time) {
      return InvalidKey();
    }
    const std::int64_t seconds = absl::ToUnixSeconds(now);
    if (entry.last_use.load(std::memory_order_relaxed) != seconds) {
      entry.last_use.store(seconds, std::memory_order_relaxed);
    }
    return entry.caller;
  }

  Task<absl::StatusOr<std::shared_ptr<const Caller>>> Load(Digest digest);

  store::Store& store;
  const Clock& clock;
  const AuthenticatorOptions options;
  // Counts Forget calls, so that a look-up under way when a key was revoked
  // does not bring it back.
  std::atomic<std::uint64_t> forgotten{0};
  std::array<Shard, kShards> shards;
};

Task<absl::StatusOr<std::shared_ptr<const Caller>>> Authenticator::Impl::Load(
    Digest digest) {
  const std::uint64_t forgotten_before =
      forgotten.load(std::memory_order_acquire);
  absl::StatusOr<std::optional<store::ApiKey>> found =
      co_await store.FindKey(AsString(digest));
  const absl::Time now = clock.Now();
  const std::shared_ptr<Entry> old = Find(digest);
  if (!found.ok()) {
    if (old != nullptr) old->renewing.store(false, std::memory_order_relaxed);
    if (old == nullptr || old->caller == nullptr ||
        now >= old->confirmed + kGrace) {
      if (ReasonOf(found.status()) != Reason::kNone) co_return found.status();
      Log(LogLevel::kError, "API keys cannot be read",
          {{"status", found.status()}});
      co_return MakeError(Reason::kStoreUnavailable,
                          "the API key cannot be checked at the moment", {},
                          kAskAgain);
    }
    old->valid_until.store(
        absl::ToUnixNanos(std::min(now + kAskAgain, old->confirmed + kGrace)),
        std::memory_order_relaxed);
    co_return Answer(*old, now);
  }
  auto entry = std::make_shared<Entry>();
  entry->confirmed = now;
  const std::optional<store::ApiKey>& key = *found;
  const bool live = key.has_value() && !key->revoke_time.has_value();
  if (live) {
    auto caller = std::make_shared<Caller>();
    caller->application = key->application;
    caller->key = key->name;
    caller->rights = key->rights;
    entry->caller = std::move(caller);
    if (key->expire_time.has_value()) entry->expire_time = *key->expire_time;
    if (key->last_use_time.has_value()) {
      const std::int64_t used = absl::ToUnixSeconds(*key->last_use_time);
      entry->last_use.store(used, std::memory_order_relaxed);
      entry->flushed_use.store(used, std::memory_order_relaxed);
    }
    if (old != nullptr && old->caller != nullptr) {
      entry->last_use.store(old->last_use.load(std::memory_order_relaxed),
                            std::memory_order_relaxed);
      entry->flushed_use.store(old->flushed_use.load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
    }
  }
  entry->valid_until.store(
      absl::ToUnixNanos(
          now + (live ? options.keep : std::min(options.keep, kKeepUnknown))),
      std::memory_order_relaxed);
  Put(digest, entry, forgotten_before);
  co_return Answer(*entry, now);
}

Authenticator::Authenticator(store::Store& store, const Clock& clock,
                             AuthenticatorOptions options)
    : impl_(std::make_unique<Impl>(store, clock, options)) {}

Authenticator::~Authenticator() = default;

std::optional<absl::StatusOr<std::shared_ptr<const Caller>>>
Authenticator::TryAuthenticate(absl::string_view authorization) {
  const absl::StatusOr<Digest> digest = DigestOf(authorization);
  if (!digest.ok()) return digest.status();
  const std::shared_ptr<Entry> entry = impl_->Find(*digest);
  if (entry == nullptr) return std::nullopt;
  const absl::Time now = impl_->clock.Now();
  const std::int64_t left = entry->valid_until.load(std::memory_order_relaxed) -
                            absl::ToUnixNanos(now);
  if (left <= 0) return std::nullopt;
  // The last third of its time: the first to notice renews it.
  if (entry->caller != nullptr &&
      left < absl::ToInt64Nanoseconds(impl_->options.keep) / 3 &&
      now >= entry->confirmed + impl_->options.keep / 2 &&
      now < entry->confirmed + impl_->options.keep &&
      !entry->renewing.exchange(true, std::memory_order_relaxed)) {
    return std::nullopt;
  }
  return impl_->Answer(*entry, now);
}

Task<absl::StatusOr<std::shared_ptr<const Caller>>> Authenticator::Authenticate(
    std::string authorization) {
  const absl::StatusOr<Digest> digest = DigestOf(authorization);
  WipeMemory(authorization.data(), authorization.size());
  if (!digest.ok()) co_return digest.status();
  co_return co_await impl_->Load(*digest);
}

void Authenticator::Forget(absl::string_view digest) {
  Digest key;
  if (digest.size() != key.size()) return;
  std::memcpy(key.data(), digest.data(), key.size());
  impl_->forgotten.fetch_add(1, std::memory_order_acq_rel);
  Impl::Shard& shard = impl_->ShardFor(key);
  WriterLock lock(shard.mutex);
  shard.entries.erase(key);
}

Task<void> Authenticator::FlushLastUse() {
  std::vector<std::shared_ptr<Entry>> used;
  for (Impl::Shard& shard : impl_->shards) {
    ReaderLock lock(shard.mutex);
    for (const auto& [digest, entry] : shard.entries) {
      if (entry->caller != nullptr &&
          entry->last_use.load(std::memory_order_relaxed) >
              entry->flushed_use.load(std::memory_order_relaxed)) {
        used.push_back(entry);
      }
    }
  }
  for (const std::shared_ptr<Entry>& entry : used) {
    const std::int64_t seconds =
        entry->last_use.load(std::memory_order_relaxed);
    const absl::Time time = absl::FromUnixSeconds(seconds);
    store::RowKeys keys;
    keys.key = entry->caller->key;
    // A named function object, not a temporary within the co_await.
    const store::Change change = [time](store::Rows& rows) {
      if (rows.key.has_value() && (!rows.key->last_use_time.has_value() ||
                                   *rows.key->last_use_time < time)) {
        rows.key->last_use_time = time;
      }
      return absl::OkStatus();
    };
    const absl::StatusOr<store::Rows> rows =
        co_await impl_->store.Update(keys, change);
    // The store is down: the next minute tries again.
    if (!rows.ok()) co_return;
    entry->flushed_use.store(seconds, std::memory_order_relaxed);
  }
}

}  // namespace valetkey::broker
