#include "service/broker/admin_fields.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/base/utf8.h"
#include "service/broker/admin.h"
#include "service/broker/inputs.h"
#include "service/oauth/oauth.h"

namespace valetkey::broker {
namespace {

constexpr std::size_t kMaxDisplayName = 128;
constexpr std::size_t kMaxUri = 2048;
constexpr std::size_t kMaxReturnUris = 50;
constexpr std::size_t kMaxClientId = 512;
constexpr std::size_t kMaxClientSecret = 8192;
constexpr std::size_t kMaxScopes = 100;
constexpr std::size_t kMaxScope = 256;
constexpr std::size_t kMaxLabels = 32;
constexpr std::size_t kMaxLabelKey = 63;
constexpr std::size_t kMaxLabelValue = 255;

unsigned char Byte(char c) { return static_cast<unsigned char>(c); }

// C0, DEL, and C1 as UTF-8 writes it.
bool HasControl(absl::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char byte = Byte(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && Byte(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

// Only characters that a URI may have (RFC 3986 section 2), and no fragment.
bool IsPlainUri(absl::string_view uri) {
  if (uri.empty() || uri.size() > kMaxUri) return false;
  return std::all_of(uri.begin(), uri.end(), [](char c) {
    return absl::ascii_isgraph(Byte(c)) &&
           !absl::StrContains("\"#<>\\^`{|}", absl::string_view(&c, 1));
  });
}

bool IsWebUri(absl::string_view uri) {
  if (!IsPlainUri(uri)) return false;
  const absl::StatusOr<Url> url = ParseUrl(uri);
  return url.ok() && (url->scheme == "https" || url->IsLoopback());
}

// "com.example.app:/callback" (RFC 8252 section 7.1). The dot keeps out
// "javascript:" and its like.
bool IsAppUri(absl::string_view uri) {
  if (!IsPlainUri(uri)) return false;
  const std::size_t colon = uri.find(':');
  if (colon == absl::string_view::npos || colon + 1 == uri.size()) return false;
  const absl::string_view scheme = uri.substr(0, colon);
  if (scheme.empty() || !absl::ascii_isalpha(Byte(scheme.front())) ||
      scheme.back() == '.' || !absl::StrContains(scheme, '.')) {
    return false;
  }
  return std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return absl::ascii_isalnum(Byte(c)) || c == '+' || c == '-' || c == '.';
  });
}

bool IsScopeToken(absl::string_view scope) {
  if (scope.empty() || scope.size() > kMaxScope) return false;
  return std::all_of(scope.begin(), scope.end(), [](char c) {
    return absl::ascii_isgraph(Byte(c)) && c != '"' && c != '\\';
  });
}

bool IsLabelKey(absl::string_view key) {
  if (key.empty() || key.size() > kMaxLabelKey) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_islower(Byte(c)) || absl::ascii_isdigit(Byte(c)) ||
           c == '_' || c == '.' || c == '-' || c == '/';
  });
}

}  // namespace

std::string KeyedField(absl::string_view field, absl::string_view key) {
  // CHexEscape makes ASCII of anything, broken UTF-8 too.
  return absl::StrCat(field, "[\"", absl::CHexEscape(key.substr(0, 64)), "\"]");
}

std::string IndexedField(absl::string_view field, std::size_t index) {
  return absl::StrCat(field, "[", index, "]");
}

absl::Status CheckDisplayName(absl::string_view field, absl::string_view name) {
  if (name.size() <= kMaxDisplayName && IsUtf8(name) && !HasControl(name)) {
    return absl::OkStatus();
  }
  return InvalidField(field,
                      "at most 128 bytes of UTF-8 without control characters");
}

absl::Status CheckReturnUris(absl::string_view field,
                             const std::vector<std::string>& uris) {
  if (uris.size() > kMaxReturnUris) {
    return InvalidField(field, "at most 50 URIs");
  }
  for (std::size_t i = 0; i < uris.size(); ++i) {
    if (IsWebUri(uris[i]) || IsAppUri(uris[i])) continue;
    return InvalidField(
        IndexedField(field, i),
        "an absolute URI without a fragment, at most 2048 characters: https, "
        "or http on a loopback host, or an app's own scheme with a dot such "
        "as com.example.app:/callback");
  }
  return absl::OkStatus();
}

absl::Status CheckRedirectUri(absl::string_view field, absl::string_view uri) {
  if (uri.empty() || IsWebUri(uri)) return absl::OkStatus();
  return InvalidField(field,
                      "an absolute URI without a fragment, at most 2048 "
                      "characters: https, or http on a loopback host");
}

absl::Status CheckClientId(absl::string_view field, absl::string_view id) {
  if (!id.empty() && id.size() <= kMaxClientId &&
      std::all_of(id.begin(), id.end(),
                  [](char c) { return absl::ascii_isprint(Byte(c)); })) {
    return absl::OkStatus();
  }
  return InvalidField(
      field,
      "1 to 512 printable ASCII characters: the client id that the "
      "provider gave");
}

absl::Status CheckClientSecret(absl::string_view field,
                               const SecretString& secret) {
  const absl::string_view text = secret.Reveal();
  const bool is_pem = absl::StartsWith(text, "-----BEGIN ");
  if (text.size() > kMaxClientSecret || !IsUtf8(text)) {
    return InvalidField(field, "at most 8192 bytes of UTF-8");
  }
  for (const char c : text) {
    const bool line_end = c == '\n' || c == '\r' || c == '\t';
    if ((Byte(c) < 0x20 || c == 0x7f) && !(is_pem && line_end)) {
      return InvalidField(field,
                          "no control character and no line end, unless it is "
                          "a private key in PEM");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckScopes(absl::string_view field,
                         const std::vector<std::string>& scopes) {
  if (scopes.size() > kMaxScopes) {
    return InvalidField(field, "at most 100 scopes");
  }
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    if (IsScopeToken(scopes[i])) continue;
    return InvalidField(IndexedField(field, i),
                        "one scope: 1 to 256 printable ASCII characters "
                        "without space, quote and backslash");
  }
  return absl::OkStatus();
}

absl::Status CheckOperatorInputs(
    absl::string_view field, const catalog::Definition& definition,
    const std::map<std::string, std::string>& inputs,
    const std::map<std::string, std::string>& kept) {
  for (const auto& [name, value] : inputs) {
    const bool known = std::any_of(
        definition.inputs().begin(), definition.inputs().end(),
        [&](const auto& input) {
          return input.name() == name &&
                 input.source() == catalog::v1::INPUT_SOURCE_OPERATOR;
        });
    if (!known) {
      return InvalidField(KeyedField(field, name),
                          "an input that the catalog entry wants from the "
                          "operator");
    }
    const absl::Status checked =
        oauth::CheckInputs(definition, {{name, value}});
    if (checked.ok()) continue;
    std::string expected = "another value";
    for (const auto& [key, text] : MetadataOf(checked)) {
      if (key == "expected") expected = text;
    }
    return InvalidField(KeyedField(field, name), expected);
  }
  for (const auto& input : definition.inputs()) {
    if (input.source() == catalog::v1::INPUT_SOURCE_OPERATOR &&
        input.default_value().empty() && inputs.count(input.name()) == 0 &&
        !(input.secret() && HasInput(kept, input.name()))) {
      return InvalidField(KeyedField(field, input.name()),
                          "a value, for the provider cannot do without");
    }
  }
  return absl::OkStatus();
}

bool NeedsClientSecret(const catalog::Definition& definition) {
  const auto& authentication = definition.client_authentication();
  switch (authentication.method()) {
    case catalog::v1::CLIENT_AUTHENTICATION_METHOD_NONE:
    case catalog::v1::CLIENT_AUTHENTICATION_METHOD_OMITTED:
      return false;
    case catalog::v1::CLIENT_AUTHENTICATION_METHOD_HEADER:
      return absl::StrContains(authentication.header_value(),
                               "{client_secret}");
    default:
      return true;
  }
}

absl::Status CheckLabels(absl::string_view field, const store::Labels& labels) {
  if (labels.size() > kMaxLabels) {
    return InvalidField(field, "at most 32 labels");
  }
  for (const auto& [key, value] : labels) {
    if (!IsLabelKey(key)) {
      return InvalidField(KeyedField(field, key),
                          "a key of 1 to 63 characters [a-z0-9_.-/]");
    }
    if (value.size() > kMaxLabelValue || !IsUtf8(value)) {
      return InvalidField(KeyedField(field, key),
                          "a value of at most 255 bytes of UTF-8");
    }
  }
  return absl::OkStatus();
}

}  // namespace valetkey::broker
