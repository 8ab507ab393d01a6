// The token answer (RFC 6749 section 5) and its many forms.

#include "service/oauth/token_answer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/oauth/failure.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

using ExpiryList = google::protobuf::RepeatedPtrField<Expiry>;

// RFC 6750 section 2.1 in its widest reading: what may stand in a header.
bool IsTokenText(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<absl::Time> Reasonable(absl::Time time, absl::Time now) {
  if (time - now > kForever) return absl::InfiniteFuture();
  return time;
}

Expiry SecondsAt(absl::string_view pointer) {
  Expiry expiry;
  expiry.set_pointer(std::string(pointer));
  return expiry;
}

std::optional<absl::Time> FirstExpiry(const ExpiryList& list,
                                      const ExpiryList& fallback,
                                      absl::string_view base,
                                      const Document& document,
                                      absl::Time now) {
  for (const Expiry& expiry : list.empty() ? fallback : list) {
    if (const auto time = ReadExpiry(expiry, base, document, now)) return time;
  }
  return std::nullopt;
}

const ExpiryList& DefaultExpiries() {
  static const auto& list = *new ExpiryList([] {
    ExpiryList made;
    *made.Add() = SecondsAt("/expires_in");
    return made;
  }());
  return list;
}

const ExpiryList& DefaultRefreshExpiries() {
  static const auto& list = *new ExpiryList([] {
    ExpiryList made;
    *made.Add() = SecondsAt("/refresh_token_expires_in");
    *made.Add() = SecondsAt("/refresh_expires_in");
    return made;
  }());
  return list;
}

// Back to our name, where the provider's is fixed.
std::string ScopeName(const Definition& definition, std::string value) {
  for (const Scope& scope : definition.scopes()) {
    if (!scope.value().empty() && scope.value() == value) return scope.name();
  }
  return value;
}

std::optional<std::vector<std::string>> ReadScopes(const Definition& definition,
                                                   const TokenResponse& rules,
                                                   absl::string_view base,
                                                   absl::string_view prefix,
                                                   const Document& document) {
  if (rules.scope_format() == SCOPE_FORMAT_IGNORED) return std::nullopt;
  const std::string pointer = absl::StrCat(
      base, rules.scope_pointer().empty() ? "/scope" : rules.scope_pointer());
  std::vector<std::string> names;
  if (const auto list = document.Strings(pointer)) {
    names = *list;
  } else if (const auto text = document.Text(pointer)) {
    absl::string_view scopes = *text;
    if (rules.scope_format() == SCOPE_FORMAT_BEFORE_BAR) {
      scopes = scopes.substr(0, scopes.find('|'));
    }
    names = SplitScopes(scopes);
  } else {
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (std::string& name : names) {
    std::string ours =
        absl::StrCat(prefix, ScopeName(definition, std::move(name)));
    if (std::find(out.begin(), out.end(), ours) == out.end()) {
      out.push_back(std::move(ours));
    }
  }
  return out;
}

SecretString ReadSecret(const Document& document, absl::string_view base,
                        const std::string& pointer,
                        absl::string_view fallback) {
  std::optional<std::string> text =
      document.Text(absl::StrCat(base, pointer.empty() ? fallback : pointer));
  if (!text.has_value()) return {};
  return SecretString::Take(*std::move(text));
}

// The end that the definition assumes for a refresh token.
std::optional<absl::Time> AssumedRefreshExpiry(const Definition& definition,
                                               Purpose purpose,
                                               absl::Time now) {
  const Lifetimes& lifetimes = definition.lifetimes();
  std::optional<absl::Time> time;
  if (lifetimes.has_refresh_idle()) {
    time = now + absl::Seconds(lifetimes.refresh_idle().seconds());
  }
  // Counted from the consent, so a refresh says nothing of it.
  if (lifetimes.has_refresh_absolute() && purpose != Purpose::kRefresh) {
    const absl::Time end =
        now + absl::Seconds(lifetimes.refresh_absolute().seconds());
    time = time.has_value() ? std::min(*time, end) : end;
  }
  return time;
}

std::optional<absl::Time> Finite(std::optional<absl::Time> time) {
  return time == absl::InfiniteFuture() ? std::nullopt : time;
}

// nullopt: no token there, or none that could be used.
std::optional<TokenSet> ReadToken(const Definition& definition,
                                  const TokenResponse& rules, Purpose purpose,
                                  absl::string_view base,
                                  absl::string_view prefix,
                                  const Document& document, absl::Time now) {
  TokenSet token;
  token.access_token =
      ReadSecret(document, base, rules.access_token_pointer(), "/access_token");
  token.refresh_token = ReadSecret(
      document, base, rules.refresh_token_pointer(), "/refresh_token");
  const bool extends = purpose == Purpose::kRefresh &&
                       definition.refresh().kind() == REFRESH_KIND_EXTEND;
  if (token.access_token.empty() && !extends) return std::nullopt;
  if (!IsTokenText(token.access_token.Reveal()) ||
      !IsTokenText(token.refresh_token.Reveal())) {
    return std::nullopt;
  }
  token.token_type =
      document
          .Text(absl::StrCat(base, rules.token_type_pointer().empty()
                                       ? "/token_type"
                                       : rules.token_type_pointer()))
          .value_or("");
  token.token_type = Quote(token.token_type, {});
  if (token.token_type.empty()) token.token_type = "Bearer";

  std::optional<absl::Time> expiry =
      FirstExpiry(rules.expiries(), DefaultExpiries(), base, document, now);
  if (!expiry.has_value() && definition.lifetimes().has_access()) {
    expiry = now + absl::Seconds(definition.lifetimes().access().seconds());
  }
  token.expire_time = Finite(expiry);

  std::optional<absl::Time> refresh_expiry = FirstExpiry(
      rules.refresh_expiries(), DefaultRefreshExpiries(), base, document, now);
  // A refresh token that stays the same lives on by being used.
  const bool used = purpose == Purpose::kRefresh;
  if (!refresh_expiry.has_value() && (!token.refresh_token.empty() || used)) {
    refresh_expiry = AssumedRefreshExpiry(definition, purpose, now);
  }
  token.refresh_expire_time = Finite(refresh_expiry);
  token.scopes = ReadScopes(definition, rules, base, prefix, document);
  return token;
}

}  // namespace

std::optional<absl::Time> ReadExpiry(const Expiry& expiry,
                                     absl::string_view base,
                                     const Document& document, absl::Time now) {
  const std::optional<std::string> text =
      document.Text(absl::StrCat(base, expiry.pointer()));
  if (!text.has_value()) return std::nullopt;
  if (expiry.format() == EXPIRY_FORMAT_RFC3339) {
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, *text, &time, nullptr) &&
        !absl::ParseTime("%Y-%m-%dT%H:%M:%E*S", *text, &time, nullptr) &&
        !absl::ParseTime("%Y-%m-%d %H:%M:%E*S", *text, &time, nullptr)) {
      return std::nullopt;
    }
    return Reasonable(time, now);
  }
  double number = 0;
  if (!absl::SimpleAtod(*text, &number) || std::isnan(number) || number <= 0) {
    return std::nullopt;
  }
  switch (expiry.format()) {
    case EXPIRY_FORMAT_MILLISECONDS:
      return Reasonable(now + absl::Milliseconds(number), now);
    case EXPIRY_FORMAT_UNIX_SECONDS:
      return Reasonable(absl::UnixEpoch() + absl::Seconds(number), now);
    case EXPIRY_FORMAT_UNIX_MILLISECONDS:
      return Reasonable(absl::UnixEpoch() + absl::Milliseconds(number), now);
    default:
      return Reasonable(now + absl::Seconds(number), now);
  }
}

std::optional<TokenAnswer> ReadTokens(const Definition& definition,
                                      const TokenResponse& rules,
                                      Purpose purpose, const Document& document,
                                      absl::Time now) {
  // In the answer to a refresh the token at the root may be an extra one.
  const ExtraToken* at_root = nullptr;
  if (purpose == Purpose::kRefresh) {
    for (const ExtraToken& extra : rules.extra_tokens()) {
      if (extra.has_at_root_when() && Holds(extra.at_root_when(), document)) {
        at_root = &extra;
        break;
      }
    }
  }
  TokenAnswer answer;
  std::optional<TokenSet> main = ReadToken(
      definition, rules, purpose, rules.base_pointer(),
      at_root == nullptr ? absl::string_view() : at_root->scope_prefix(),
      document, now);
  if (main.has_value()) {
    if (at_root != nullptr) main->name = at_root->name();
    answer.tokens.push_back(*std::move(main));
  } else if (!rules.main_token_optional()) {
    return std::nullopt;
  }
  if (at_root == nullptr) {
    for (const ExtraToken& extra : rules.extra_tokens()) {
      // The extra one is never what a refresh merely extended.
      if (!document.Has(extra.base_pointer())) continue;
      std::optional<TokenSet> token =
          ReadToken(definition, rules, purpose, extra.base_pointer(),
                    extra.scope_prefix(), document, now);
      if (!token.has_value() || token->access_token.empty()) continue;
      token->name = extra.name();
      answer.tokens.push_back(*std::move(token));
    }
  }
  if (answer.tokens.empty()) return std::nullopt;
  for (const PointerCapture& capture : rules.captures()) {
    std::optional<std::string> value = document.Text(capture.pointer());
    // What is absent is left out, so that it overwrites nothing kept.
    if (value.has_value() && !value->empty()) {
      answer.metadata[capture.name()] = *std::move(value);
    }
  }
  return answer;
}

ParsedTokenAnswer ParseTokenAnswer(
    const Definition& definition, Leg leg, const HttpResponse& response,
    absl::Time now, const std::vector<absl::string_view>& secrets_sent) {
  ParsedTokenAnswer parsed;
  const TokenResponse& rules = definition.response();
  const std::optional<Document> document =
      ReadBody(response, rules.allow_form());
  const Document* body = document.has_value() ? &*document : nullptr;
  if (body != nullptr && IsSuccess(rules.success(), response, body)) {
    parsed.answer = ReadTokens(
        definition, rules,
        leg == Leg::kRefresh ? Purpose::kRefresh : Purpose::kExchange, *body,
        now);
    if (parsed.answer.has_value()) return parsed;
  }
  parsed.failure = Classify(definition, leg, response, body, now, secrets_sent);
  return parsed;
}

}  // namespace valetkey::oauth
