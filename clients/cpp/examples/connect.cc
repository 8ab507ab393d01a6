// A web page that connects an account: it sends the person to consent, and
// takes them back.
//
//   VALETKEY_API_KEY=... VALETKEY_APPLICATION=shop connect pinterest 8080
//
// Register http://127.0.0.1:8080/done as a return URI of the application; or as
// the provider's redirect URI, then this page finishes the consent itself.

#include <csignal>
#include <iostream>
#include <set>

#include "examples/http_server.h"
#include "valetkey/client.h"

namespace vk = valetkey::client;

namespace {

// The text as it may stand in HTML.
std::string Html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Value(const HttpRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

class Page {
 public:
  Page(vk::Client client, std::string provider)
      : client_(std::move(client)), provider_(std::move(provider)) {}

  void set_origin(const std::string& origin) { origin_ = origin; }

  HttpReply Answer(const HttpRequest& request) {
    if (request.path == "/connect") return Connect();
    if (request.path == "/done") return Done(request);
    return {200, "<a href=\"/connect\">Connect your account</a>\n", ""};
  }

 private:
  HttpReply Connect() {
    valetkey::v1::AuthorizeRequest request;
    request.set_provider(provider_);
    request.set_subject("ann");  // who is logged in at your application
    request.set_return_uri(origin_ + "/done");
    const auto response = client_.Authorize(request);
    if (!response.ok()) return Failed(response.status());
    states_.insert(response->state());
    return {303, "", response->authorization_uri()};
  }

  HttpReply Done(const HttpRequest& request) {
    const std::string state = Value(request, "state");
    if (state.empty()) {  // ValetKey's callback has finished it
      const std::string connection = Value(request, "connection");
      return {200, Value(request, "status") + ": " + Html(connection) + "\n",
              ""};
    }
    if (states_.erase(state) == 0) return {400, "not begun here\n", ""};
    valetkey::v1::ExchangeRequest exchange;
    exchange.set_state(state);
    exchange.set_code(Value(request, "code"));
    exchange.set_issuer(Value(request, "iss"));
    exchange.set_error(Value(request, "error"));
    exchange.set_error_description(Value(request, "error_description"));
    const auto response = client_.Exchange(exchange);
    if (vk::IsConsentDenied(response.status())) {
      return {200, "You declined, and nothing has changed.\n", ""};
    }
    if (!response.ok()) return Failed(response.status());
    return {200, "connected: " + Html(response->connection()) + "\n", ""};
  }

  static HttpReply Failed(const absl::Status& status) {
    return {500, Html(std::string(status.message())) + "\n", ""};
  }

  vk::Client client_;
  const std::string provider_;
  std::string origin_;
  std::set<std::string> states_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: connect PROVIDER PORT\n";
    return 1;
  }
  absl::StatusOr<vk::Client> client = vk::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }
  // Before there are threads, so that all of them leave it to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  Page page(*std::move(client), argv[1]);
  HttpServer server(std::atoi(argv[2]), [&](const HttpRequest& request) {
    return page.Answer(request);
  });
  page.set_origin(server.origin());
  std::cout << "open " << server.origin() << "/" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
}
