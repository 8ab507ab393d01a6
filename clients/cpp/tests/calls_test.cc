// Calls: the retry table, deadlines, names, lists.

#include <vector>

#include "absl/strings/match.h"
#include "tests/fixture.h"

namespace valetkey::client {
namespace {

class CallsTest : public FakeTest {
 protected:
  CallsTest()
      : FakeTest([] {
          FakeOptions options;
          options.api_key = "vk_canary";
          return options;
        }()) {
    fake_.SetToken("c-7", "secret-1");
  }

  static v1::GetTokenRequest Request(const std::string& name = "c-7") {
    v1::GetTokenRequest request;
    request.set_name(name);
    return request;
  }
  Pending<Token> GetToken(const CallOptions& options = {}) {
    Pending<Token> pending;
    client_.GetToken(Request(), options, pending.Done());
    return pending;
  }
};

TEST_F(CallsTest, GetTokenGivesAToken) {
  FakeTokenOptions options;
  options.scopes = {"pins:read"};
  fake_.SetToken("c-7", "secret-2", options);
  const auto token = client_.GetToken(Request());
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->access_token(), "secret-2");
  EXPECT_EQ(token->authorization(), "Bearer secret-2");
  EXPECT_EQ(token->generation(), 2);
  EXPECT_EQ(token->scopes(), options.scopes);
  EXPECT_EQ(token->expire_time(), scheduler_->Now() + absl::Hours(1));
  EXPECT_EQ(fake_.TokenRequests().back().name(),
            "applications/shop/connections/c-7");
}

TEST_F(CallsTest, UnavailableWithRetryInfoWaitsThatLong) {
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 1, absl::Seconds(3));
  const auto token = GetToken();
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(3)));
  scheduler_->Advance(absl::Seconds(3) - absl::Milliseconds(1));
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
  scheduler_->Advance(absl::Milliseconds(1));
  EXPECT_TRUE(token.Await().ok());
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(CallsTest, UnavailableWithoutRetryInfoBacksOff) {
  fake_.Fail("GetToken", Unreached(), 3);
  scheduler_->SetRandom(0.5);
  const auto token = GetToken();
  for (const int wait : {100, 200, 400}) {
    ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(wait))) << wait;
    scheduler_->Advance(absl::Milliseconds(wait));
  }
  EXPECT_TRUE(token.Await().ok());
  EXPECT_EQ(fake_.Calls("GetToken"), 4);
}

TEST_F(CallsTest, AWaitBeyondTheDeadlineFailsAtOnceWithThatWait) {
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 1, absl::Seconds(10));
  const auto token = client_.GetToken(Request(), Within(absl::Seconds(10)));
  ASSERT_TRUE(absl::IsUnavailable(token.status())) << token.status();
  EXPECT_EQ(GetError(token.status()).reason, "PROVIDER_THROTTLED");
  EXPECT_EQ(RetryDelayOf(token.status()), absl::Seconds(10));
  EXPECT_EQ(fake_.Calls("GetToken"), 1);

  // The library's own wait is told likewise.
  fake_.Fail("GetToken", Unreached());
  const auto own = client_.GetToken(Request(), Within(absl::Milliseconds(90)));
  EXPECT_EQ(RetryDelayOf(own.status()), absl::Milliseconds(100));
  EXPECT_EQ(GetError(own.status()).reason, "");
}

TEST_F(CallsTest, OtherCodesFailAtOnce) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
        absl::StatusCode::kFailedPrecondition, absl::StatusCode::kAborted,
        absl::StatusCode::kInternal, absl::StatusCode::kUnknown,
        absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kDeadlineExceeded,
        absl::StatusCode::kPermissionDenied}) {
    const int before = fake_.Calls("GetToken");
    fake_.Fail("GetToken", Failure(code));
    EXPECT_EQ(client_.GetToken(Request()).status().code(), code);
    EXPECT_EQ(fake_.Calls("GetToken"), before + 1);
  }
}

TEST_F(CallsTest, WhatIsNotRepeatableIsNotRepeated) {
  const std::vector<
      std::pair<const char*, std::function<absl::Status(const CallOptions&)>>>
      calls = {
          {"Refresh",
           [&](const CallOptions& o) {
             v1::RefreshRequest request;
             request.set_name("c-7");
             return client_.Refresh(request, o).status();
           }},
          {"UpdateConnection",
           [&](const CallOptions& o) {
             return client_.UpdateConnection({}, o).status();
           }},
          {"DeleteConnection",
           [&](const CallOptions& o) {
             return client_.DeleteConnection({}, o).status();
           }},
          {"CreateProvider",
           [&](const CallOptions& o) {
             return client_.CreateProvider({}, o).status();
           }},
          {"UpdateProvider",
           [&](const CallOptions& o) {
             return client_.UpdateProvider({}, o).status();
           }},
          {"DeleteProvider",
           [&](const CallOptions& o) {
             return client_.DeleteProvider({}, o).status();
           }},
          {"CreateApplication",
           [&](const CallOptions& o) {
             return client_.CreateApplication({}, o).status();
           }},
          {"UpdateApplication",
           [&](const CallOptions& o) {
             return client_.UpdateApplication({}, o).status();
           }},
          {"DeleteApplication",
           [&](const CallOptions& o) {
             return client_.DeleteApplication({}, o).status();
           }},
          {"CreateKey",
           [&](const CallOptions& o) {
             return client_.CreateKey({}, o).status();
           }},
      };
  for (const auto& [method, call] : calls) {
    fake_.Fail(method, Unreached());
    const absl::Status status = call({});
    EXPECT_TRUE(absl::IsUnavailable(status)) << method << ": " << status;
    EXPECT_EQ(fake_.Calls(method), 1) << method;
  }
}

TEST_F(CallsTest, WhatIsRepeatableIsRepeated) {
  v1::RefreshRequest refresh;
  refresh.set_name("c-7");
  refresh.set_generation(1);
  const CallOptions options;
  // Each call, with a callback that only counts.
  int ends = 0;
  internal::Mutex mutex;
  const auto count = [&](const auto&) {
    const internal::MutexLock lock(mutex);
    ++ends;
  };
  const std::vector<std::pair<const char*, std::function<void()>>> calls = {
      {"GetToken", [&] { client_.GetToken(Request(), options, count); }},
      {"Refresh", [&] { client_.Refresh(refresh, options, count); }},
      {"Exchange", [&] { client_.Exchange({}, options, count); }},
      {"Revoke", [&] { client_.Revoke({}, options, count); }},
      {"RevokeKey", [&] { client_.RevokeKey({}, options, count); }},
      {"Authorize", [&] { client_.Authorize({}, options, count); }},
      {"GetConnection", [&] { client_.GetConnection({}, options, count); }},
      {"ListConnections", [&] { client_.ListConnections({}, options, count); }},
      {"GetProvider", [&] { client_.GetProvider({}, options, count); }},
      {"ListProviders", [&] { client_.ListProviders({}, options, count); }},
      {"ListCatalogEntries",
       [&] { client_.ListCatalogEntries({}, options, count); }},
      {"GetCatalogEntry", [&] { client_.GetCatalogEntry({}, options, count); }},
      {"GetApplication", [&] { client_.GetApplication({}, options, count); }},
      {"ListApplications",
       [&] { client_.ListApplications({}, options, count); }},
      {"ListKeys", [&] { client_.ListKeys({}, options, count); }},
  };
  for (const auto& [method, call] : calls) {
    fake_.Fail(method, Unreached());
    call();
    ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100))) << method;
    scheduler_->Advance(absl::Milliseconds(100));
    EXPECT_TRUE(fake_.AwaitCalls(method, 2)) << method;
  }
  EXPECT_TRUE(Eventually([&] {
    const internal::MutexLock lock(mutex);
    return ends == static_cast<int>(calls.size());
  }));
}

TEST_F(CallsTest, TheDeadlineEndsATry) {
  fake_.Hold("GetToken");
  const auto token =
      client_.GetToken(Request(), Within(absl::Milliseconds(50)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(token.status())) << token.status();
  fake_.Release("GetToken");
}

TEST_F(CallsTest, TheDeadlineAfterAFailedTryIsThatFailure) {
  fake_.Fail("GetToken", v1::STORE_UNAVAILABLE, 1, absl::Milliseconds(20));
  const auto token = GetToken(Within(absl::Milliseconds(120)));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(20)));
  fake_.Hold("GetToken");
  scheduler_->Advance(absl::Milliseconds(20));
  const absl::Status status = token.Await().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(GetError(status).reason, "STORE_UNAVAILABLE");
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(20));
  fake_.Release("GetToken");
}

TEST_F(CallsTest, TheTimeoutIsTheClientsUnlessGiven) {
  ClientOptions options = fake_.client_options();
  options.timeout = absl::Milliseconds(50);
  Client client = NewClient(options);
  fake_.Hold("GetToken");
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.GetToken(Request()).status()));
  fake_.Release("GetToken");
}

TEST_F(CallsTest, AServerThatIsNotThereIsUnavailableAtOnce) {
  fake_.Stop();
  scheduler_->SetRandom(0.5);
  const auto token = GetToken();
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
  fake_.Start();
  // The channel has waits of its own; ours go on until it has connected.
  EXPECT_TRUE(Eventually([&] {
    scheduler_->Advance(absl::Milliseconds(10));
    return token.IsDone();
  }));
  EXPECT_TRUE(token.Await().ok()) << token.Await().status();
}

TEST_F(CallsTest, CancellationEndsATryAndAWait) {
  CallOptions options;
  options.cancellation.emplace();
  fake_.Hold("GetToken");
  const auto trying = GetToken(options);
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 1));
  options.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(trying.Await().status()));
  fake_.Release("GetToken");

  CallOptions other;
  other.cancellation.emplace();
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 1, absl::Seconds(5));
  const auto waiting = GetToken(other);
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(5)));
  other.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(waiting.Await().status()));
  EXPECT_TRUE(scheduler_->Delays().empty());

  EXPECT_TRUE(absl::IsCancelled(GetToken(other).Await().status()));
}

TEST_F(CallsTest, TheApiKeyGoesWithEachCallAndIsInNoError) {
  EXPECT_TRUE(client_.GetToken(Request()).ok());
  ClientOptions options = fake_.client_options();
  options.api_key = "";
  Client without = NewClient(options);
  EXPECT_EQ(GetError(without.GetToken(Request()).status()).reason,
            "API_KEY_MISSING");
  options.api_key = "vk_wrong-canary";
  Client wrong = NewClient(options);
  const absl::Status status = wrong.GetToken(Request()).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnauthenticated);
  EXPECT_FALSE(absl::StrContains(status.ToString(), "canary"));
}

TEST_F(CallsTest, AShortNameWithoutAnApplicationIsNotSent) {
  ClientOptions options = fake_.client_options();
  options.application = "";
  Client client = NewClient(options);
  EXPECT_TRUE(IsConfigError(client.GetToken(Request("c-7")).status()));
  EXPECT_TRUE(IsConfigError(client.NewTokenSource("c-7").status()));
  EXPECT_EQ(fake_.Calls("GetToken"), 0);
  EXPECT_TRUE(client.GetToken(Request("shop/c-7")).ok());
}

TEST_F(CallsTest, ConsentMakesAConnection) {
  v1::AuthorizeRequest authorize;
  authorize.set_provider("pinterest");
  authorize.set_subject("ann");
  authorize.add_scopes("pins:read");
  const auto begun = client_.Authorize(authorize);
  ASSERT_TRUE(begun.ok()) << begun.status();
  v1::ExchangeRequest exchange;
  exchange.set_state(begun->state());
  exchange.set_code("any");
  const auto made = client_.Exchange(exchange);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->connection(), begun->connection());
  EXPECT_EQ(client_.Exchange(exchange)->generation(), made->generation());
  v1::GetConnectionRequest get;
  get.set_name(made->connection());
  const auto connection = client_.GetConnection(get);
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(connection->connection().provider(),
            "applications/shop/providers/pinterest");
  EXPECT_EQ(connection->connection().subject(), "ann");

  exchange.set_error("access_denied");
  EXPECT_TRUE(IsConsentDenied(client_.Exchange(exchange).status()));
}

TEST_F(CallsTest, ListsAreWalkedPageByPage) {
  for (const char* name : {"c-1", "c-2", "c-3", "c-4"}) {
    fake_.SetToken(name, "secret");
  }
  v1::ListConnectionsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  for (const auto& connection : client_.WalkConnections(request)) {
    ASSERT_TRUE(connection.ok()) << connection.status();
    names.push_back(connection->name().substr(30));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"c-1", "c-2", "c-3", "c-4", "c-7"}));
  EXPECT_EQ(fake_.Calls("ListConnections"), 3);

  // An error is the last element.
  fake_.Fail("ListConnections", v1::RIGHT_MISSING);
  int elements = 0;
  for (const auto& connection : client_.WalkConnections(request)) {
    EXPECT_EQ(KindOf(connection.status()), ErrorKind::kPermissionDenied);
    ++elements;
  }
  EXPECT_EQ(elements, 1);

  request.set_subject("nobody");
  for (const auto& connection : client_.WalkConnections(request)) {
    ADD_FAILURE() << connection.status();
  }
}

TEST_F(CallsTest, OperatorsCalls) {
  v1::CreateApplicationRequest application;
  application.set_application_id("shop");
  ASSERT_TRUE(client_.CreateApplication(application).ok());
  EXPECT_EQ(KindOf(client_.CreateApplication(application).status()),
            ErrorKind::kError);
  v1::CreateProviderRequest provider;
  provider.set_provider_id("pinterest");
  provider.mutable_provider()->set_client_secret("canary");
  const auto made = client_.CreateProvider(provider);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->provider().name(), "applications/shop/providers/pinterest");
  v1::UpdateProviderRequest update;
  update.mutable_provider()->set_name("pinterest");
  update.mutable_provider()->set_display_name("Pinterest");
  update.mutable_update_mask()->add_paths("display_name");
  EXPECT_EQ(client_.UpdateProvider(update)->provider().display_name(),
            "Pinterest");
  v1::CreateKeyRequest key;
  key.add_rights(v1::RIGHT_READ_TOKENS);
  const auto created = client_.CreateKey(key);
  ASSERT_TRUE(created.ok()) << created.status();
  v1::RevokeKeyRequest revoke;
  revoke.set_name(created->key().name());
  EXPECT_TRUE(client_.RevokeKey(revoke)->key().has_revoke_time());
  int found = 0;
  for (const auto& item : client_.WalkProviders({})) found += item.ok();
  for (const auto& item : client_.WalkKeys({})) found += item.ok();
  for (const auto& item : client_.WalkApplications({})) found += item.ok();
  for (const auto& item : client_.WalkCatalogEntries({})) found += item.ok();
  EXPECT_EQ(found, 4);
  v1::DeleteProviderRequest remove;
  remove.set_name("pinterest");
  EXPECT_TRUE(client_.DeleteProvider(remove).ok());
  EXPECT_TRUE(absl::IsNotFound(client_.DeleteProvider(remove).status()));
}

}  // namespace
}  // namespace valetkey::client
