// Turns answers into bytes on a connection. Internal to net/http.

#ifndef VALETKEY_NET_HTTP_HTTP_RESPONSE_WRITER_H_
#define VALETKEY_NET_HTTP_HTTP_RESPONSE_WRITER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "service/net/http/http_connection.h"
#include "service/net/http/http_server.h"

namespace valetkey {

class HttpResponseWriter final : public ResponseWriter {
 public:
  explicit HttpResponseWriter(HttpConnection& connection)
      : connection_(connection) {}

  Task<absl::Status> Send(HttpResponse response) override;
  Task<absl::Status> Start(int status, HttpHeaders headers,
                           std::optional<std::uint64_t> length) override;
  Task<absl::Status> Write(std::string data) override;
  Task<absl::Status> Finish() override;
  void OnStop(std::function<void(StopReason)> callback) override;
  bool disconnected() const override;
  bool draining() const override;

  bool begun() const { return begun_; }
  bool complete() const { return complete_; }

 private:
  std::string Header(int status, const HttpHeaders& headers) const;

  HttpConnection& connection_;
  bool begun_ = false;
  bool complete_ = false;
  // Of a stream.
  bool bodiless_ = false;
  bool chunked_ = false;
  std::optional<std::uint64_t> left_;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_RESPONSE_WRITER_H_
