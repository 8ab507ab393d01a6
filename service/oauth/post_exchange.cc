// A second hop after the exchange, for a token that lives longer (Facebook,
// Instagram, Threads), or, after each refresh too, for the session that the
// API takes (Bullhorn).

#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"
#include "service/oauth/token_answer.h"

namespace valetkey::oauth {

std::vector<int> PostExchangeHops(const Definition& definition, Leg leg) {
  std::vector<int> hops;
  for (int hop = 0; hop < definition.post_exchange_size(); ++hop) {
    if (leg == Leg::kExchange || IsHopNeeded(definition, hop)) {
      hops.push_back(hop);
    }
  }
  return hops;
}

bool IsHopNeeded(const Definition& definition, int hop) {
  return definition.post_exchange(hop).timing() ==
         ::valetkey::catalog::v1::POST_EXCHANGE_TIMING_ALWAYS;
}

absl::StatusOr<HttpRequest> PostExchangeRequest(const Definition& definition,
                                                int hop, const Client& client,
                                                const TokenAnswer& so_far,
                                                absl::Time now) {
  const auto& rules = definition.post_exchange(hop);
  if (so_far.tokens.empty()) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the provider has given no token");
  }
  const TokenSet& token = so_far.tokens.front();
  Variables variables{.definition = definition,
                      .client = client,
                      .now = now,
                      .token_answer = &so_far.metadata,
                      .access_token = token.access_token.Reveal(),
                      .refresh_token = token.refresh_token.Reveal()};
  Call call;
  VK_ASSIGN_OR_RETURN(call.url, ExpandUrl(rules.url(), variables));
  variables.url = call.url;
  call.method = MethodName(rules.method(), "GET");
  call.encoding = rules.encoding();
  VK_RETURN_IF_ERROR(
      AddParameters(rules.parameters(), variables, call.parameters));
  VK_RETURN_IF_ERROR(AddHeaders(rules.headers(), variables, call));
  return Finish(std::move(call));
}

std::optional<ProviderFailure> MergePostExchange(const Definition& definition,
                                                 int hop, const Client& client,
                                                 const HttpResponse& response,
                                                 absl::Time now,
                                                 TokenAnswer& so_far) {
  const auto& rules = definition.post_exchange(hop).response();
  std::vector<absl::string_view> secrets = SecretsOf(client);
  for (const TokenSet& token : so_far.tokens) {
    secrets.push_back(token.access_token.Reveal());
    secrets.push_back(token.refresh_token.Reveal());
  }
  const std::optional<Document> document =
      ReadBody(response, rules.allow_form());
  const Document* body = document.has_value() ? &*document : nullptr;
  std::optional<TokenAnswer> answer;
  if (body != nullptr && IsSuccess(rules.success(), response, body)) {
    answer = ReadTokens(definition, rules, Purpose::kPostExchange, *body, now);
  }
  if (!answer.has_value() || so_far.tokens.empty()) {
    return Classify(definition, Leg::kExchange, response, body, now, secrets);
  }
  TokenSet& old = so_far.tokens.front();
  TokenSet& fresh = answer->tokens.front();
  // What the hop does not say stays as the exchange said it.
  if (fresh.refresh_token.empty()) {
    fresh.refresh_token = std::move(old.refresh_token);
    fresh.refresh_expire_time = old.refresh_expire_time;
  }
  if (!fresh.scopes.has_value()) fresh.scopes = std::move(old.scopes);
  old = std::move(fresh);
  for (auto& [name, value] : answer->metadata) {
    so_far.metadata[name] = std::move(value);
  }
  return std::nullopt;
}

}  // namespace valetkey::oauth
