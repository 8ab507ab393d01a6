// A provider's side of HTTP for tests: answers come from a function, requests
// are recorded, and answers can be held back until the test releases them.
//
//   FakeHttpClient http([](const HttpRequest& request) {
//     return FakeHttpClient::Answer(200, "{\"access_token\":\"a\"}");
//   });
//   http.Hold();                       // answers wait from now on
//   ... start 100 refreshes ...
//   ASSERT_TRUE(http.WaitForRequests(1, absl::Seconds(5)));
//   http.ReleaseAll();
//   EXPECT_EQ(http.request_count(), 1);
//
// The handler runs when the request arrives, one request at a time, so it
// needs no lock of its own; what Hold holds back is its answer, as a provider
// would that has already acted. Thread-safe.

#ifndef VALETKEY_NET_HTTP_FAKE_HTTP_CLIENT_H_
#define VALETKEY_NET_HTTP_FAKE_HTTP_CLIENT_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/promise.h"
#include "service/base/mutex.h"
#include "service/net/http/http_client.h"

namespace valetkey {

class FakeHttpClient final : public HttpClient {
 public:
  using Handler = std::function<HttpResult(const HttpRequest&)>;

  // --- What a handler returns ---
  static HttpResult Answer(int status, absl::string_view body,
                           absl::string_view content_type = "application/json");
  // No connection: the request was certainly not sent.
  static HttpResult Refused();
  // Cut off or out of time: the request may have arrived.
  static HttpResult Lost();

  // Without a handler every request is answered by 404.
  explicit FakeHttpClient(Handler handler = nullptr);
  // REQUIRES: no Send is running.
  ~FakeHttpClient() override;

  void SetHandler(Handler handler);
  // Answers for the next requests, in order, before the handler is asked.
  void Enqueue(HttpResult result);

  // Ends like Lost() when an answer is held longer than the timeout, or when
  // the caller is cancelled.
  Task<HttpResult> Send(HttpRequest request, absl::Duration timeout) override;

  // From now on answers wait for a release.
  void Hold();
  // Lets the answer that waits longest go; false if none waits.
  bool ReleaseOne();
  // Lets all that wait go, and holds no more.
  void ReleaseAll();
  // How many answers wait.
  int held() const;

  // What arrived, in order.
  std::vector<HttpRequest> requests() const;
  int request_count() const;
  // The timeout that each came with.
  std::vector<absl::Duration> timeouts() const;
  void ClearRequests();
  // Blocks the calling thread until that many requests have arrived (since
  // the last clearing); false if the time ran out. Never call it on a thread
  // that runs the executor of Send.
  bool WaitForRequests(int count, absl::Duration timeout);
  // The same until that many answers wait.
  bool WaitForHeld(int count, absl::Duration timeout);

 private:
  struct Held {
    asio::any_io_executor executor;
    std::shared_ptr<Promise<bool>> promise;
  };

  HttpResult Handle(const HttpRequest& request) VK_EXCLUDES(handler_mutex_);
  static void Release(const Held& held);
  // False once the deadline has passed.
  bool WaitForChange(absl::Time deadline) VK_REQUIRES(mutex_);

  Mutex handler_mutex_;  // held while a handler runs; taken before mutex_
  Handler handler_ VK_GUARDED_BY(handler_mutex_);
  std::deque<HttpResult> queue_ VK_GUARDED_BY(handler_mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  bool hold_ VK_GUARDED_BY(mutex_) = false;
  std::deque<Held> held_ VK_GUARDED_BY(mutex_);
  std::vector<HttpRequest> requests_ VK_GUARDED_BY(mutex_);
  std::vector<absl::Duration> timeouts_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_FAKE_HTTP_CLIENT_H_
