#include "service/sidecar/token_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace valetkey::sidecar {
namespace {

using client::Token;
using client::TokenSource;

// The server looks again what it says of a token that lives no longer.
constexpr absl::Duration kMargin = absl::Seconds(2);
constexpr absl::Duration kCatchUp = absl::Seconds(1);

std::int64_t SteadyNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
std::int64_t SteadySeconds() { return SteadyNanos() / 1'000'000'000; }

void PutTime(absl::Time time, google::protobuf::Timestamp* out) {
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

bool HasScopes(const Token& token, const v1::GetTokenRequest& request) {
  const std::vector<std::string>& granted = token.scopes();
  return std::all_of(request.required_scopes().begin(),
                     request.required_scopes().end(),
                     [&](const std::string& scope) {
                       return std::find(granted.begin(), granted.end(),
                                        scope) != granted.end();
                     });
}

}  // namespace

TokenCache::TokenCache(client::Client& client, TokenCacheOptions options)
    : client_(client), options_(options) {}

std::string TokenCache::KeyOf(absl::string_view name, absl::string_view token) {
  return absl::StrCat(name, "\n", token);
}

const TokenCache::Shard& TokenCache::ShardOf(absl::string_view key) const {
  return shards_[absl::HashOf(key) % shards_.size()];
}
TokenCache::Shard& TokenCache::ShardOf(absl::string_view key) {
  return shards_[absl::HashOf(key) % shards_.size()];
}

std::shared_ptr<TokenCache::Entry> TokenCache::Find(
    absl::string_view name, absl::string_view token) const {
  const std::string key = KeyOf(name, token);
  const Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto it = shard.entries.find(key);
  return it == shard.entries.end() ? nullptr : it->second;
}

std::optional<grpc::Slice> TokenCache::TryAnswer(
    const v1::GetTokenRequest& request, bool server_away) {
  const std::shared_ptr<Entry> entry = Find(request.name(), request.token());
  if (entry == nullptr) return std::nullopt;
  const std::int64_t now = SteadyNanos();
  entry->last_use.store(now / 1'000'000'000, std::memory_order_relaxed);
  if (request.rejected_generation() != 0) {
    // Whoever comes next is not given it either.
    entry->source.Invalidate(request.rejected_generation());
  }
  const std::optional<Token> token = entry->source.TryGet();
  if (!token) {
    // The fetch that all share; this call is passed on meanwhile.
    entry->source.Get({}, [](const absl::StatusOr<Token>&) {});
    return std::nullopt;
  }
  if (now >= entry->application->fresh_until.load(std::memory_order_relaxed) ||
      (!server_away && now < silent_until_.load(std::memory_order_relaxed))) {
    return std::nullopt;
  }
  const absl::Duration least =
      absl::Seconds(request.min_lifetime().seconds()) +
      absl::Nanoseconds(request.min_lifetime().nanos());
  const absl::Duration left = token->expire_time() - absl::Now();
  if (left <= kMargin || left < least || least < absl::ZeroDuration() ||
      token->generation() < request.min_generation() ||
      token->generation() <= request.rejected_generation() ||
      request.min_generation() < 0 || request.rejected_generation() < 0 ||
      !HasScopes(*token, request)) {
    return std::nullopt;
  }
  return AnswerOf(*entry, *token);
}

grpc::Slice TokenCache::AnswerOf(Entry& entry, const Token& token) {
  MutexLock lock(entry.mutex);
  if (entry.generation == token.generation() &&
      entry.expire_time == token.expire_time()) {
    return entry.answer;
  }
  v1::GetTokenResponse response;
  v1::Token* const out = response.mutable_token();
  out->set_access_token(token.access_token());
  out->set_token_type(token.token_type());
  if (token.expire_time() != absl::InfiniteFuture()) {
    PutTime(token.expire_time(), out->mutable_expire_time());
  }
  if (token.refresh_time() != absl::InfiniteFuture()) {
    PutTime(token.refresh_time(), out->mutable_refresh_time());
  }
  for (const std::string& scope : token.scopes()) out->add_scopes(scope);
  out->set_generation(token.generation());
  entry.answer = grpc::Slice(response.SerializeAsString());
  entry.generation = token.generation();
  entry.expire_time = token.expire_time();
  return entry.answer;
}

void TokenCache::Noticed(const v1::GetTokenRequest& request) {
  if (size_.load(std::memory_order_relaxed) >= options_.max_tokens ||
      Find(request.name(), request.token()) != nullptr) {
    return;
  }
  const auto entry = Make(request.name(), request.token());
  if (!entry.ok()) return;  // a name that only the server understands
  (*entry)->source.Get({}, [](const absl::StatusOr<Token>&) {});
}

absl::StatusOr<TokenSource> TokenCache::Pin(const std::string& name,
                                            const std::string& token) {
  auto entry = Make(name, token);
  if (!entry.ok()) return entry.status();
  (*entry)->pinned = true;
  return (*entry)->source;
}

bool TokenCache::IsCurrent(absl::string_view name) const {
  const std::shared_ptr<Entry> entry = Find(name, "");
  return entry != nullptr &&
         SteadyNanos() <
             entry->application->fresh_until.load(std::memory_order_relaxed);
}

absl::StatusOr<std::shared_ptr<TokenCache::Entry>> TokenCache::Make(
    const std::string& name, const std::string& token) {
  client::TokenSourceOptions source_options;
  source_options.token = token;
  auto source = client_.NewTokenSource(name, std::move(source_options));
  if (!source.ok()) return source.status();
  // Kept under its full name, by which calls ask.
  const std::string full = source->name();
  auto entry = std::make_shared<Entry>(*std::move(source));
  entry->application = ApplicationOf(full);
  entry->last_use = SteadySeconds();
  const std::string key = KeyOf(full, token);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto [it, inserted] = shard.entries.emplace(key, entry);
  if (inserted) size_.fetch_add(1, std::memory_order_relaxed);
  return it->second;
}

std::shared_ptr<TokenCache::Application> TokenCache::ApplicationOf(
    absl::string_view name) {
  // applications/{a}/connections/{c}
  const std::string application(
      name.substr(0, name.find('/', std::string("applications/").size())));
  MutexLock lock(mutex_);
  std::shared_ptr<Application>& found = applications_[application];
  if (found == nullptr) {
    found = std::make_shared<Application>();
    found->name = application;
  }
  return found;
}

void TokenCache::WatchBegan() {
  silent_until_.store(SteadyNanos() + absl::ToInt64Nanoseconds(kCatchUp),
                      std::memory_order_relaxed);
}

void TokenCache::Tend() {
  std::vector<std::shared_ptr<Application>> applications;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, application] : applications_) {
      applications.push_back(application);
    }
  }
  for (const auto& application : applications) {
    const absl::Duration left =
        options_.max_stale - client_.WatchSilence(application->name);
    application->fresh_until.store(
        left > absl::ZeroDuration()
            ? SteadyNanos() + absl::ToInt64Nanoseconds(left)
            : 0,
        std::memory_order_relaxed);
  }
  const std::int64_t oldest =
      SteadySeconds() - absl::ToInt64Seconds(options_.idle_after);
  for (Shard& shard : shards_) {
    // Closed outside the lock, by the last who has them.
    std::vector<std::shared_ptr<Entry>> idle;
    MutexLock lock(shard.mutex);
    for (auto it = shard.entries.begin(); it != shard.entries.end();) {
      const auto next = std::next(it);
      if (!it->second->pinned.load() &&
          it->second->last_use.load(std::memory_order_relaxed) < oldest) {
        idle.push_back(std::move(it->second));
        shard.entries.erase(it);
        size_.fetch_sub(1, std::memory_order_relaxed);
      }
      it = next;
    }
  }
}

std::size_t TokenCache::size() const {
  return size_.load(std::memory_order_relaxed);
}

absl::Duration TokenCache::silence() const {
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, application] : applications_) {
      names.push_back(name);
    }
  }
  absl::Duration longest = absl::ZeroDuration();
  for (const std::string& name : names) {
    longest = std::max(longest, client_.WatchSilence(name));
  }
  return longest;
}

}  // namespace valetkey::sidecar
