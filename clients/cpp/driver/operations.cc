// The operations that may wait.

#include <curl/curl.h>

#include <atomic>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "driver/driver.h"
#include "valetkey/curl.h"

namespace valetkey::client {
namespace {

using Json = nlohmann::json;

Json TokenJson(const Token& token) {
  Json json = {
      {"access_token", token.access_token()},
      {"token_type", token.token_type()},
      {"scopes", token.scopes()},
      {"generation", token.generation()},
      {"expire_in_ms", nullptr},
  };
  if (token.expire_time() != absl::InfiniteFuture()) {
    json["expire_in_ms"] =
        absl::ToInt64Milliseconds(token.expire_time() - absl::Now());
  }
  return json;
}

absl::StatusOr<Json> TokenResult(const absl::StatusOr<Token>& token) {
  if (!token.ok()) return token.status();
  return TokenJson(*token);
}

// "REFRESHED" of "EVENT_TYPE_REFRESHED".
std::string Without(const std::string& name, const std::string& prefix) {
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

absl::StatusOr<Json> Authorize(Client& client,
                               const v1::AuthorizeRequest& request,
                               const CallOptions& options) {
  const auto response = client.Authorize(request, options);
  if (!response.ok()) return response.status();
  return Json{{"authorization_uri", response->authorization_uri()},
              {"state", response->state()},
              {"connection", response->connection()}};
}

v1::AuthorizeRequest AuthorizeRequestOf(const Json& request) {
  v1::AuthorizeRequest authorize;
  authorize.set_provider(request.value("provider", ""));
  authorize.set_subject(request.value("subject", ""));
  authorize.set_connection(request.value("connection", ""));
  authorize.set_return_uri(request.value("return_uri", ""));
  for (const auto& scope : request.value("scopes", Json::array())) {
    authorize.add_scopes(scope.get<std::string>());
  }
  const Json labels = request.value("labels", Json::object());
  for (const auto& [key, value] : labels.items()) {
    (*authorize.mutable_labels())[key] = value.get<std::string>();
  }
  return authorize;
}

v1::GetTokenRequest GetTokenRequestOf(const Json& request) {
  v1::GetTokenRequest get;
  get.set_name(request.value("name", ""));
  for (const auto& scope : request.value("required_scopes", Json::array())) {
    get.add_required_scopes(scope.get<std::string>());
  }
  if (request.contains("min_lifetime_ms")) {
    const auto milliseconds = request["min_lifetime_ms"].get<std::int64_t>();
    get.mutable_min_lifetime()->set_seconds(milliseconds / 1000);
    get.mutable_min_lifetime()->set_nanos(
        static_cast<int>(milliseconds % 1000) * 1'000'000);
  }
  get.set_min_generation(request.value("min_generation", std::int64_t{0}));
  get.set_rejected_generation(
      request.value("rejected_generation", std::int64_t{0}));
  return get;
}

absl::StatusOr<Json> Revoke(Client& client, const std::string& name,
                            const CallOptions& options) {
  v1::RevokeRequest request;
  request.set_name(name);
  const auto response = client.Revoke(request, options);
  if (!response.ok()) return response.status();
  Json tokens = Json::array();
  for (const auto& token : response->tokens()) {
    tokens.push_back(
        {{"kind", Without(v1::TokenKind_Name(token.kind()), "TOKEN_KIND_")},
         {"result", Without(v1::RevocationResult_Name(token.result()),
                            "REVOCATION_RESULT_")}});
  }
  return Json{{"copy_destroyed", response->copy_destroyed()},
              {"tokens", tokens}};
}

absl::StatusOr<Json> GetConnection(Client& client, const std::string& name,
                                   const CallOptions& options) {
  v1::GetConnectionRequest request;
  request.set_name(name);
  const auto response = client.GetConnection(request, options);
  if (!response.ok()) return response.status();
  const v1::Connection& connection = response->connection();
  return Json{
      {"name", connection.name()},
      {"state", Without(v1::ConnectionState_Name(connection.state()),
                        "CONNECTION_STATE_")},
      {"subject", connection.subject()},
      {"generation", connection.generation()},
      {"labels", std::map<std::string, std::string>(
                     connection.labels().begin(), connection.labels().end())}};
}

absl::StatusOr<Json> ListConnections(Client& client, const Json& request,
                                     const CallOptions& options) {
  v1::ListConnectionsRequest list;
  list.set_subject(request.value("subject", ""));
  list.set_page_size(request.value("page_size", 0));
  Json names = Json::array();
  for (const auto& connection : client.WalkConnections(list, options)) {
    if (!connection.ok()) return connection.status();
    names.push_back(connection->name());
  }
  return Json{{"names", names}};
}

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

}  // namespace

Driver::Work Driver::Prepare(const Json& request) {
  const std::string op = request.at("op");
  if (op == "token") return PrepareToken(request);
  if (op == "read") return PrepareRead(request);
  if (op == "next") return PrepareNext(request);
  if (op == "request") return PrepareRequest(request);
  return PrepareCall(request);
}

Driver::Work Driver::PrepareCall(const Json& request) {
  const std::lock_guard lock(mutex_);
  const std::string op = request.at("op");
  const std::set<std::string> known = {
      "authorize", "reauthorize", "exchange",       "get_token",
      "refresh",   "revoke",      "get_connection", "list_connections"};
  if (known.count(op) == 0) return nullptr;
  const std::shared_ptr<Client> client = clients_.at(request.at("client"));
  if (op == "authorize" || op == "reauthorize") {
    const v1::AuthorizeRequest authorize =
        op == "authorize" ? AuthorizeRequestOf(request)
                          : reauthorizations_.at(request.at("request").dump());
    return [client, authorize](const CallOptions& options) {
      return Authorize(*client, authorize, options);
    };
  }
  if (op == "exchange") {
    v1::ExchangeRequest exchange;
    exchange.set_state(request.value("state", ""));
    exchange.set_code(request.value("code", ""));
    exchange.set_error(request.value("error", ""));
    return [client, exchange](const CallOptions& options) -> Result {
      const auto response = client->Exchange(exchange, options);
      if (!response.ok()) return response.status();
      return Json{
          {"connection", response->connection()},
          {"scopes", std::vector<std::string>(response->scopes().begin(),
                                              response->scopes().end())},
          {"generation", response->generation()}};
    };
  }
  if (op == "get_token") {
    return
        [client, get = GetTokenRequestOf(request)](const CallOptions& options) {
          return TokenResult(client->GetToken(get, options));
        };
  }
  if (op == "refresh") {
    v1::RefreshRequest refresh;
    refresh.set_name(request.value("name", ""));
    refresh.set_generation(request.value("generation", std::int64_t{0}));
    return [client, refresh](const CallOptions& options) {
      return TokenResult(client->Refresh(refresh, options));
    };
  }
  const std::string name = request.value("name", "");
  if (op == "revoke") {
    return [client, name](const CallOptions& options) {
      return Revoke(*client, name, options);
    };
  }
  if (op == "get_connection") {
    return [client, name](const CallOptions& options) {
      return GetConnection(*client, name, options);
    };
  }
  return [client, request](const CallOptions& options) {
    return ListConnections(*client, request, options);
  };
}

Driver::Work Driver::PrepareToken(const Json& request) {
  const std::lock_guard lock(mutex_);
  const TokenSource source = sources_.at(request.at("source"));
  const int count = request.value("count", 1);
  return [this, request, source, count](const CallOptions& options) -> Result {
    struct Readers {
      std::mutex mutex;
      std::condition_variable changed;
      std::vector<absl::StatusOr<Token>> results;
    };
    const auto readers = std::make_shared<Readers>();
    for (int i = 0; i < count; ++i) {
      source.Get(options, [readers](absl::StatusOr<Token> token) {
        const std::lock_guard guard(readers->mutex);
        readers->results.push_back(std::move(token));
        readers->changed.notify_all();
      });
    }
    std::unique_lock guard(readers->mutex);
    readers->changed.wait(guard, [&] {
      return readers->results.size() == static_cast<std::size_t>(count);
    });
    if (options.cancellation->cancelled()) {
      return absl::CancelledError("cancelled");
    }
    Json result = {{"served", 0}, {"failed", 0}, {"token", nullptr}};
    std::set<std::string> distinct;
    std::map<std::string, Json> errors;
    for (const auto& token : readers->results) {
      if (token.ok()) {
        result["served"] = result["served"].get<int>() + 1;
        result["token"] = TokenJson(*token);
        distinct.insert(token->access_token());
      } else {
        result["failed"] = result["failed"].get<int>() + 1;
        const std::lock_guard lock_again(mutex_);
        Json error = ErrorJson(request, token.status());
        errors.emplace(
            error["kind"].get<std::string>() + error["code"].get<std::string>(),
            error);
      }
    }
    result["distinct"] = distinct.size();
    result["errors"] = Json::array();
    for (auto& [kind, error] : errors) result["errors"].push_back(error);
    return result;
  };
}

Driver::Work Driver::PrepareRead(const Json& request) {
  const std::lock_guard lock(mutex_);
  const TokenSource source = sources_.at(request.at("source"));
  const auto count = request.value("count", std::int64_t{1});
  return [source, count](const CallOptions& options) -> Result {
    std::int64_t failed = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
    bool went_back = false;
    const absl::Time begin = absl::Now();
    for (std::int64_t i = 0; i < count; ++i) {
      const absl::StatusOr<Token> token = source.Get(options);
      if (!token.ok()) {
        ++failed;
        continue;
      }
      if (first == 0) first = token->generation();
      went_back = went_back || token->generation() < last;
      last = token->generation();
    }
    return Json{{"failed", failed},
                {"went_back", went_back},
                {"first", first},
                {"last", last},
                {"elapsed_ns", absl::ToInt64Nanoseconds(absl::Now() - begin)}};
  };
}

Driver::Work Driver::PrepareNext(const Json& request) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Watch> watch = watches_.at(request.at("watch"));
  const bool checkpoints = request.value("checkpoints", false);
  return [watch, checkpoints](const CallOptions& options) -> Result {
    const absl::Time deadline =
        absl::Now() + options.timeout.value_or(absl::InfiniteDuration());
    while (true) {
      CallOptions rest = options;
      if (options.timeout.has_value()) rest.timeout = deadline - absl::Now();
      const auto message = watch->Next(rest);
      if (!message.ok()) return message.status();
      if (message->has_checkpoint() && !checkpoints) continue;
      Json result = {{"cursor", message->cursor()},
                     {"type", "checkpoint"},
                     {"event_type", nullptr},
                     {"connection", nullptr},
                     {"generation", nullptr}};
      if (message->has_event()) {
        const v1::Event& event = message->event();
        result["type"] = "event";
        result["event_type"] =
            Without(v1::EventType_Name(event.type()), "EVENT_TYPE_");
        result["connection"] = event.connection();
        result["generation"] = event.generation();
      } else if (message->has_connection()) {
        result["type"] = "connection";
        result["connection"] = message->connection().name();
        result["generation"] = message->connection().generation();
      }
      return result;
    }
  };
}

Driver::Work Driver::PrepareRequest(const Json& request) {
  const std::lock_guard lock(mutex_);
  const TokenSource source = sources_.at(request.at("source"));
  return [source, request](const CallOptions& options) -> Result {
    const std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
    const std::string url = request.at("url");
    const std::string method = request.value("method", "GET");
    const std::string body = request.value("body", "");
    curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy.get(), CURLOPT_FOLLOWLOCATION, 1L);
    if (options.timeout.has_value()) {
      curl_easy_setopt(
          easy.get(), CURLOPT_TIMEOUT_MS,
          static_cast<long>(absl::ToInt64Milliseconds(*options.timeout)));
    }
    if (!body.empty()) {
      curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, body.c_str());
    }
    if (!body.empty() || method != "GET") {
      curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
    }
    std::string answer;
    CurlRequest with;
    with.response_body = &answer;
    with.repeatable = request.value("repeatable", true);
    with.options = options;
    const auto result = Perform(easy.get(), source, with);
    if (!result.ok()) return result.status();
    if (result->code != CURLE_OK) {
      return absl::UnavailableError(curl_easy_strerror(result->code));
    }
    return Json{{"status", result->status}, {"body", answer}};
  };
}

}  // namespace valetkey::client
