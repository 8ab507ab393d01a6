#include "service/web/pending_sign_in.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/crypto.h"
#include "service/web/cookies.h"

namespace valetkey::web {
namespace {

constexpr char kSecurePrefix[] = "__Host-valetkey-signin-";
constexpr char kPlainPrefix[] = "valetkey-signin-";
constexpr char kAssociatedData[] = "portal#sign-in";
constexpr std::size_t kStateSize = 43;  // 32 bytes in base64url
constexpr std::size_t kNamedBy = 8;     // characters of the state
constexpr std::size_t kMaxPath = 256;
constexpr std::size_t kMaxValue = 2048;

SecretString NewSecret(Random& random) {
  return SecretString::Take(Base64UrlEncode(random.Bytes(32)));
}

// What a name of ours ends with; only then may it be in a header.
bool IsBase64Url(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
}

}  // namespace

std::string OwnPath(absl::string_view path) {
  const bool plain = std::all_of(path.begin(), path.end(), [](unsigned char c) {
    // Browsers take "\" for "/".
    return absl::ascii_isgraph(c) && c != '\\';
  });
  if (!plain || path.size() > kMaxPath || !absl::StartsWith(path, "/") ||
      absl::StartsWith(path, "//") || absl::StartsWith(path, "/portal/")) {
    return "/";
  }
  return std::string(path);
}

identity::SignInSecrets PendingSignIns::NewSecrets(Random& random) {
  identity::SignInSecrets secrets;
  secrets.state = NewSecret(random);
  secrets.nonce = NewSecret(random);
  secrets.verifier = NewSecret(random);
  return secrets;
}

absl::string_view PendingSignIns::prefix() const {
  return secure_ ? kSecurePrefix : kPlainPrefix;
}

std::string PendingSignIns::NameOf(absl::string_view state) const {
  return absl::StrCat(prefix(), state.substr(0, kNamedBy));
}

std::string PendingSignIns::Attributes(absl::Duration age) const {
  return absl::StrCat("; Path=/; Max-Age=", absl::ToInt64Seconds(age),
                      "; HttpOnly; SameSite=Lax", secure_ ? "; Secure" : "");
}

std::vector<std::string> PendingSignIns::Begin(
    const PendingSignIn& pending, const HttpHeaders& request) const {
  std::vector<std::string> others;
  for (const auto& [name, value] : CookiesIn(request)) {
    if (absl::StartsWith(name, prefix()) && IsBase64Url(name)) {
      others.emplace_back(name);
    }
  }
  const identity::SignInSecrets& secrets = pending.secrets;
  std::string plain =
      absl::StrCat(absl::ToUnixSeconds(clock_.Now() + kPendingLifetime), " ",
                   secrets.state.Reveal(), " ", secrets.nonce.Reveal(), " ",
                   secrets.verifier.Reveal(), " ", pending.return_to);
  const std::string sealed =
      sealer_.Seal(SecretString::Take(std::move(plain)), kAssociatedData);
  std::vector<std::string> set = {absl::StrCat(NameOf(secrets.state.Reveal()),
                                               "=", Base64UrlEncode(sealed),
                                               Attributes(kPendingLifetime))};
  if (others.size() < kMaxPending) return set;
  for (const std::string& name : others) {
    set.push_back(absl::StrCat(name, "=", Attributes(absl::ZeroDuration())));
  }
  return set;
}

std::optional<PendingSignIn> PendingSignIns::Read(
    const HttpHeaders& request, absl::string_view state) const {
  if (state.size() != kStateSize || !IsBase64Url(state)) return std::nullopt;
  const std::vector<absl::string_view> values =
      CookieValues(request, NameOf(state));
  std::string sealed;
  if (values.size() != 1 || values[0].size() > kMaxValue ||
      !Base64UrlDecode(values[0], &sealed)) {
    return std::nullopt;
  }
  const absl::StatusOr<SecretString> plain =
      sealer_.Open(sealed, kAssociatedData);
  if (!plain.ok()) return std::nullopt;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(plain->Reveal(), ' ');
  std::int64_t end = 0;
  if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &end) ||
      clock_.Now() >= absl::FromUnixSeconds(end) ||
      !ConstantTimeEquals(parts[1], state)) {
    return std::nullopt;
  }
  PendingSignIn pending;
  pending.secrets.state = SecretString(parts[1]);
  pending.secrets.nonce = SecretString(parts[2]);
  pending.secrets.verifier = SecretString(parts[3]);
  pending.return_to = OwnPath(parts[4]);
  return pending;
}

std::string PendingSignIns::Clear(absl::string_view state) const {
  return absl::StrCat(NameOf(state), "=", Attributes(absl::ZeroDuration()));
}

}  // namespace valetkey::web
