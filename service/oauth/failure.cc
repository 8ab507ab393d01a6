#include "service/oauth/failure.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

constexpr std::size_t kMaxMessage = 200;
constexpr std::size_t kMaxCode = 64;
// What is read of a message before it is made printable and cut.
constexpr std::size_t kMaxRead = 4096;
constexpr std::size_t kTokenLike = 20;
constexpr absl::Duration kMaxRetryAfter = absl::Hours(24);
constexpr absl::string_view kRedacted = "[redacted]";

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::StrContains("._~+/-", absl::string_view(&c, 1));
}

std::string RedactTokens(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t size = 0;
    bool digits = false;
    while (size < text.size() && IsTokenCharacter(text[size])) {
      digits |= absl::ascii_isdigit(static_cast<unsigned char>(text[size]));
      ++size;
    }
    if (size >= kTokenLike && digits) {
      absl::StrAppend(&out, kRedacted);
    } else {
      absl::StrAppend(&out, text.substr(0, size));
    }
    text.remove_prefix(size);
    if (text.empty()) break;
    out += text[0];
    text.remove_prefix(1);
  }
  return out;
}

// A rate limit that comes as 403: GitHub's x-ratelimit-remaining, and
// Retry-After, which no refusal for good has.
bool IsRateLimit403(const HttpResponse& response) {
  if (response.status != 403) return false;
  if (response.headers.Find("retry-after") != nullptr) return true;
  for (const char* name : {"x-ratelimit-remaining", "ratelimit-remaining",
                           "x-rate-limit-remaining"}) {
    const std::string* remaining = response.headers.Find(name);
    if (remaining != nullptr && *remaining == "0") return true;
  }
  return false;
}

template <class List, class Value>
bool EmptyOrContains(const List& list, const Value& value) {
  return list.empty() ||
         std::find(list.begin(), list.end(), value) != list.end();
}

FailureClass FromProto(ErrorClass value) {
  switch (value) {
    case ERROR_CLASS_GRANT_DEAD:
      return FailureClass::kGrantDead;
    case ERROR_CLASS_CLIENT_REJECTED:
      return FailureClass::kClientRejected;
    case ERROR_CLASS_AMBIGUOUS:
      return FailureClass::kAmbiguous;
    case ERROR_CLASS_REQUEST_REJECTED:
      return FailureClass::kRequestRejected;
    case ERROR_CLASS_THROTTLED:
      return FailureClass::kThrottled;
    case ERROR_CLASS_UNAVAILABLE:
      return FailureClass::kUnavailable;
    default:
      return FailureClass::kUnreadable;
  }
}

std::optional<FailureClass> ByMap(const Definition& definition,
                                  std::optional<Leg> leg, int status,
                                  const std::string& code) {
  for (const ErrorRule& rule : definition.errors().rules()) {
    const bool leg_fits =
        rule.leg() == ERROR_LEG_UNSPECIFIED ||
        (leg == Leg::kExchange && rule.leg() == ERROR_LEG_EXCHANGE) ||
        (leg == Leg::kRefresh && rule.leg() == ERROR_LEG_REFRESH);
    if (leg_fits && EmptyOrContains(rule.statuses(), status) &&
        EmptyOrContains(rule.codes(), code)) {
      return FromProto(rule.error_class());
    }
  }
  return std::nullopt;
}

FailureClass ByDefault(int status, absl::string_view code) {
  // Weather first: whatever such an answer says of a grant is not to be
  // believed.
  if (status == 429) return FailureClass::kThrottled;
  if (status >= 500 || status == 408) return FailureClass::kUnavailable;
  if (code == "invalid_grant") return FailureClass::kGrantDead;
  if (code == "invalid_client" || code == "unauthorized_client") {
    return FailureClass::kClientRejected;
  }
  if (code == "invalid_scope" || code == "invalid_request" ||
      code == "unsupported_grant_type") {
    return FailureClass::kRequestRejected;
  }
  if (code == "temporarily_unavailable" || code == "server_error") {
    return FailureClass::kUnavailable;
  }
  if (code == "slow_down") return FailureClass::kThrottled;
  return FailureClass::kUnreadable;
}

std::string MessageOf(const Definition& definition, const Document& document) {
  const auto& pointers = definition.errors().message_pointers();
  if (pointers.empty()) {
    for (const char* pointer : {"/error_description", "/message"}) {
      if (auto text = document.Text(pointer)) return *std::move(text);
    }
    return "";
  }
  for (const std::string& pointer : pointers) {
    if (auto text = document.Text(pointer)) return *std::move(text);
  }
  return "";
}

}  // namespace

std::optional<Document> ReadBody(const HttpResponse& response,
                                 bool allow_form) {
  if (response.body.size() > kMaxDocumentSize) return std::nullopt;
  const std::string* header = response.headers.Find("content-type");
  const std::string type =
      header == nullptr ? "" : absl::AsciiStrToLower(*header);
  const bool is_form =
      absl::StrContains(type, "application/x-www-form-urlencoded");
  // JSON is tried whatever the type says: some label it text/html.
  std::optional<Document> document = Document::ParseJson(response.body);
  if (document.has_value()) return document;
  if (!is_form && (!allow_form || absl::StrContains(type, "text/html"))) {
    return std::nullopt;
  }
  const absl::string_view body = absl::StripAsciiWhitespace(response.body);
  if (!absl::StrContains(body, "=") ||
      body.find_first_of("<{ \n") != absl::string_view::npos) {
    return std::nullopt;
  }
  return Document::FromForm(ParseQuery(body));
}

bool Holds(const Predicate& predicate, const Document& document) {
  const std::optional<std::string> value = document.Text(predicate.pointer());
  return value.has_value() && *value == predicate.equals();
}

bool IsSuccess(const Success& success, const HttpResponse& response,
               const Document* document) {
  const bool status_fits =
      success.statuses().empty()
          ? response.status >= 200 && response.status < 300
          : EmptyOrContains(success.statuses(), response.status);
  if (!status_fits) return false;
  if (!success.has_predicate()) return true;
  return document != nullptr && Holds(success.predicate(), *document);
}

std::string ErrorCode(const Definition& definition, const Document& document) {
  std::optional<std::string> code;
  const auto& pointers = definition.errors().code_pointers();
  if (pointers.empty()) {
    code = document.Text("/error");
  } else {
    for (const std::string& pointer : pointers) {
      code = document.Text(pointer);
      if (code.has_value()) break;
    }
  }
  if (!code.has_value()) return "";
  return Quote(*code, {}).substr(0, kMaxCode);
}

std::string Quote(absl::string_view text,
                  const std::vector<absl::string_view>& secrets) {
  std::string out(text.substr(0, kMaxRead));
  for (const absl::string_view secret : secrets) {
    // A short one would tear holes into ordinary words.
    if (secret.size() < 4) continue;
    absl::StrReplaceAll({{secret, kRedacted}}, &out);
    absl::StrReplaceAll({{PercentEncode(secret), kRedacted}}, &out);
  }
  for (char& c : out) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = ' ';
  }
  // A secret that was cut in two at the end of what is read goes too.
  out = RedactTokens(out);
  if (out.size() > kMaxMessage) out.resize(kMaxMessage);
  return std::string(absl::StripAsciiWhitespace(out));
}

absl::Duration RetryAfter(const HttpResponse& response, absl::Time now) {
  const std::string* header = response.headers.Find("retry-after");
  if (header == nullptr) return absl::ZeroDuration();
  const absl::string_view text = absl::StripAsciiWhitespace(*header);
  absl::Duration delay = absl::ZeroDuration();
  double seconds = 0;
  absl::Time date;
  if (absl::SimpleAtod(text, &seconds)) {
    if (seconds == seconds) delay = absl::Seconds(seconds);
  } else if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &date,
                             nullptr)) {
    delay = date - now;
  }
  return std::clamp(delay, absl::ZeroDuration(), kMaxRetryAfter);
}

ProviderFailure Classify(const Definition& definition, std::optional<Leg> leg,
                         const HttpResponse& response, const Document* document,
                         absl::Time now,
                         const std::vector<absl::string_view>& secrets_sent) {
  ProviderFailure failure;
  std::string code;
  if (document != nullptr) {
    code = ErrorCode(definition, *document);
    failure.message = Quote(MessageOf(definition, *document), secrets_sent);
  }
  failure.code = Quote(code, secrets_sent);
  failure.retry_after = RetryAfter(response, now);
  if (IsRateLimit403(response)) {
    failure.kind = FailureClass::kThrottled;
  } else if (const auto mapped =
                 ByMap(definition, leg, response.status, code)) {
    failure.kind = *mapped;
  } else {
    failure.kind = ByDefault(response.status, code);
  }
  return failure;
}

}  // namespace valetkey::oauth
