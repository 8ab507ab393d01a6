#include "service/callers/issuer_keys.h"

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/identity/strict_json.h"

namespace valetkey::callers {
namespace {

constexpr absl::Duration kFetchTimeout = absl::Seconds(5);
// The least time between two fetches, and after one that failed.
constexpr absl::Duration kPause = absl::Seconds(10);
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(2);
constexpr std::size_t kMaxBearerSize = 16 * 1024;

absl::Status Bad(absl::string_view what, absl::string_view why) {
  return MakeError(Reason::kFieldInvalid, absl::StrCat(what, ": ", why));
}

// The key set's URL in an issuer's configuration (OpenID Connect Discovery
// section 4.3: its issuer must be the one that was asked).
absl::StatusOr<std::string> KeyUrlOf(absl::string_view text,
                                     absl::string_view issuer) {
  const std::optional<identity::Json> json = identity::ParseStrictObject(text);
  if (!json.has_value()) return Bad("configuration", "expected a JSON object");
  const std::string* named = identity::FindString(*json, "issuer");
  if (named == nullptr || *named != issuer) {
    return Bad("configuration",
               "issuer: expected the same as the policy names");
  }
  const std::string* url = identity::FindString(*json, "jwks_uri");
  if (url == nullptr) return Bad("configuration", "jwks_uri: expected a URL");
  const auto parsed = ParseUrl(*url);
  if (!parsed.ok() || (parsed->scheme != "https" && !parsed->IsLoopback())) {
    return Bad("configuration", "jwks_uri: expected an https URL");
  }
  return *url;
}

}  // namespace

IssuerKeys::IssuerKeys(std::string name, identity::KeyLocation location,
                       std::string issuer, IssuerKeysDependencies dependencies)
    : name_(std::move(name)),
      location_(std::move(location)),
      issuer_(std::move(issuer)),
      dependencies_(std::move(dependencies)),
      loaded_(dependencies_.metrics.GetCounter(
          "valetkey_caller_key_loads_total",
          "Attempts to read an issuer's keys, by issuer and result.",
          {{"issuer", name_}, {"result", "ok"}})),
      failed_(dependencies_.metrics.GetCounter(
          "valetkey_caller_key_loads_total",
          "Attempts to read an issuer's keys, by issuer and result.",
          {{"issuer", name_}, {"result", "failed"}})),
      file_(location_.file, identity::kMaxKeySetSize) {}

absl::StatusOr<std::shared_ptr<const identity::KeySet>> IssuerKeys::current()
    const {
  MutexLock lock(mutex_);
  const bool kept = !from_url() || dependencies_.clock.Now() <
                                       read_time_ + location_.keep_keys;
  if (keys_ != nullptr && kept) return keys_;
  return MakeError(Reason::kCallerKeysUnavailable,
                   "the keys of the JWT's issuer cannot be had at the moment",
                   {{"issuer", name_}}, kPauseAfterFailure);
}

absl::Duration IssuerKeys::age() const {
  if (!from_url()) return absl::ZeroDuration();
  MutexLock lock(mutex_);
  return dependencies_.clock.Now() - read_time_;
}

absl::Status IssuerKeys::Open() {
  return from_url() ? absl::OkStatus() : Take(file_.Read());
}

bool IssuerKeys::Due() const {
  if (!from_url()) return file_.Changed();
  return dependencies_.clock.Now() >= next_look_;
}

Task<void> IssuerKeys::Renew(std::shared_ptr<IssuerKeys> self) {
  // Others may wait for what is begun here.
  co_await asio::this_coro::throw_if_cancelled(false);
  if (self->flight_ != nullptr) {
    (void)co_await WaitFor(self->flight_, 2 * kFetchTimeout);
    co_return;
  }
  const Clock& clock = self->dependencies_.clock;
  if (self->from_url() ? clock.Now() < self->next_try_
                       : !self->file_.Changed()) {
    co_return;
  }
  self->flight_ = std::make_shared<Promise<bool>>(self->dependencies_.home);
  const absl::Status status = self->Take(co_await self->Load());
  self->next_try_ = clock.Now() + (status.ok() ? kPause : kPauseAfterFailure);
  self->next_look_ =
      status.ok()
          ? clock.Now() + self->location_.refresh_interval
          : clock.Now() + std::min(kPause, self->location_.refresh_interval);
  if (!status.ok()) {
    Log(LogLevel::kError,
        "an issuer's keys cannot be read; those read before are kept",
        {{"issuer", self->name_}, {"status", status}});
  }
  std::exchange(self->flight_, nullptr)->Set(status.ok());
}

Task<absl::StatusOr<std::string>> IssuerKeys::Load() {
  if (!from_url()) co_return file_.Read();
  std::string url = location_.url;
  if (location_.discovery) {
    VK_CO_ASSIGN_OR_RETURN(const std::string text, co_await Fetch(url));
    VK_CO_ASSIGN_OR_RETURN(url, KeyUrlOf(text, issuer_));
  }
  co_return co_await Fetch(std::move(url));
}

Task<absl::StatusOr<std::string>> IssuerKeys::Fetch(std::string url) {
  HttpRequest request;
  request.url = url;
  request.headers.Add("Accept", "application/jwk-set+json, application/json");
  if (!location_.bearer_token_file.empty()) {
    WatchedFile file(location_.bearer_token_file, kMaxBearerSize);
    VK_CO_ASSIGN_OR_RETURN(const std::string text, file.Read());
    const absl::string_view token = absl::StripAsciiWhitespace(text);
    for (const char c : token) {
      if (absl::ascii_isgraph(c)) continue;
      co_return Bad(location_.bearer_token_file,
                    "expected a token on one line");
    }
    request.headers.Add("Authorization", absl::StrCat("Bearer ", token));
  }
  HttpResult result =
      co_await dependencies_.http->Send(std::move(request), kFetchTimeout);
  if (!result.status.ok()) {
    co_return Bad(url, result.status.message());
  }
  if (result.response.status != 200) {
    co_return Bad(url, absl::StrCat("answered ", result.response.status));
  }
  co_return std::move(result.response.body);
}

absl::Status IssuerKeys::Take(absl::StatusOr<std::string> text) {
  absl::Status status = text.status();
  bool changed = false;
  if (text.ok()) {
    auto keys = identity::KeySet::Parse(*text);
    if (keys.ok()) {
      MutexLock lock(mutex_);
      read_time_ = dependencies_.clock.Now();
      changed = keys_ == nullptr || keys_->digest() != (*keys)->digest();
      if (changed) keys_ = *std::move(keys);
    } else {
      status = Bad(from_url() ? location_.url : location_.file,
                   keys.status().message());
    }
  }
  (status.ok() ? loaded_ : failed_).Add();
  if (changed) {
    Log(LogLevel::kInfo, "an issuer's keys were read", {{"issuer", name_}});
    dependencies_.changed();
  }
  return status;
}

}  // namespace valetkey::callers
