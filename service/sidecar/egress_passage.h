// One request on its way through an egress door: what of it can be sent once
// more, and the exchange with the provider.

#ifndef VALETKEY_SIDECAR_EGRESS_PASSAGE_H_
#define VALETKEY_SIDECAR_EGRESS_PASSAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/net/http/http_exchange.h"
#include "service/net/http/http_server.h"
#include "service/sidecar/egress_rules.h"
#include "valetkey/token.h"

namespace valetkey::sidecar {

// Used on one executor. All that it is given outlives it.
class EgressPassage {
 public:
  EgressPassage(HttpStreamClient& http, const ServerRequest& request,
                RequestBody& body, const EgressTarget& target);

  // Whether the body is small enough to be kept, and Send can be called twice.
  bool repeatable() const { return repeatable_; }

  // Reads the body, if it is to be kept. Errors are the caller's: those of
  // RequestBody::Read.
  Task<absl::Status> KeepBody();

  // Sends it and waits for the head of the answer. `caller` tells what was
  // wrong at the caller's side, if that was it. REQUIRES: KeepBody was OK.
  Task<absl::StatusOr<HttpResponseHead>> Send(const client::Token& token,
                                              absl::Duration silence,
                                              absl::Status* caller);

  // Passes the answer on; false if it broke off. REQUIRES: Send was OK.
  Task<bool> PassAnswer(const HttpResponseHead& head, ResponseWriter& writer);

  // Ends the exchange, if there is one.
  void Cancel();

 private:
  HttpStreamClient& http_;
  RequestBody& body_;
  const EgressTarget& target_;
  const bool repeatable_;
  HttpRequestHead head_;
  std::string kept_;
  std::unique_ptr<HttpExchange> exchange_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_EGRESS_PASSAGE_H_
