#include "service/web/session_cookie.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/crypto.h"
#include "service/web/cookies.h"

namespace valetkey::web {
namespace {

constexpr char kSecureName[] = "__Host-valetkey";
constexpr char kPlainName[] = "valetkey-session";
// Binds the sealed value to its use: nothing else that the keyring has sealed
// is a session.
constexpr char kAssociatedData[] = "portal#session";
// Browsers keep no more than 4096 bytes of name and value.
constexpr std::size_t kMaxValue = 4000;
// A last use is renewed when it has taken this part of the idle time-out.
constexpr int kRenewPart = 30;

}  // namespace

SessionCookie::SessionCookie(const Sealer& sealer, const Clock& clock,
                             SessionOptions options)
    : sealer_(sealer), clock_(clock), options_(options) {}

absl::string_view SessionCookie::name() const {
  return options_.secure ? kSecureName : kPlainName;
}

std::string SessionCookie::Begin(SecretString api_key) const {
  const absl::Time now = clock_.Now();
  return Set({.api_key = std::move(api_key), .start = now, .last_use = now});
}

std::string SessionCookie::BeginFor(std::string person) const {
  const absl::Time now = clock_.Now();
  return Set({.person = std::move(person), .start = now, .last_use = now});
}

std::optional<std::string> SessionCookie::Renew(const Session& session) const {
  const absl::Time now = clock_.Now();
  if (now < session.last_use + options_.idle_timeout / kRenewPart) {
    return std::nullopt;
  }
  Session renewed = session;
  renewed.last_use = now;
  return Set(renewed);
}

std::string SessionCookie::Clear() const {
  return absl::StrCat(name(), "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
                      options_.secure ? "; Secure" : "");
}

std::string SessionCookie::Set(const Session& session) const {
  // No API key begins as a person's JSON does.
  std::string plain = absl::StrCat(
      absl::ToUnixSeconds(session.start), " ",
      absl::ToUnixSeconds(session.last_use), " ",
      session.person.empty() ? session.api_key.Reveal() : session.person);
  const std::string sealed =
      sealer_.Seal(SecretString::Take(std::move(plain)), kAssociatedData);
  const absl::Duration left = EndOf(session) - clock_.Now();
  return absl::StrCat(
      name(), "=", Base64UrlEncode(sealed), "; Path=/; Max-Age=",
      std::max<std::int64_t>(absl::ToInt64Seconds(left), 0),
      "; HttpOnly; SameSite=Strict", options_.secure ? "; Secure" : "");
}

bool SessionCookie::IsIn(const HttpHeaders& headers) const {
  return !CookieValues(headers, name()).empty();
}

std::optional<Session> SessionCookie::Read(const HttpHeaders& headers) const {
  const std::vector<absl::string_view> values = CookieValues(headers, name());
  if (values.size() != 1 || values[0].size() > kMaxValue) return std::nullopt;
  std::string sealed;
  if (!Base64UrlDecode(values[0], &sealed)) return std::nullopt;
  const absl::StatusOr<SecretString> plain =
      sealer_.Open(sealed, kAssociatedData);
  if (!plain.ok()) return std::nullopt;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(plain->Reveal(), absl::MaxSplits(' ', 2));
  std::int64_t start = 0;
  std::int64_t last_use = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &start) ||
      !absl::SimpleAtoi(parts[1], &last_use)) {
    return std::nullopt;
  }
  Session session = {.start = absl::FromUnixSeconds(start),
                     .last_use = absl::FromUnixSeconds(last_use)};
  if (absl::StartsWith(parts[2], "{")) {
    session.person = std::string(parts[2]);
  } else {
    session.api_key = SecretString(parts[2]);
  }
  if (clock_.Now() >= EndOf(session)) return std::nullopt;
  return session;
}

absl::Time SessionCookie::EndOf(const Session& session) const {
  return std::min(session.last_use + options_.idle_timeout,
                  session.start + options_.lifetime);
}

absl::Time SessionCookie::EndIfUsed(const Session& session) const {
  return std::min(clock_.Now() + options_.idle_timeout,
                  session.start + options_.lifetime);
}

}  // namespace valetkey::web
