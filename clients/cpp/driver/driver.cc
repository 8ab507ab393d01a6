#include "driver/driver.h"

#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/status/status.h"

namespace valetkey::client {
namespace {

using Json = nlohmann::json;

std::optional<std::string> Text(const Json& object, const char* key) {
  if (!object.contains(key) || object[key].is_null()) return std::nullopt;
  return object[key].get<std::string>();
}

}  // namespace

Driver::~Driver() {
  std::map<std::string, std::shared_ptr<Client>> clients;
  {
    const std::lock_guard lock(mutex_);
    clients = clients_;
  }
  for (const auto& [name, client] : clients) client->Close();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return running_ == 0; });
}

void Driver::Handle(const Json& request) {
  using Now = Result (Driver::*)(const Json&);
  static const std::map<std::string, Now> kNow = {
      {"client", &Driver::OpenClient},
      {"close_client", &Driver::CloseClient},
      {"source", &Driver::OpenSource},
      {"close_source", &Driver::CloseSource},
      {"invalidate", &Driver::Invalidate},
      {"watch", &Driver::OpenWatch},
      {"close_watch", &Driver::CloseWatch},
      {"cancel", &Driver::Cancel},
  };
  try {
    const auto now = kNow.find(request.at("op").get<std::string>());
    if (now != kNow.end()) {
      Answer(request, (this->*now->second)(request));
      return;
    }
    Work work = Prepare(request);
    if (work == nullptr) throw std::out_of_range("unknown op");
    Run(request, std::move(work));
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    write_({{"id", request.value("id", Json())},
            {"error",
             {{"kind", "Driver"}, {"code", ""}, {"message", error.what()}}}});
  }
}

void Driver::Run(const Json& request, Work work) {
  CallOptions options;
  options.cancellation.emplace();
  if (request.contains("timeout_ms")) {
    options.timeout =
        absl::Milliseconds(request["timeout_ms"].get<std::int64_t>());
  }
  {
    const std::lock_guard lock(mutex_);
    ++running_;
    cancellations_.insert_or_assign(request["id"].dump(),
                                    *options.cancellation);
  }
  std::thread([this, request, options, work = std::move(work)] {
    Answer(request, work(options));
    const std::lock_guard lock(mutex_);
    cancellations_.erase(request["id"].dump());
    --running_;
    changed_.notify_all();
  }).detach();
}

void Driver::Answer(const Json& request, const Result& result) {
  const std::lock_guard lock(mutex_);
  Json answer = {{"id", request["id"]}};
  if (result.ok()) {
    answer["result"] = *result;
  } else {
    answer["error"] = ErrorJson(request, result.status());
  }
  write_(answer);
}

Json Driver::ErrorJson(const Json& request, const absl::Status& status) {
  const Error error = GetError(status);
  const bool config = error.kind == ErrorKind::kConfig;
  Json json = {
      {"kind", std::string(ErrorKindName(error.kind))},
      {"code", config ? "" : absl::StatusCodeToString(error.code)},
      {"reason", error.reason},
      {"metadata", error.metadata},
      {"retry_delay_ms", nullptr},
      {"message", error.message},
  };
  if (error.retry_delay.has_value()) {
    json["retry_delay_ms"] = absl::ToInt64Milliseconds(*error.retry_delay);
  }
  if (error.kind == ErrorKind::kReauthorizationRequired) {
    json["connection"] = error.connection;
    json["provider"] = error.provider;
    json["subject"] = error.subject;
    reauthorizations_[request["id"].dump()] = *error.reauthorization;
  }
  if (error.kind == ErrorKind::kScopeNotGranted) {
    json["missing_scopes"] = error.missing_scopes;
  }
  if (error.kind == ErrorKind::kInvalidArgument) json["field"] = error.field;
  return json;
}

// ------------------------------------------------------ what is done at once

Driver::Result Driver::OpenClient(const Json& request) {
  const Json given = request.value("options", Json::object());
  ClientOptions options;
  options.address = Text(given, "address");
  options.api_key = Text(given, "api_key");
  options.application = Text(given, "application");
  options.tls_ca = Text(given, "tls_ca");
  options.tls_cert = Text(given, "tls_cert");
  options.tls_key = Text(given, "tls_key");
  options.server_name = Text(given, "server_name");
  options.insecure_plaintext = given.value("insecure_plaintext", false);
  if (given.contains("timeout_ms")) {
    options.timeout =
        absl::Milliseconds(given["timeout_ms"].get<std::int64_t>());
  }
  absl::StatusOr<Client> client = Client::Create(options);
  if (!client.ok()) return client.status();
  const std::lock_guard lock(mutex_);
  clients_[request.at("client")] = std::make_shared<Client>(*std::move(client));
  return Json::object();
}

Driver::Result Driver::CloseClient(const Json& request) {
  std::shared_ptr<Client> client;
  {
    const std::lock_guard lock(mutex_);
    client = clients_.at(request.at("client"));
  }
  client->Close();
  return Json::object();
}

Driver::Result Driver::OpenSource(const Json& request) {
  const std::lock_guard lock(mutex_);
  TokenSourceOptions options;
  options.required_scopes =
      request.value("required_scopes", std::vector<std::string>());
  auto source =
      clients_.at(request.at("client"))
          ->NewTokenSource(request.at("name").get<std::string>(), options);
  if (!source.ok()) return source.status();
  sources_.insert_or_assign(request.at("source").get<std::string>(), *source);
  return Json::object();
}

Driver::Result Driver::CloseSource(const Json& request) {
  std::optional<TokenSource> source;
  {
    const std::lock_guard lock(mutex_);
    source = sources_.at(request.at("source"));
  }
  source->Close();
  return Json::object();
}

Driver::Result Driver::Invalidate(const Json& request) {
  const std::lock_guard lock(mutex_);
  sources_.at(request.at("source"))
      .Invalidate(request.at("generation").get<std::int64_t>());
  return Json::object();
}

Driver::Result Driver::OpenWatch(const Json& request) {
  v1::WatchEventsRequest events;
  events.set_connection(request.value("connection", ""));
  events.set_cursor(request.value("cursor", ""));
  events.set_snapshot(request.value("snapshot", false));
  const std::lock_guard lock(mutex_);
  auto watch = clients_.at(request.at("client"))->WatchEvents(events);
  if (!watch.ok()) return watch.status();
  watches_[request.at("watch")] = std::make_shared<Watch>(*std::move(watch));
  return Json::object();
}

Driver::Result Driver::CloseWatch(const Json& request) {
  std::shared_ptr<Watch> watch;
  {
    const std::lock_guard lock(mutex_);
    watch = watches_.at(request.at("watch"));
  }
  watch->Close();
  return Json::object();
}

Driver::Result Driver::Cancel(const Json& request) {
  std::optional<Cancellation> cancellation;
  {
    const std::lock_guard lock(mutex_);
    const auto found = cancellations_.find(request.at("request").dump());
    if (found != cancellations_.end()) cancellation = found->second;
  }
  if (cancellation.has_value()) cancellation->Cancel();
  return Json::object();
}

}  // namespace valetkey::client
