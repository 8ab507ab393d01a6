// Checks of what belongs together: all that has to do with tokens.

#include <algorithm>
#include <set>
#include <string>

#include "service/catalog/check.h"
#include "service/catalog/check_parts.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

void CheckClientAuthentication(const ClientAuthentication& how,
                               const Spot& spot) {
  const JwtAlgorithm algorithm = how.jwt().algorithm();
  switch (how.method()) {
    case CLIENT_AUTHENTICATION_METHOD_UNSPECIFIED:
      return spot.Fault("method", kRequired);
    case CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT:
    case CLIENT_AUTHENTICATION_METHOD_JWT_AS_SECRET:
      if (algorithm != JWT_ALGORITHM_RS256 &&
          algorithm != JWT_ALGORITHM_ES256) {
        spot.Fault("jwt",
                   "expected algorithm JWT_ALGORITHM_RS256 or "
                   "JWT_ALGORITHM_ES256");
      }
      break;
    case CLIENT_AUTHENTICATION_METHOD_CLIENT_SECRET_JWT:
      if (algorithm != JWT_ALGORITHM_HS256) {
        spot.Fault("jwt", "expected algorithm JWT_ALGORITHM_HS256");
      }
      break;
    case CLIENT_AUTHENTICATION_METHOD_HEADER:
      if (how.header_value().empty()) spot.Fault("header_value", kRequired);
      break;
    default:
      break;
  }
  if (how.jwt().lifetime().seconds() > 180 * 86400) {
    spot.Field("jwt").Fault("lifetime", "expected at most 180 days");
  }
}

void CheckResponse(const TokenResponse& response, const Spot& spot) {
  CheckSuccess(spot, response.success());
  CheckCaptures(spot, "pointer", response.captures());
  for (const char* field : {"expiries", "refresh_expiries"}) {
    const auto& list =
        field[0] == 'e' ? response.expiries() : response.refresh_expiries();
    for (int i = 0; i < list.size(); ++i) {
      if (list[i].pointer().empty()) {
        spot.Field(field, i).Fault("pointer", kRequired);
      }
    }
  }
  std::set<std::string> names;
  for (int i = 0; i < response.extra_tokens_size(); ++i) {
    const ExtraToken& extra = response.extra_tokens(i);
    const Spot token = spot.Field("extra_tokens", i);
    if (extra.name().empty()) {
      token.Fault("name", kRequired);
    } else if (!names.insert(extra.name()).second) {
      token.Fault("name", "there is one of that name already");
    }
    if (extra.base_pointer().empty()) token.Fault("base_pointer", kRequired);
    if (extra.has_at_root_when() && extra.at_root_when().pointer().empty()) {
      token.Field("at_root_when").Fault("pointer", kRequired);
    }
  }
  if (response.main_token_optional() && response.extra_tokens().empty()) {
    spot.Fault("main_token_optional", "needs extra_tokens");
  }
}

void CheckToken(const Definition& definition, const Spot& root) {
  if (!definition.has_client_authentication()) {
    root.Fault("client_authentication", kRequired);
  } else {
    CheckClientAuthentication(definition.client_authentication(),
                              root.Field("client_authentication"));
  }
  if (!definition.has_token()) return root.Fault("token", kRequired);
  const TokenEndpoint& token = definition.token();
  const Spot spot = root.Field("token");
  if (token.url().empty()) spot.Fault("url", kRequired);
  CheckEncoding(spot, token.method(), token.encoding());
  CheckParameters(spot, "parameters", token.parameters());
  CheckParameters(spot, "headers", token.headers());
  CheckRenames(spot, token.renames());
  CheckParameters(root.Field("client_probe"), "parameters",
                  definition.client_probe().parameters());
  CheckResponse(definition.response(), root.Field("response"));

  for (int i = 0; i < definition.post_exchange_size(); ++i) {
    const PostExchange& hop = definition.post_exchange(i);
    const Spot hop_spot = root.Field("post_exchange", i);
    if (hop.url().empty()) hop_spot.Fault("url", kRequired);
    const RefreshKind kind = definition.refresh().kind();
    if (hop.timing() == POST_EXCHANGE_TIMING_ALWAYS &&
        kind != REFRESH_KIND_UNSPECIFIED &&
        kind != REFRESH_KIND_REFRESH_TOKEN) {
      hop_spot.Fault("timing",
                     "POST_EXCHANGE_TIMING_ALWAYS needs "
                     "REFRESH_KIND_REFRESH_TOKEN");
    }
    CheckEncoding(hop_spot, hop.method(), hop.encoding());
    CheckParameters(hop_spot, "parameters", hop.parameters());
    CheckParameters(hop_spot, "headers", hop.headers());
    const Spot response = hop_spot.Field("response");
    CheckResponse(hop.response(), response);
    if (!hop.response().extra_tokens().empty()) {
      response.Fault("extra_tokens", "expected none here", 0);
    }
  }
}

void CheckRefresh(const Definition& definition, const Spot& root) {
  const Refresh& refresh = definition.refresh();
  const Spot spot = root.Field("refresh");
  CheckEncoding(spot, refresh.method(), refresh.encoding());
  CheckParameters(spot, "parameters", refresh.parameters());
  CheckParameters(spot, "headers", refresh.headers());
  CheckRenames(spot, refresh.renames());
  if (refresh.kind() == REFRESH_KIND_EXTEND &&
      !definition.lifetimes().has_access()) {
    spot.Fault("kind", "REFRESH_KIND_EXTEND needs lifetimes.access");
  }
  if (refresh.kind() == REFRESH_KIND_ACCESS_TOKEN &&
      refresh.parameters().empty() && refresh.headers().empty()) {
    spot.Fault("kind",
               "REFRESH_KIND_ACCESS_TOKEN needs parameters or headers that "
               "carry {access_token}");
  }
  if (refresh.send_scope() &&
      !definition.authorization().extra_scope_parameters().empty()) {
    spot.Fault("send_scope",
               "is not supported beside authorization.extra_scope_parameters");
  }
  const Lifetimes& lifetimes = definition.lifetimes();
  if (lifetimes.has_keepalive_before() &&
      (!lifetimes.has_refresh_idle() ||
       lifetimes.keepalive_before().seconds() >=
           lifetimes.refresh_idle().seconds())) {
    root.Field("lifetimes")
        .Fault("keepalive_before", "expected less than refresh_idle");
  }
}

void CheckVerification(const Definition& definition, const Spot& root) {
  if (definition.has_discovery()) {
    const Discovery& discovery = definition.discovery();
    const Spot spot = root.Field("discovery");
    if (discovery.url().empty()) spot.Fault("url", kRequired);
    if (discovery.id_pointer().empty()) spot.Fault("id_pointer", kRequired);
    const auto& inputs = definition.inputs();
    if (!discovery.tenant_input().empty() &&
        std::none_of(inputs.begin(), inputs.end(), [&](const Input& input) {
          return input.name() == discovery.tenant_input() && !input.secret() &&
                 (input.source() == INPUT_SOURCE_USER ||
                  input.source() == INPUT_SOURCE_OPERATOR);
        })) {
      spot.Fault("tenant_input",
                 "expected an input that a person or an operator gives, and "
                 "that is not secret");
    }
    if (discovery.choice() == DISCOVERY_CHOICE_ASK &&
        discovery.tenant_input().empty()) {
      spot.Fault("choice", "DISCOVERY_CHOICE_ASK needs tenant_input");
    }
  }
  if (!definition.has_verification()) return;
  const Verification& verification = definition.verification();
  const Spot spot = root.Field("verification");
  if (verification.url().empty()) spot.Fault("url", kRequired);
  if (verification.id_pointer().empty()) spot.Fault("id_pointer", kRequired);
  CheckParameters(spot, "headers", verification.headers());
  CheckSuccess(spot, verification.success());
  CheckCaptures(spot, "pointer", verification.captures());
  if (!verification.body().empty()) {
    if (verification.method() == HTTP_METHOD_UNSPECIFIED ||
        verification.method() == HTTP_METHOD_GET) {
      spot.Fault("body", "GET has no body: expected another method");
    }
    if (verification.content_type().empty()) {
      spot.Fault("body", "needs content_type");
    }
  }
}

void CheckRevocation(const Definition& definition, const Spot& root) {
  if (!definition.has_revocation()) return;
  const Revocation& revocation = definition.revocation();
  const Spot spot = root.Field("revocation");
  if (revocation.steps().empty() && revocation.unsupported().empty()) {
    spot.Fault("unsupported", "is required without steps");
  }
  CheckSuccess(spot, revocation.success());
  for (int i = 0; i < revocation.steps_size(); ++i) {
    const RevocationStep& step = revocation.steps(i);
    const Spot step_spot = spot.Field("steps", i);
    if (step.url().empty()) step_spot.Fault("url", kRequired);
    if (step.token() == REVOKED_TOKEN_UNSPECIFIED) {
      step_spot.Fault("token", kRequired);
    }
    CheckEncoding(step_spot, step.method(), step.encoding());
    CheckParameters(step_spot, "parameters", step.parameters());
    CheckParameters(step_spot, "headers", step.headers());
    if (step.has_client_authentication()) {
      CheckClientAuthentication(step.client_authentication(),
                                step_spot.Field("client_authentication"));
    }
  }
  for (const char* field : {"already_invalid", "not_supported"}) {
    const auto& rules = field[0] == 'a' ? revocation.already_invalid()
                                        : revocation.not_supported();
    for (int i = 0; i < rules.size(); ++i) {
      if (rules[i].codes().empty() && rules[i].statuses().empty()) {
        spot.Fault(field, "expected codes or statuses", i);
      }
    }
  }
}

void CheckErrors(const Definition& definition, const Spot& root) {
  const ErrorMap& errors = definition.errors();
  for (int i = 0; i < errors.rules_size(); ++i) {
    const ErrorRule& rule = errors.rules(i);
    const Spot spot = root.Field("errors").Field("rules", i);
    if (rule.error_class() == ERROR_CLASS_UNSPECIFIED) {
      spot.Fault("error_class", kRequired);
    }
    if (rule.codes().empty() && rule.statuses().empty()) {
      root.Field("errors").Fault("rules", "expected codes or statuses", i);
    }
  }
}

}  // namespace

void CheckTokenFlows(const Definition& definition, const Spot& root) {
  CheckToken(definition, root);
  CheckRefresh(definition, root);
  CheckVerification(definition, root);
  CheckRevocation(definition, root);
  CheckErrors(definition, root);
}

}  // namespace valetkey::catalog
