// What the tests of the portal have in common: a keyring, requests, and a
// writer that records.

#ifndef VALETKEY_WEB_PORTAL_TEST_SUPPORT_H_
#define VALETKEY_WEB_PORTAL_TEST_SUPPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/base/crypto.h"
#include "service/base/sealer.h"
#include "service/net/http/http_server.h"

namespace valetkey::web {

inline Sealer TestSealer(char fill = 'k') {
  return Sealer(*Keyring::Parse(absl::StrCat(
                    "k-1 ", Base64UrlEncode(std::string(32, fill)), "\n")),
                Random::System());
}

struct Header {
  std::string name;
  std::string value;
};

inline ServerRequest MakeRequest(absl::string_view method,
                                 absl::string_view path,
                                 const std::vector<Header>& headers = {},
                                 absl::string_view body = "") {
  ServerRequest request;
  request.method = std::string(method);
  request.path = std::string(path);
  for (const auto& [name, value] : headers) request.headers.Add(name, value);
  request.body = std::string(body);
  request.peer = "192.0.2.1:40112";
  return request;
}

inline std::string HeaderIn(const HttpResponse& response,
                            absl::string_view name) {
  const std::string* const value = response.headers.Find(name);
  return value == nullptr ? "" : *value;
}

// "name=value" of a Set-Cookie.
inline std::string CookiePair(absl::string_view set_cookie) {
  return std::string(set_cookie.substr(0, set_cookie.find(';')));
}

class RecordingWriter final : public ResponseWriter {
 public:
  Task<absl::Status> Send(HttpResponse response) override {
    sent = std::move(response);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Start(int status, HttpHeaders headers,
                           std::optional<std::uint64_t>) override {
    sent.status = status;
    sent.headers = std::move(headers);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Write(std::string data) override {
    sent.body += data;
    co_return absl::OkStatus();
  }
  Task<absl::Status> Finish() override { co_return absl::OkStatus(); }
  void OnStop(std::function<void(StopReason)>) override {}
  bool disconnected() const override { return false; }
  bool draining() const override { return false; }

  HttpResponse sent;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_PORTAL_TEST_SUPPORT_H_
