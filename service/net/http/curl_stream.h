// A transfer whose bodies pass through in pieces. Internal to net/http.
//
// What is known of it is in a Flow, which the transfer and its reader share:
// curl's callbacks fill and empty it, and the reader's coroutine does the rest
// between them. All on one reactor's thread.

#ifndef VALETKEY_NET_HTTP_CURL_STREAM_H_
#define VALETKEY_NET_HTTP_CURL_STREAM_H_

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/net/http/curl_transfer.h"
#include "service/net/http/http_exchange.h"

namespace valetkey {

struct CurlFlow {
  explicit CurlFlow(const asio::any_io_executor& executor) : timer(executor) {}

  // Wakes the one coroutine that waits; it looks for itself what has changed.
  void Notify() { timer.cancel(); }
  Task<void> Wait();
  bool TakenWhole() const { return taken == outgoing.size(); }

  asio::steady_timer timer;
  // Of the request's body: what was given, and how much of it curl has taken.
  std::string outgoing;
  std::size_t taken = 0;
  bool ended = false;
  bool giving_paused = false;
  // Of the answer.
  bool has_head = false;
  HttpResponseHead head;
  std::string incoming;
  bool taking_paused = false;

  bool finished = false;
  absl::Status status;
};

class CurlStream final : public CurlTransfer {
 public:
  CurlStream(HttpRequestHead head, absl::Duration silence,
             const CurlOptions& options, std::shared_ptr<CurlFlow> flow);

 private:
  void SetTimes() override;
  void SetBody() override;
  bool NeedsOwnConnection() const override;
  void HeaderComplete() override;
  std::size_t TakeBody(absl::string_view data) override;
  static std::size_t OnGive(char* to, std::size_t size, std::size_t count,
                            void* self);

  const bool has_body_;
  const std::optional<std::uint64_t> length_;
  const absl::Duration silence_;
  const std::shared_ptr<CurlFlow> flow_;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_CURL_STREAM_H_
