// Whose token is it: a call to the provider's API (RFC 6750 section 2.1).

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

using ::valetkey::catalog::v1::Verification;

constexpr std::size_t kMaxAccountText = 256;

// What cannot be told (no scopes in the answer) is tried.
bool MayCall(const Verification& rules, const TokenSet& token) {
  if (rules.any_scopes().empty() || !token.scopes.has_value()) return true;
  return std::any_of(rules.any_scopes().begin(), rules.any_scopes().end(),
                     [&](const std::string& scope) {
                       return std::find(token.scopes->begin(),
                                        token.scopes->end(),
                                        scope) != token.scopes->end();
                     });
}

absl::StatusOr<HttpRequest> Build(const Definition& definition,
                                  const Client& client, const TokenSet& token) {
  const Verification& rules = definition.verification();
  const Variables variables{.definition = definition,
                            .client = client,
                            .now = absl::Now(),
                            .access_token = token.access_token.Reveal()};
  Call call;
  VK_ASSIGN_OR_RETURN(call.url, ExpandUrl(rules.url(), variables));
  call.method = MethodName(rules.method(), "GET");
  call.encoding = ::valetkey::catalog::v1::ENCODING_QUERY;
  if (!rules.omit_authorization()) {
    VK_ASSIGN_OR_RETURN(
        const std::string value,
        Expand(rules.authorization().empty() ? "Bearer {access_token}"
                                             : rules.authorization(),
               variables));
    SetHeader(call, "Authorization", value);
  }
  if (!rules.content_type().empty()) {
    SetHeader(call, "Content-Type", rules.content_type());
  }
  VK_RETURN_IF_ERROR(AddHeaders(rules.headers(), variables, call));
  VK_ASSIGN_OR_RETURN(
      std::string body,
      Expand(rules.body(), variables,
             absl::StrContains(rules.content_type(), "json") ? Escape::kJson
                                                             : Escape::kNone));
  VK_ASSIGN_OR_RETURN(HttpRequest request, Finish(std::move(call)));
  request.body = std::move(body);
  return request;
}

}  // namespace

absl::Status LookupError(const Definition& definition,
                         const HttpResponse& response, const Document* body,
                         absl::string_view what) {
  const ProviderFailure failure =
      Classify(definition, std::nullopt, response, body, absl::Now(), {});
  ErrorMetadata metadata = {{"status", absl::StrCat(response.status)}};
  if (!failure.code.empty()) {
    metadata.emplace_back("provider_error", failure.code);
  }
  // A rate limit says nothing of the token.
  if (failure.kind == FailureClass::kThrottled) {
    return MakeError(Reason::kProviderThrottled,
                     "the provider limits the rate of calls",
                     std::move(metadata), failure.retry_after);
  }
  if (failure.kind == FailureClass::kUnavailable) {
    return MakeError(Reason::kProviderUnavailable,
                     absl::StrCat("the provider cannot tell ", what, " now"),
                     std::move(metadata), failure.retry_after);
  }
  return MakeError(Reason::kProviderResponseInvalid,
                   absl::StrCat("the provider does not tell ", what),
                   std::move(metadata));
}

std::optional<HttpRequest> VerifyRequest(const Definition& definition,
                                         const Client& client,
                                         const TokenSet& token) {
  if (!definition.has_verification() ||
      !MayCall(definition.verification(), token)) {
    return std::nullopt;
  }
  absl::StatusOr<HttpRequest> request = Build(definition, client, token);
  if (!request.ok()) return std::nullopt;
  return *std::move(request);
}

absl::StatusOr<Account> ParseAccount(const Definition& definition,
                                     const HttpResponse& response) {
  const Verification& rules = definition.verification();
  const std::optional<Document> document = ReadBody(response, false);
  const Document* body = document.has_value() ? &*document : nullptr;
  if (!IsSuccess(rules.success(), response, body)) {
    return LookupError(definition, response, body, "whose token it is");
  }
  Account account;
  if (body != nullptr) {
    account.id = body->Text(rules.id_pointer()).value_or("");
    for (const std::string& pointer : rules.display_name_pointers()) {
      account.display_name = body->Text(pointer).value_or("");
      if (!account.display_name.empty()) break;
    }
  }
  if (account.id.empty() || account.id.size() > kMaxAccountText) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the provider's answer names no account");
  }
  if (account.display_name.size() > kMaxAccountText) {
    account.display_name.clear();
  }
  for (const auto& capture : rules.captures()) {
    std::string value = body->Text(capture.pointer()).value_or("");
    if (!value.empty() && value.size() <= kMaxAccountText) {
      account.metadata[capture.name()] = std::move(value);
    }
  }
  return account;
}

}  // namespace valetkey::oauth
