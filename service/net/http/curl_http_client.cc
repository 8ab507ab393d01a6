#include "service/net/http/curl_http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/promise.h"
#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/net/http/curl_loop.h"
#include "service/net/http/curl_stream.h"
#include "service/net/http/curl_transfer.h"

namespace valetkey {
namespace {

// What a caller waits for. The transfer may end when the caller has gone, so
// both hold it; `mutex` guards who is first.
struct Call {
  explicit Call(asio::any_io_executor caller)
      : executor(caller), promise(std::make_shared<Promise<bool>>(caller)) {}

  Mutex mutex;
  bool abandoned VK_GUARDED_BY(mutex) = false;
  const asio::any_io_executor executor;
  // Used on the caller's executor only.
  const std::shared_ptr<Promise<bool>> promise;
  HttpResult result;
};

void Deliver(const std::shared_ptr<Call>& call, HttpResult result) {
  MutexLock lock(call->mutex);
  if (call->abandoned) return;
  asio::post(call->executor, [call, result = std::move(result)]() mutable {
    call->result = std::move(result);
    call->promise->Set(true);
  });
}

// Ends with the caller's frame, however that ends: nothing is posted to its
// executor afterwards.
class Waiting {
 public:
  explicit Waiting(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~Waiting() {
    MutexLock lock(call_->mutex);
    call_->abandoned = true;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const std::shared_ptr<Call> call_;
};

// A loop for each reactor.
class CurlLoops {
 public:
  explicit CurlLoops(ReactorPool& pool) {
    for (int i = 0; i < pool.size(); ++i) {
      loops_.push_back(std::make_shared<CurlLoop>(pool.At(i)));
    }
  }

  ~CurlLoops() {
    for (const auto& loop : loops_) {
      if (loop->reactor().InThread()) {
        loop->Shutdown();
        continue;
      }
      std::promise<void> done;
      asio::post(loop->reactor().executor(), [&loop, &done] {
        loop->Shutdown();
        done.set_value();
      });
      done.get_future().wait();
    }
  }

  // The caller's own reactor, so that an answer crosses no thread; else null.
  std::shared_ptr<CurlLoop> Own() const {
    for (const auto& loop : loops_) {
      if (loop->reactor().InThread()) return loop;
    }
    return nullptr;
  }
  // The same, else any.
  std::shared_ptr<CurlLoop> Pick() {
    if (auto own = Own()) return own;
    return loops_[next_.fetch_add(1, std::memory_order_relaxed) %
                  loops_.size()];
  }

 private:
  std::vector<std::shared_ptr<CurlLoop>> loops_;
  std::atomic<std::uint32_t> next_{0};
};

class CurlHttpClient final : public HttpClient {
 public:
  CurlHttpClient(ReactorPool& pool, CurlOptions options)
      : options_(std::make_shared<const CurlOptions>(std::move(options))),
        loops_(pool) {}

  Task<HttpResult> Send(HttpRequest request, absl::Duration timeout) override {
    auto call = std::make_shared<Call>(co_await asio::this_coro::executor);
    const Waiting waiting(call);
    auto transfer = std::make_unique<CurlTransfer>(
        std::move(request), timeout, *options_,
        // The options live as long as any transfer.
        [call, options = options_](HttpResult result) {
          Deliver(call, std::move(result));
        });
    if (absl::Status ready = transfer->Prepare(); !ready.ok()) {
      HttpResult result;
      result.status = std::move(ready);
      result.maybe_sent = false;
      co_return result;
    }
    const std::shared_ptr<CurlLoop> loop = loops_.Pick();
    if (loop->reactor().InThread()) {
      loop->Start(std::move(transfer));
    } else {
      asio::post(loop->reactor().executor(),
                 [loop, moved = std::move(transfer)]() mutable {
                   loop->Start(std::move(moved));
                 });
    }
    if (co_await WaitFor(call->promise, absl::InfiniteDuration())) {
      co_return std::move(call->result);
    }
    HttpResult result;
    result.status = MakeError(Reason::kProviderUnavailable,
                              "the caller stopped waiting for the answer");
    co_return result;
  }

 private:
  const std::shared_ptr<const CurlOptions> options_;
  CurlLoops loops_;
};

class CurlExchange final : public HttpExchange {
 public:
  CurlExchange(std::shared_ptr<CurlLoop> loop,
               std::shared_ptr<const CurlOptions> options,
               std::shared_ptr<CurlFlow> flow)
      : loop_(std::move(loop)),
        options_(std::move(options)),
        flow_(std::move(flow)) {}
  ~CurlExchange() override { Cancel(); }

  absl::Status Start(HttpRequestHead request, absl::Duration silence) {
    auto transfer = std::make_unique<CurlStream>(std::move(request), silence,
                                                 *options_, flow_);
    VK_RETURN_IF_ERROR(transfer->Prepare());
    easy_ = transfer->easy();
    loop_->Start(std::move(transfer));
    return absl::OkStatus();
  }

  Task<absl::Status> Write(std::string data) override {
    const std::shared_ptr<CurlFlow> flow = flow_;
    flow->outgoing = std::move(data);
    flow->taken = 0;
    Give();
    while (!flow->finished && !flow->has_head && !flow->TakenWhole()) {
      co_await flow->Wait();
    }
    co_return flow->has_head ? absl::OkStatus() : flow->status;
  }

  void EndBody() override {
    flow_->ended = true;
    Give();
  }

  bool answered() const override { return flow_->has_head; }

  Task<absl::StatusOr<HttpResponseHead>> ReadHead() override {
    const std::shared_ptr<CurlFlow> flow = flow_;
    // Answered before the end of the body, it is given no more of it.
    if (flow->has_head) Give();
    while (!flow->finished && !flow->has_head) co_await flow->Wait();
    if (flow->has_head) co_return flow->head;
    co_return flow->status;
  }

  Task<absl::StatusOr<std::string>> Read() override {
    const std::shared_ptr<CurlFlow> flow = flow_;
    while (!flow->finished && flow->incoming.empty()) co_await flow->Wait();
    std::string data = std::exchange(flow->incoming, {});
    if (std::exchange(flow->taking_paused, false)) loop_->Resume(easy_);
    if (data.empty() && !flow->status.ok()) co_return flow->status;
    co_return data;
  }

  void Cancel() override {
    if (!flow_->finished && easy_ != nullptr) loop_->Cancel(easy_);
  }

 private:
  void Give() {
    if (std::exchange(flow_->giving_paused, false)) loop_->Resume(easy_);
  }

  const std::shared_ptr<CurlLoop> loop_;
  const std::shared_ptr<const CurlOptions> options_;
  const std::shared_ptr<CurlFlow> flow_;
  CURL* easy_ = nullptr;
};

class CurlStreamClient final : public HttpStreamClient {
 public:
  CurlStreamClient(ReactorPool& pool, CurlOptions options)
      : options_(std::make_shared<const CurlOptions>(std::move(options))),
        loops_(pool) {}

  absl::StatusOr<std::unique_ptr<HttpExchange>> Open(
      HttpRequestHead request, absl::Duration silence) override {
    std::shared_ptr<CurlLoop> loop = loops_.Own();
    if (loop == nullptr) {
      return MakeError(Reason::kInternalFault,
                       "an exchange was opened outside the reactors");
    }
    auto flow = std::make_shared<CurlFlow>(loop->reactor().executor());
    auto exchange = std::make_unique<CurlExchange>(std::move(loop), options_,
                                                   std::move(flow));
    VK_RETURN_IF_ERROR(exchange->Start(std::move(request), silence));
    return exchange;
  }

 private:
  const std::shared_ptr<const CurlOptions> options_;
  CurlLoops loops_;
};

absl::Status CheckCurl(const CurlOptions& options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) {
    return MakeError(Reason::kInternalFault, "libcurl does not start");
  }
  if (!options.ca_file.empty() && access(options.ca_file.c_str(), R_OK) != 0) {
    return InvalidField("ca_file", absl::StrCat("a readable file; \"",
                                                options.ca_file, "\" is not"));
  }
  for (const OriginOverride& rule : options.origin_overrides) {
    VK_RETURN_IF_ERROR(
        ParseOriginOverride(absl::StrCat(rule.from, "=", rule.to)).status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpClient>> NewCurlHttpClient(
    ReactorPool& pool, CurlOptions options) {
  VK_RETURN_IF_ERROR(CheckCurl(options));
  return std::make_unique<CurlHttpClient>(pool, std::move(options));
}

absl::StatusOr<std::unique_ptr<HttpStreamClient>> NewCurlStreamClient(
    ReactorPool& pool, CurlOptions options) {
  VK_RETURN_IF_ERROR(CheckCurl(options));
  return std::make_unique<CurlStreamClient>(pool, std::move(options));
}

}  // namespace valetkey
