// Sends HTTP requests to providers.

#ifndef VALETKEY_NET_HTTP_HTTP_CLIENT_H_
#define VALETKEY_NET_HTTP_HTTP_CLIENT_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/http_message.h"

namespace valetkey {

struct HttpResult {
  // OK: `response` is what came, whatever its status code. Otherwise
  // UNAVAILABLE (could not connect, cut off, out of time, answer too large).
  absl::Status status;
  // Whether the request may have reached the other side. False only where it
  // certainly did not (no address, no connection, no TLS session): then
  // nothing can have happened there.
  bool maybe_sent = true;
  HttpResponse response;
};

// Thread-safe; resumes on the caller's executor.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Never follows redirects (they would carry secrets elsewhere), never
  // retries. The request ends at the timeout at the latest, also when its
  // caller was cancelled.
  virtual Task<HttpResult> Send(HttpRequest request,
                                absl::Duration timeout) = 0;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_CLIENT_H_
