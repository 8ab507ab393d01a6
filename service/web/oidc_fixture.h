// Signing in at an identity provider that is a function: the caller policy, the
// client and the session are the real ones.

#ifndef VALETKEY_WEB_OIDC_FIXTURE_H_
#define VALETKEY_WEB_OIDC_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/log.h"
#include "service/callers/callers_fixture.h"
#include "service/callers/oidc_client.h"
#include "service/web/oidc_sign_in.h"
#include "service/web/portal_test_support.h"

namespace valetkey::web {

class OidcTest : public callers::CallersTest {
 protected:
  // The provider is kIss, our client id there "valetkey".
  static constexpr char kOrigin[] = "https://tokens.example.com";

  OidcTest() {
    SetLogSink([this](absl::string_view line) {
      log_.append(line.data(), line.size());
    });
    http_.SetHandler(
        [this](const HttpRequest& request) { return Answer(request); });
    WriteRules(AdminRule());
    EXPECT_TRUE(Open().ok());
    MakeParts("");
  }
  ~OidcTest() override { SetLogSink(nullptr); }

  void MakeParts(const std::string& secret_file) {
    client_ = std::make_unique<callers::OidcClient>(
        *keeper_, clock_,
        callers::OidcOptions{
            .party = {.issuer = kIss,
                      .client_id = "valetkey",
                      .redirect_uri = absl::StrCat(kOrigin, kOidcCallbackPath),
                      .scopes = "openid email"},
            .client_secret_file = secret_file});
    session_ = std::make_unique<PortalSession>(
        sealer_, clock_,
        [](std::string) -> Task<callers::CallerOr> {
          co_return MakeError(Reason::kApiKeyInvalid, "the key is unknown");
        },
        [this](ServerRequest, ResponseWriter& writer,
               std::shared_ptr<const broker::Caller> caller) {
          return Rpc(writer, std::move(caller));
        },
        PortalSessionOptions{.public_origin = kOrigin,
                             .judge =
                                 [this](absl::string_view person) {
                                   return client_->Judge(person);
                                 },
                             .provider_host = "issuer.example"});
    sign_in_ = std::make_unique<OidcSignIn>(*client_, *session_, sealer_,
                                            clock_, Random::System(), kOrigin,
                                            /*secure=*/true);
  }

  static std::string AdminRule(absl::string_view group = "ops") {
    return absl::StrCat(
        "rules { name: \"operators\" jwt { issuer: \"cluster\" subject: \"**\" "
        "claims { key: \"groups\" value: \"",
        group,
        "\" } } grant { application: \"applications/system\" rights: "
        "RIGHT_ADMINISTER } }\n");
  }
  void WriteRules(const std::string& rules,
                  absl::string_view issuer = UrlIssuer()) {
    // Before: the keeper may be quick.
    if (keeper_ != nullptr) generation_ = keeper_->generation();
    WritePolicy(absl::StrCat(issuer, rules));
  }
  // The policy as WriteRules has left it; the parts stay as they are.
  void ReadPolicyAgain() {
    if (!running_) RunKeeper();
    running_ = true;
    keeper_->Wake();
    ASSERT_TRUE(
        Eventually([&] { return keeper_->generation() != generation_; }));
  }

  Task<void> Rpc(ResponseWriter& writer,
                 std::shared_ptr<const broker::Caller> caller) {
    called_by_ = std::move(caller);
    (co_await writer.Send(PlainResponse(200, "{}"))).IgnoreError();
  }

  // The provider's side.
  HttpResult Answer(const HttpRequest& request) {
    if (down_) return FakeHttpClient::Refused();
    if (absl::EndsWith(request.url, "openid-configuration")) {
      return FakeHttpClient::Answer(200, metadata_.dump());
    }
    if (absl::EndsWith(request.url, "/jwks")) {
      return FakeHttpClient::Answer(200, keys_->Jwks());
    }
    token_request_ = request;
    if (!token_error_.empty()) {
      return FakeHttpClient::Answer(
          400, absl::StrCat("{\"error\":\"", token_error_, "\"}"));
    }
    return FakeHttpClient::Answer(
        200,
        nlohmann::json{{"id_token", id_token_.empty() ? Token() : id_token_},
                       {"access_token", "canary-access"},
                       {"refresh_token", "canary-refresh"}}
            .dump());
  }
  // An ID token for the sign-in that began last.
  nlohmann::json Claims() const {
    const std::int64_t now = absl::ToUnixSeconds(clock_.Now());
    return {{"iss", kIss},
            {"sub", "ann-1"},
            {"aud", "valetkey"},
            {"nonce", nonce_},
            {"iat", now},
            {"exp", now + 300},
            {"name", "Ann Archer"},
            {"email", "ann@example.com"},
            {"groups", {"all", "ops"}}};
  }
  std::string Token() const {
    return keys_->Sign(identity::Algorithm::kEs256, Claims().dump());
  }

  // The browser's side: a jar of cookies.
  HttpResponse Get(absl::string_view path, absl::string_view query,
                   absl::string_view site, absl::string_view method = "GET") {
    std::vector<Header> headers = {{"Sec-Fetch-Site", std::string(site)}};
    if (!jar_.empty()) headers.push_back({"Cookie", jar_});
    ServerRequest request = MakeRequest(method, path, headers);
    request.query = std::string(query);
    RecordingWriter writer;
    Run(Finish(sign_in_->Serve(std::move(request), writer)));
    return std::move(writer.sent);
  }
  // Begins; the browser keeps the cookie, the provider the nonce.
  HttpResponse Start(absl::string_view query = "") {
    HttpResponse response = Get(kOidcStartPath, query, "same-origin");
    const std::string location = HeaderIn(response, "location");
    const QueryParameters parameters = ParseQuery(
        location.substr(std::min(location.find('?'), location.size() - 1) + 1));
    if (const std::string* state = FindParameter(parameters, "state")) {
      state_ = *state;
      nonce_ = *FindParameter(parameters, "nonce");
      jar_ = absl::StrCat(jar_, jar_.empty() ? "" : "; ",
                          CookiePair(HeaderIn(response, "set-cookie")));
    }
    return response;
  }
  HttpResponse Return(absl::string_view more = "&code=c-canary") {
    return Get(kOidcCallbackPath, absl::StrCat("state=", state_, more),
               "cross-site");
  }
  // The session's cookie of an answer; "" if it has none.
  static std::string SessionIn(const HttpResponse& response) {
    for (const auto& [name, value] : response.headers.fields()) {
      if (absl::EqualsIgnoreCase(name, "set-cookie") &&
          absl::StartsWith(value, "__Host-valetkey=")) {
        return CookiePair(value);
      }
    }
    return "";
  }
  std::string SignIn() {
    Start();
    return SessionIn(Return());
  }
  HttpResponse Describe(const std::string& session) {
    RecordingWriter writer;
    Run(Finish(session_->Serve(
        MakeRequest("GET", kSessionPath, {ours_, {"Cookie", session}}),
        writer)));
    return std::move(writer.sent);
  }
  HttpResponse Call(const std::string& session) {
    called_by_ = nullptr;
    RecordingWriter writer;
    Run(Finish(session_->Call(
        MakeRequest("POST", "/valetkey.v1.StatusService/GetStatus",
                    {ours_, {"Cookie", session}}, "{}"),
        writer)));
    return std::move(writer.sent);
  }
  static Task<bool> Finish(Task<void> task) {
    co_await std::move(task);
    co_return true;
  }

  const Header ours_{"Sec-Fetch-Site", "same-origin"};
  nlohmann::json metadata_ = {
      {"issuer", kIss},
      {"authorization_endpoint", "https://issuer.example/auth"},
      {"token_endpoint", "https://issuer.example/token"},
      {"jwks_uri", "https://keys.example/jwks"}};
  identity::TestSigner* keys_ = &old_;
  bool down_ = false;
  bool running_ = false;
  std::uint64_t generation_ = 0;
  std::string token_error_;
  std::string id_token_;  // "": a good one
  HttpRequest token_request_;
  std::string state_;
  std::string nonce_;
  std::string jar_;
  std::string log_;
  std::shared_ptr<const broker::Caller> called_by_;
  Sealer sealer_ = TestSealer();
  std::unique_ptr<callers::OidcClient> client_;
  std::unique_ptr<PortalSession> session_;
  std::unique_ptr<OidcSignIn> sign_in_;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_OIDC_FIXTURE_H_
