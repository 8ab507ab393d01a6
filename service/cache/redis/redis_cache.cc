#include "service/cache/redis/redis_cache.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "service/base/crypto.h"

namespace valetkey::cache {
namespace {

using redis::RedisReply;

constexpr std::size_t kHeaderSize = 8;

// KEYS: the entry. ARGV: the new value, its time to live in ms, the channel,
// the announcement. Returns 1 if the value was written.
//
// Generations are compared byte by byte: Lua's "<" depends on the locale, its
// numbers hold 53 bits. A key of another type, which somebody else made, is
// overwritten.
constexpr char kPutScript[] = R"lua(
local new = ARGV[1]
local old = redis.pcall('GETRANGE', KEYS[1], 0, 7)
local same = false
if type(old) == 'string' and #old == 8 then
  local order = 0
  for i = 1, 8 do
    order = new:byte(i) - old:byte(i)
    if order ~= 0 then break end
  end
  if order < 0 then return 0 end
  same = order == 0
  if same and redis.call('STRLEN', KEYS[1]) == 8 then return 0 end
end
redis.call('SET', KEYS[1], new, 'PX', ARGV[2])
if not same or #new == 8 then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return 1
)lua";

// What Redis calls a script by.
std::string Sha1Hex(absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return HexEncode(
      absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::chrono::nanoseconds SteadyNow() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::string Encode(const RemoteEntry& entry) {
  std::string value;
  value.reserve(kHeaderSize + entry.sealed.size());
  const auto generation = static_cast<std::uint64_t>(entry.generation);
  for (int shift = 56; shift >= 0; shift -= 8) {
    value.push_back(static_cast<char>((generation >> shift) & 0xff));
  }
  value.append(entry.sealed);
  return value;
}

std::optional<RemoteEntry> Decode(std::string value) {
  if (value.size() < kHeaderSize) return std::nullopt;
  std::uint64_t generation = 0;
  for (std::size_t i = 0; i < kHeaderSize; ++i) {
    generation = generation << 8 | static_cast<unsigned char>(value[i]);
  }
  RemoteEntry entry;
  entry.generation = static_cast<std::int64_t>(generation);
  if (entry.generation < 0) return std::nullopt;
  value.erase(0, kHeaderSize);
  entry.sealed = std::move(value);
  return entry;
}

}  // namespace

RedisCache::RedisCache(redis::RedisClientPool& pool, RedisCacheOptions options)
    : pool_(pool),
      prefix_(std::move(options.prefix)),
      channel_(absl::StrCat(prefix_, ":invalidate")),
      origin_(HexEncode(options.random->Bytes(16))),
      script_digest_(Sha1Hex(kPutScript)),
      cluster_(pool.options().url.mode == redis::RedisUrl::Mode::kCluster),
      renewal_age_(absl::ToChronoNanoseconds(options.cluster_renewal_age)),
      settle_time_(absl::ToChronoNanoseconds(options.cluster_settle_time)) {}

RedisCache::~RedisCache() = default;

RedisCache::Life RedisCache::life() const {
  Life life;
  life.epoch = epoch_.load(std::memory_order_acquire);
  life.incarnation = incarnation_.load(std::memory_order_acquire);
  return life;
}

absl::Status RedisCache::Check(const Life& life) const {
  if (life.epoch != pool_.epoch()) {
    return absl::UnavailableError("redis may be another one now");
  }
  if (!cluster_) return absl::OkStatus();
  const std::chrono::nanoseconds now = SteadyNow();
  if (now - renewed_.load(std::memory_order_acquire) > renewal_age_ ||
      now < usable_.load(std::memory_order_acquire)) {
    return absl::UnavailableError("the redis cluster has changed lately");
  }
  return absl::OkStatus();
}

std::string RedisCache::KeyOf(const std::string& name, const Life& life) const {
  return absl::StrCat(prefix_, ":{", name, "}:token:",
                      absl::Hex(life.incarnation, absl::kZeroPad16));
}

Task<absl::Status> RedisCache::Renew(absl::Time deadline) {
  const std::chrono::nanoseconds begin = SteadyNow();
  const auto found = co_await pool_.FindIncarnation(deadline);
  if (!found.ok()) co_return found.status();
  const std::array<unsigned char, 32> digest = Sha256Digest(found->id);
  std::uint64_t incarnation = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    incarnation = incarnation << 8 | digest[i];
  }
  incarnation = std::max<std::uint64_t>(incarnation, 1);
  MutexLock lock(renew_mutex_);
  // One that began later has told more already.
  if (begin < renewed_.load(std::memory_order_acquire)) {
    co_return absl::OkStatus();
  }
  if (incarnation != incarnation_.load(std::memory_order_acquire)) {
    // First, so that nobody uses the new one too early.
    usable_.store(SteadyNow() + settle_time_, std::memory_order_release);
    incarnation_.store(incarnation, std::memory_order_release);
  }
  renewed_.store(begin, std::memory_order_release);
  epoch_.store(found->epoch, std::memory_order_release);
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::optional<RemoteEntry>>> RedisCache::Get(
    std::string name, absl::Time deadline) {
  if (incarnation_.load(std::memory_order_acquire) == 0) {
    absl::Status status = co_await Renew(deadline);
    if (!status.ok()) co_return status;
  }
  std::vector<std::string> command;
  command.reserve(2);
  command.emplace_back("GET");
  const Life now = life();
  command.push_back(KeyOf(name, now));
  absl::StatusOr<RedisReply> reply =
      co_await pool_.Command(std::move(command), deadline);
  if (!reply.ok()) co_return reply.status();
  if (reply->is_error()) co_return redis::ErrorOf(*reply);
  if (absl::Status status = Check(now); !status.ok()) co_return status;
  if (!reply->is_string()) co_return std::nullopt;
  co_return Decode(std::move(reply->text));
}

Task<absl::Status> RedisCache::Put(std::string name, RemoteEntry entry,
                                   absl::Duration ttl, absl::Time deadline) {
  const std::int64_t announced =
      entry.generation + (entry.sealed.empty() ? 1 : 0);
  ttl = std::clamp(ttl, absl::Milliseconds(1), absl::Hours(24 * 365));
  if (incarnation_.load(std::memory_order_acquire) == 0) {
    absl::Status status = co_await Renew(deadline);
    if (!status.ok()) co_return status;
  }
  const Life now = life();
  if (absl::Status status = Check(now); !status.ok()) co_return status;
  std::vector<std::string> command = {
      "EVALSHA",     script_digest_,
      "1",           KeyOf(name, now),
      Encode(entry), absl::StrCat(absl::ToInt64Milliseconds(ttl)),
      channel_,      absl::StrCat(origin_, " ", announced, " ", name)};
  absl::StatusOr<RedisReply> reply = co_await pool_.Command(command, deadline);
  if (reply.ok() && redis::ErrorCode(*reply) == "NOSCRIPT") {
    // A new server, or SCRIPT FLUSH. EVAL loads it as well.
    command[0] = "EVAL";
    command[1] = kPutScript;
    reply = co_await pool_.Command(std::move(command), deadline);
  }
  if (!reply.ok()) co_return reply.status();
  if (reply->is_error()) co_return redis::ErrorOf(*reply);
  co_return Check(now);
}

void RedisCache::SetListener(
    std::function<void(const Invalidation&)> listener) {
  listener_ = std::move(listener);
  redis::SubscriberCallbacks callbacks;
  callbacks.on_subscribed = [this] { listener_(Invalidation()); };
  callbacks.on_lost = [this] { listener_(Invalidation()); };
  callbacks.on_message = [this](std::string, std::string payload) {
    OnMessage(payload);
  };
  subscriber_ = std::make_unique<redis::RedisSubscriber>(
      pool_.reactors().At(0).executor(), pool_.options(),
      std::vector<std::string>{channel_}, std::move(callbacks));
}

void RedisCache::OnMessage(const std::string& payload) const {
  std::vector<absl::string_view> parts =
      absl::StrSplit(payload, absl::MaxSplits(' ', 2));
  Invalidation invalidation;
  if (parts.size() != 3 || parts[2].empty() ||
      !absl::SimpleAtoi(parts[1], &invalidation.generation)) {
    // Somebody else speaks on the channel, in a way we do not know: what it
    // meant may have been missed.
    listener_(Invalidation());
    return;
  }
  if (parts[0] == origin_) return;
  invalidation.origin = std::string(parts[0]);
  invalidation.name = std::string(parts[2]);
  listener_(invalidation);
}

bool RedisCache::healthy() const { return pool_.healthy(); }

}  // namespace valetkey::cache
