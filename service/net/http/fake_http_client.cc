#include "service/net/http/fake_http_client.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "service/base/status.h"

namespace valetkey {

HttpResult FakeHttpClient::Answer(int status, absl::string_view body,
                                  absl::string_view content_type) {
  HttpResult result;
  result.response.status = status;
  result.response.headers.Add("Content-Type", content_type);
  result.response.body = std::string(body);
  return result;
}

HttpResult FakeHttpClient::Refused() {
  HttpResult result;
  result.status = MakeError(Reason::kProviderUnavailable, "connection refused");
  result.maybe_sent = false;
  return result;
}

HttpResult FakeHttpClient::Lost() {
  HttpResult result;
  result.status =
      MakeError(Reason::kProviderUnavailable, "the answer was lost");
  result.maybe_sent = true;
  return result;
}

FakeHttpClient::FakeHttpClient(Handler handler)
    : handler_(std::move(handler)) {}

FakeHttpClient::~FakeHttpClient() = default;

void FakeHttpClient::SetHandler(Handler handler) {
  MutexLock lock(handler_mutex_);
  handler_ = std::move(handler);
}

void FakeHttpClient::Enqueue(HttpResult result) {
  MutexLock lock(handler_mutex_);
  queue_.push_back(std::move(result));
}

HttpResult FakeHttpClient::Handle(const HttpRequest& request) {
  MutexLock lock(handler_mutex_);
  if (!queue_.empty()) {
    HttpResult result = std::move(queue_.front());
    queue_.pop_front();
    return result;
  }
  return handler_ ? handler_(request) : Answer(404, "", "text/plain");
}

Task<HttpResult> FakeHttpClient::Send(HttpRequest request,
                                      absl::Duration timeout) {
  HttpResult result = Handle(request);
  const auto executor = co_await asio::this_coro::executor;
  auto promise = std::make_shared<Promise<bool>>(executor);
  bool wait = false;
  {
    MutexLock lock(mutex_);
    requests_.push_back(std::move(request));
    timeouts_.push_back(timeout);
    wait = hold_;
    if (wait) held_.push_back({executor, promise});
    changed_.SignalAll();
  }
  if (!wait) co_return result;
  if (co_await WaitFor(promise, timeout)) co_return result;
  {
    MutexLock lock(mutex_);
    held_.erase(std::remove_if(held_.begin(), held_.end(),
                               [&promise](const Held& held) {
                                 return held.promise == promise;
                               }),
                held_.end());
    changed_.SignalAll();
  }
  co_return Lost();
}

void FakeHttpClient::Hold() {
  MutexLock lock(mutex_);
  hold_ = true;
}

void FakeHttpClient::Release(const Held& held) {
  asio::post(held.executor, [promise = held.promise] { promise->Set(true); });
}

bool FakeHttpClient::ReleaseOne() {
  MutexLock lock(mutex_);
  if (held_.empty()) return false;
  Release(held_.front());
  held_.pop_front();
  changed_.SignalAll();
  return true;
}

void FakeHttpClient::ReleaseAll() {
  MutexLock lock(mutex_);
  hold_ = false;
  for (const Held& held : held_) Release(held);
  held_.clear();
  changed_.SignalAll();
}

int FakeHttpClient::held() const {
  MutexLock lock(mutex_);
  return static_cast<int>(held_.size());
}

std::vector<HttpRequest> FakeHttpClient::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

int FakeHttpClient::request_count() const {
  MutexLock lock(mutex_);
  return static_cast<int>(requests_.size());
}

std::vector<absl::Duration> FakeHttpClient::timeouts() const {
  MutexLock lock(mutex_);
  return timeouts_;
}

void FakeHttpClient::ClearRequests() {
  MutexLock lock(mutex_);
  requests_.clear();
  timeouts_.clear();
}

bool FakeHttpClient::WaitForRequests(int count, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(mutex_);
  while (static_cast<int>(requests_.size()) < count) {
    if (!WaitForChange(deadline)) return false;
  }
  return true;
}

bool FakeHttpClient::WaitForHeld(int count, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(mutex_);
  while (static_cast<int>(held_.size()) < count) {
    if (!WaitForChange(deadline)) return false;
  }
  return true;
}

bool FakeHttpClient::WaitForChange(absl::Time deadline) {
  const absl::Duration left = deadline - absl::Now();
  if (left <= absl::ZeroDuration()) return false;
  changed_.WaitFor(
      mutex_, absl::ToChronoNanoseconds(std::min(left, absl::Seconds(3600))));
  return true;
}

}  // namespace valetkey
