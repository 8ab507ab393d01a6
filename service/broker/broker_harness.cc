#include "service/broker/broker_harness.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/url.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {

HttpResult SimulatedPinterest::Denied() {
  return FakeHttpClient::Answer(
      401,
      R"({"code":2,"message":"Authentication failed.","status":"failure"})");
}

HttpResult SimulatedPinterest::Tokens(const std::string& grant) {
  const int number = ++issued_;
  const std::string refresh = absl::StrCat("pinr_", number);
  live_.insert(refresh);
  return FakeHttpClient::Answer(
      200, absl::StrCat(
               R"({"access_token":"pina_)", number,
               R"(","token_type":"bearer",)", R"("response_type":")", grant,
               R"(","expires_in":)", absl::ToInt64Seconds(access_life),
               R"(,"scope":"boards:read user_accounts:read","refresh_token":")",
               refresh, R"(","refresh_token_expires_in":5184000})"));
}

HttpResult SimulatedPinterest::Handle(const HttpRequest& request) {
  if (absl::StrContains(request.url, "/v5/user_account")) {
    return FakeHttpClient::Answer(
        200, R"({"id":"4711","username":"ann_pins","account_type":"PINNER"})");
  }
  if (absl::StrContains(request.url, "/revoke")) {
    ++revocations;
    return FakeHttpClient::Answer(
        403, R"({"code":29,"message":"not a system user"})");
  }
  const std::string* authorization = request.headers.Find("Authorization");
  const bool client_ok =
      authorization != nullptr &&
      *authorization == absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(
                                                   "1234:", secret)));
  const QueryParameters form = ParseQuery(request.body);
  const std::string* grant = FindParameter(form, "grant_type");
  if (grant == nullptr) return FakeHttpClient::Answer(400, "{}");
  if (*grant == "client_credentials") {
    ++probes;
    if (!client_ok || !probe_allowed) return Denied();
    return FakeHttpClient::Answer(
        200,
        R"({"access_token":"pinc_1","token_type":"bearer","expires_in":60,)"
        R"("scope":"user_accounts:read"})");
  }
  HttpResult answer;
  if (*grant == "authorization_code") {
    ++exchanges;
    const std::string* code = FindParameter(form, "code");
    if (!client_ok || code == nullptr || !used_codes_.insert(*code).second) {
      answer = Denied();
    } else if (instead.empty() || after_rotation) {
      answer = Tokens("authorization_code");
    } else {
      used_codes_.erase(*code);
    }
  } else {
    ++refreshes;
    const std::string* token = FindParameter(form, "refresh_token");
    if (token != nullptr) ++presented[*token];
    if (!client_ok || token == nullptr || !live_.contains(*token)) {
      answer = Denied();
    } else if (instead.empty() || after_rotation) {
      if (!keep_refresh_token) live_.erase(*token);
      answer = Tokens("refresh_token");
    }
  }
  if (!instead.empty()) {
    answer = instead.front();
    instead.erase(instead.begin());
  }
  return answer;
}

BrokerHarness::BrokerHarness(std::function<void(BrokerOptions&)> adjust)
    : adjust_(std::move(adjust)) {
  http.SetHandler(
      [this](const HttpRequest& request) { return pinterest.Handle(request); });
  // Read once for all tests; a copy shares the definitions.
  static const auto* const kBuiltIn =
      new catalog::Catalog(*catalog::Catalog::Load(""));
  catalog = std::make_unique<catalog::Catalog>(*kBuiltIn);
  sealer = std::make_unique<Sealer>(
      *Keyring::Parse("k-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"),
      random);
  store::RowKeys keys;
  keys.application = kApplication;
  keys.provider = kProvider;
  auto made = store.UpdateNow(keys, [this](store::Rows& rows) {
    rows.application = store::Application{
        .name = kApplication,
        .display_name = "The Shop",
        .return_uris = {"https://shop.example.com/connected"}};
    rows.provider = store::Provider{
        .name = kProvider,
        .application = kApplication,
        .catalog_entry = "catalog/pinterest",
        .client_id = "1234",
        .client_secret_sealed = sealer->Seal(
            SecretString("s3cret"), ClientSecretAssociatedData(kProvider))};
    return absl::OkStatus();
  });
  if (!made.ok()) abort();
  StartBroker();
}

BrokerHarness::~BrokerHarness() {
  http.ReleaseAll();
  broker->Shutdown(absl::Seconds(30));
}

void BrokerHarness::StartBroker() {
  memory = std::make_unique<cache::MemoryCache>(cache::MemoryCacheOptions{});
  BrokerOptions options;
  options.instance = absl::StrCat("replica-", ++starts_);
  options.public_url = "https://tokens.example.com";
  options.settle = absl::ZeroDuration();
  if (adjust_) adjust_(options);
  broker = std::make_unique<Broker>(BrokerDependencies{.store = store,
                                                       .memory = *memory,
                                                       .http = http,
                                                       .catalog = *catalog,
                                                       .sealer = *sealer,
                                                       .clock = clock,
                                                       .random = random,
                                                       .reactors = reactors,
                                                       .metrics = metrics},
                                    options);
}

void BrokerHarness::Restart() {
  broker->Shutdown(absl::Seconds(30));
  StartBroker();
}

absl::StatusOr<AuthorizeResult> BrokerHarness::Authorize(
    const std::string& subject) {
  AuthorizeParameters parameters;
  parameters.provider = kProvider;
  parameters.subject = subject;
  parameters.scopes = {"boards:read", "user_accounts:read"};
  return Run(broker->Authorize(parameters));
}

absl::StatusOr<ExchangeResult> BrokerHarness::Exchange(
    const std::string& state, const std::string& code) {
  ExchangeParameters parameters;
  parameters.state = state;
  parameters.code = code;
  return Run(broker->Exchange(kApplication, parameters));
}

std::string BrokerHarness::Connect(const std::string& subject) {
  auto authorized = Authorize(subject);
  if (!authorized.ok()) return authorized.status().ToString();
  auto exchanged = Exchange(authorized->state, pinterest.NewCode());
  if (!exchanged.ok()) return exchanged.status().ToString();
  // The account is asked for in the background. Tests that hold back answers,
  // or let the store fail, mean what comes after it.
  const std::string& name = exchanged->connection;
  if (!Eventually([&] { return !Stored(name).account_id.empty(); })) {
    return "the account is not known";
  }
  return name;
}

absl::StatusOr<TokenView> BrokerHarness::GetToken(const std::string& name) {
  GetTokenParameters parameters;
  parameters.name = name;
  return GetToken(parameters);
}

absl::StatusOr<TokenView> BrokerHarness::GetToken(
    GetTokenParameters parameters) {
  if (auto ready = broker->TryGetToken(parameters)) return *ready;
  return Run(broker->GetToken(parameters, absl::Now() + absl::Seconds(20)));
}

absl::StatusOr<TokenView> BrokerHarness::Refresh(const std::string& name,
                                                 std::int64_t generation) {
  RefreshParameters parameters;
  parameters.name = name;
  parameters.generation = generation;
  return Run(broker->Refresh(parameters, absl::Now() + absl::Seconds(20)));
}

absl::StatusOr<RevokeResult> BrokerHarness::Revoke(const std::string& name) {
  return Run(broker->Revoke(name));
}

store::Connection BrokerHarness::Stored(const std::string& name) {
  return store.FindConnection(name).value_or(store::Connection{});
}

int BrokerHarness::EventCount(store::EventType type) {
  int count = 0;
  for (const store::Event& event : store.events()) {
    if (event.type == type) ++count;
  }
  return count;
}

bool BrokerHarness::Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace valetkey::broker
