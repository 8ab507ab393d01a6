// A request and its answer that pass through in pieces, neither held whole.

#ifndef VALETKEY_NET_HTTP_HTTP_EXCHANGE_H_
#define VALETKEY_NET_HTTP_HTTP_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/http_message.h"

namespace valetkey {

struct HttpRequestHead {
  std::string method = "GET";
  std::string url;  // absolute
  HttpHeaders headers;
  // Whether a body follows, and how long it is if that is known.
  bool has_body = false;
  std::optional<std::uint64_t> length;
};

struct HttpResponseHead {
  int status = 0;  // 200 to 599
  HttpHeaders headers;
};

// One exchange under way: first all of the request, then the answer. Used by
// one coroutine, on the executor that opened it; destroying it ends what is
// under way. Errors are UNAVAILABLE.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // A piece of the body; waits until it is taken. Once the answer has begun,
  // no more of the body is wanted: `answered` tells, and nothing is sent.
  virtual Task<absl::Status> Write(std::string data) = 0;
  virtual void EndBody() = 0;
  virtual bool answered() const = 0;
  // REQUIRES: the body was ended, or the answer has begun.
  virtual Task<absl::StatusOr<HttpResponseHead>> ReadHead() = 0;
  // The next piece of the answer's body, "" after the last. REQUIRES: the head
  // was read.
  virtual Task<absl::StatusOr<std::string>> Read() = 0;
  // Ends it: whoever waits is told. Callable while another method waits.
  virtual void Cancel() = 0;
};

class HttpStreamClient {
 public:
  virtual ~HttpStreamClient() = default;
  // `silence`: how long the other side may send and take nothing.
  // UNAVAILABLE if the request cannot be sent as it is. REQUIRES: runs on a
  // reactor of the client's pool.
  virtual absl::StatusOr<std::unique_ptr<HttpExchange>> Open(
      HttpRequestHead request, absl::Duration silence) = 0;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_EXCHANGE_H_
