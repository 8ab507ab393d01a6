// Authorize: the URI that a person is sent to, and what is kept until they
// come back.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/fault_point.h"
#include "service/base/name.h"
#include "service/broker/admin.h"
#include "service/broker/impl.h"
#include "service/broker/inputs.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

// 160 bits would do; 32 bytes make 43 characters (RFC 6749 section 10.10).
constexpr std::size_t kStateBytes = 32;

std::string NewConnectionId(Random& random) {
  // Lower-case letters and digits without those that look alike.
  static constexpr char kAlphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
  std::string id = "c-";
  for (const char byte : random.Bytes(20)) {
    id += kAlphabet[static_cast<unsigned char>(byte) % 32];
  }
  return id;
}

}  // namespace

Task<absl::StatusOr<AuthorizeResult>> Broker::Impl::Authorize(
    AuthorizeParameters parameters) {
  if (closing) {
    co_return MakeError(Reason::kServerShuttingDown,
                        "the server is shutting down", {}, absl::Seconds(1));
  }
  VK_CO_ASSIGN_OR_RETURN(std::shared_ptr<const ProviderContext> provider,
                         co_await providers.Get(parameters.provider));
  const std::string application(ApplicationOf(parameters.provider));

  store::Authorization authorization;
  if (!parameters.connection.empty()) {
    VK_CO_ASSIGN_OR_RETURN(
        auto existing, co_await d.store.GetConnection(parameters.connection));
    if (!existing || existing->application != application) {
      co_return MakeError(Reason::kConnectionNotFound,
                          "there is no such connection",
                          {{"connection", parameters.connection}});
    }
    if (existing->provider != parameters.provider) {
      co_return InvalidField(
          "connection",
          absl::StrCat("a connection of this provider; it is one of ",
                       existing->provider));
    }
    if (!parameters.subject.empty() &&
        parameters.subject != existing->subject) {
      co_return InvalidField("subject",
                             "nothing, or the connection's own subject");
    }
    authorization.reauthorize = true;
    authorization.inputs = existing->inputs;
    authorization.subject = existing->subject;
    authorization.connection = existing->name;
  } else {
    if (parameters.subject.empty()) {
      co_return InvalidField("subject", "your own id of the person");
    }
    authorization.subject = parameters.subject;
    authorization.connection =
        ChildName(application, "connections", NewConnectionId(d.random));
  }
  VK_CO_RETURN_IF_ERROR(CheckLabels("labels", parameters.labels));
  // What is not given anew stays as the connection has it.
  VK_CO_ASSIGN_OR_RETURN(
      Inputs inputs,
      SealInputs(*provider->definition, d.sealer, authorization.connection,
                 parameters.inputs, authorization.inputs));
  inputs.merge(authorization.inputs);
  authorization.inputs = std::move(inputs);
  if (!parameters.return_uri.empty()) {
    VK_CO_ASSIGN_OR_RETURN(auto owner,
                           co_await d.store.GetApplication(application));
    // Compared as it is written: anything cleverer is a way around it.
    if (!owner ||
        std::find(owner->return_uris.begin(), owner->return_uris.end(),
                  parameters.return_uri) == owner->return_uris.end()) {
      co_return InvalidField(
          "return_uri",
          "one of the application's registered return URIs, character for "
          "character");
    }
  }

  const std::string state = Base64UrlEncode(d.random.Bytes(kStateBytes));
  authorization.name = HexEncode(Sha256(state));
  authorization.application = application;
  authorization.provider = parameters.provider;
  authorization.labels = parameters.labels;
  authorization.return_uri = parameters.return_uri;
  authorization.redirect_uri = provider->record.redirect_uri.empty()
                                   ? options.public_url + "/oauth/callback"
                                   : provider->record.redirect_uri;
  authorization.scopes = parameters.scopes;
  if (authorization.scopes.empty()) {
    authorization.scopes = provider->record.scopes;
  }
  if (authorization.scopes.empty()) {
    const auto& defaults =
        provider->definition->authorization().default_scopes();
    authorization.scopes.assign(defaults.begin(), defaults.end());
  }

  authorization.extra_parameters = parameters.extra_parameters;

  SecretString verifier;
  if (provider->UsesPkce()) {
    verifier = oauth::NewVerifier(d.random);
    authorization.verifier_sealed =
        d.sealer.Seal(verifier, VerifierAssociatedData(authorization.name));
  }
  AuthorizeResult result;
  VK_CO_ASSIGN_OR_RETURN(
      result.authorization_uri,
      AuthorizationUriOf(*provider, authorization, state, verifier));

  store::RowKeys keys;
  keys.authorization = authorization.name;
  const absl::Duration lifetime = options.authorization_lifetime;
  auto rows = co_await d.store.Update(
      keys, [authorization, lifetime](store::Rows& row) {
        row.authorization = authorization;
        row.authorization->create_time = row.now;
        row.authorization->expire_time = row.now + lifetime;
        return absl::OkStatus();
      });
  if (!rows.ok()) co_return rows.status();
  FaultPoint("authorize.after_commit");
  result.state = state;
  result.expire_time = rows->authorization->expire_time;
  result.connection = authorization.connection;
  result.connect_uri = absl::StrCat(options.public_url, "/connect/", state);
  co_return result;
}

absl::StatusOr<std::string> Broker::Impl::AuthorizationUriOf(
    const ProviderContext& provider, const store::Authorization& authorization,
    const std::string& state, const SecretString& verifier) const {
  oauth::AuthorizationParameters request;
  request.redirect_uri = authorization.redirect_uri;
  request.state = state;
  request.scopes = authorization.scopes;
  request.extra = authorization.extra_parameters;
  if (!verifier.empty()) {
    request.code_challenge = oauth::ChallengeS256(verifier);
  }
  VK_ASSIGN_OR_RETURN(const oauth::Client client,
                      provider.ClientFor(d.sealer, authorization.connection,
                                         authorization.inputs, {}));
  VK_ASSIGN_OR_RETURN(
      std::string uri,
      oauth::AuthorizationUri(*provider.definition, client, request));
  return options.browser_uri ? options.browser_uri(uri) : uri;
}

}  // namespace valetkey::broker
