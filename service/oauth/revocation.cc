// Revocation (RFC 7009) and its variants.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

constexpr char kNoWay[] = "the provider offers no way to revoke tokens";

// Which of a token's two a step takes; nullopt: none.
std::optional<TokenKind> KindFor(const RevocationStep& step,
                                 const TokenSet& token) {
  const bool refresh = !token.refresh_token.empty();
  const bool access = !token.access_token.empty();
  switch (step.token()) {
    case REVOKED_TOKEN_REFRESH:
      if (refresh) return TokenKind::kRefreshToken;
      return std::nullopt;
    case REVOKED_TOKEN_ACCESS:
      if (access) return TokenKind::kAccessToken;
      return std::nullopt;
    default:
      if (refresh) return TokenKind::kRefreshToken;
      if (access) return TokenKind::kAccessToken;
      return std::nullopt;
  }
}

absl::StatusOr<HttpRequest> Build(const Definition& definition,
                                  const RevocationStep& step,
                                  const Client& client, const TokenSet& token,
                                  TokenKind kind, absl::Time now) {
  const bool refresh = kind == TokenKind::kRefreshToken;
  const absl::string_view value =
      refresh ? token.refresh_token.Reveal() : token.access_token.Reveal();
  Variables variables{.definition = definition,
                      .client = client,
                      .now = now,
                      .access_token = token.access_token.Reveal(),
                      .refresh_token = token.refresh_token.Reveal(),
                      .token = value};
  Call call;
  VK_ASSIGN_OR_RETURN(call.url, ExpandUrl(step.url(), variables));
  variables.url = call.url;
  call.method = MethodName(step.method(), "POST");
  call.encoding = step.encoding();
  if (!step.omit_token_parameter()) {
    SetParameter(
        call.parameters,
        step.token_parameter().empty() ? "token" : step.token_parameter(),
        value);
  }
  if (step.send_token_type_hint()) {
    SetParameter(call.parameters, "token_type_hint",
                 refresh ? "refresh_token" : "access_token");
  }
  VK_RETURN_IF_ERROR(Authenticate(step.has_client_authentication()
                                      ? step.client_authentication()
                                      : definition.client_authentication(),
                                  variables, call));
  VK_RETURN_IF_ERROR(
      AddParameters(step.parameters(), variables, call.parameters));
  VK_RETURN_IF_ERROR(AddHeaders(step.headers(), variables, call));
  return Finish(std::move(call));
}

template <class Rules>
bool Matches(const Rules& rules, int status, const std::string& code) {
  for (const RevocationRule& rule : rules) {
    const auto& statuses = rule.statuses();
    const auto& codes = rule.codes();
    if ((statuses.empty() || std::find(statuses.begin(), statuses.end(),
                                       status) != statuses.end()) &&
        (codes.empty() ||
         std::find(codes.begin(), codes.end(), code) != codes.end())) {
      return true;
    }
  }
  return false;
}

std::string Describe(absl::string_view what, const HttpResponse& response,
                     const std::string& code) {
  return absl::StrCat(what, " (status ", response.status,
                      code.empty() ? "" : ", code ", code, ")");
}

}  // namespace

absl::StatusOr<std::vector<RevokeStep>> RevokeSteps(
    const Definition& definition, const Client& client,
    const std::vector<TokenSet>& tokens, absl::Time now) {
  const Revocation& rules = definition.revocation();
  std::vector<RevokeStep> steps;
  for (const TokenSet& token : tokens) {
    if (rules.steps().empty()) {
      RevokeStep step;
      step.kind = token.refresh_token.empty() ? TokenKind::kAccessToken
                                              : TokenKind::kRefreshToken;
      step.token = token.name;
      step.unsupported =
          rules.unsupported().empty() ? kNoWay : rules.unsupported();
      steps.push_back(std::move(step));
      continue;
    }
    for (const RevocationStep& rule : rules.steps()) {
      const std::optional<TokenKind> kind = KindFor(rule, token);
      if (!kind.has_value()) continue;
      RevokeStep step;
      step.kind = *kind;
      step.token = token.name;
      step.ends_grant = rule.effect() == REVOCATION_EFFECT_GRANT;
      VK_ASSIGN_OR_RETURN(step.request,
                          Build(definition, rule, client, token, *kind, now));
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

RevokeResult ParseRevokeAnswer(const Definition& definition,
                               const HttpResponse& response) {
  const Revocation& rules = definition.revocation();
  const std::optional<Document> document = ReadBody(response, false);
  const Document* body = document.has_value() ? &*document : nullptr;
  const std::string code = body == nullptr ? "" : ErrorCode(definition, *body);
  if (IsSuccess(rules.success(), response, body)) {
    return {RevokeOutcome::kRevoked, ""};
  }
  if (Matches(rules.not_supported(), response.status, code) ||
      code == "unsupported_token_type") {
    return {RevokeOutcome::kUnsupported,
            rules.unsupported().empty()
                ? Describe("the provider does not revoke such tokens", response,
                           code)
                : rules.unsupported()};
  }
  const ProviderFailure failure =
      Classify(definition, std::nullopt, response, body, absl::Now(), {});
  if (failure.kind == FailureClass::kGrantDead ||
      Matches(rules.already_invalid(), response.status, code)) {
    return {RevokeOutcome::kAlreadyInvalid,
            "the provider no longer knew the token"};
  }
  return {RevokeOutcome::kFailed,
          Describe("the provider refused", response, code)};
}

}  // namespace valetkey::oauth
