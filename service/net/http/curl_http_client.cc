#include "service/net/http/curl_http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
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
#include "service/net/http/curl_transfer.h"

namespace valetkey {
namespace {

using boost::system::error_code;

// A socket of curl's, watched by the event loop. curl owns the descriptor: it
// is let go before curl closes it.
struct WatchedSocket {
  WatchedSocket(asio::io_context& context, curl_socket_t fd)
      : descriptor(context) {
    error_code error;
    descriptor.assign(fd, error);
    assigned = !error;
  }
  ~WatchedSocket() { LetGo(); }

  void LetGo() {
    wanted = 0;
    if (std::exchange(assigned, false)) descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  bool assigned = false;
  int wanted = 0;        // CURL_POLL_IN | CURL_POLL_OUT; 0: no longer watched
  bool reading = false;  // a wait is outstanding
  bool writing = false;
};

// One multi handle and its event loop. All but the constructor runs on the
// reactor's thread.
class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  explicit CurlLoop(Reactor& reactor)
      : reactor_(reactor), timer_(reactor.context()) {}

  Reactor& reactor() { return reactor_; }

  void Start(std::unique_ptr<CurlTransfer> transfer) {
    if (!EnsureMulti()) {
      transfer->Fail("the client is shutting down");
      return;
    }
    CURL* easy = transfer->easy();
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK) {
      transfer->Fail("curl refused the request");
      return;
    }
    transfers_.emplace(easy, std::move(transfer));
  }

  // Ends all transfers; nothing can be started afterwards.
  void Shutdown() {
    shut_down_ = true;
    if (multi_ == nullptr) return;
    for (auto& [easy, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, easy);
      transfer->Fail("the client is shutting down");
    }
    transfers_.clear();
    curl_multi_cleanup(multi_);
    multi_ = nullptr;
    for (auto& [fd, socket] : sockets_) socket->LetGo();
    sockets_.clear();
    timer_.cancel();
  }

 private:
  // Made when first needed, on the reactor's thread: a client may be made
  // before it is known which reactors will send.
  bool EnsureMulti() {
    if (multi_ != nullptr) return true;
    if (shut_down_) return false;
    multi_ = curl_multi_init();
    if (multi_ == nullptr) return false;
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::OnSocket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::OnTimer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 32L);
    return true;
  }

  static int OnSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    static_cast<CurlLoop*>(self)->Watch(fd, what);
    return 0;
  }

  static int OnTimer(CURLM*, long milliseconds, void* self) {
    static_cast<CurlLoop*>(self)->SetTimer(milliseconds);
    return 0;
  }

  void Watch(curl_socket_t fd, int what) {
    if (what == CURL_POLL_REMOVE) {
      const auto found = sockets_.find(fd);
      if (found == sockets_.end()) return;
      found->second->LetGo();
      sockets_.erase(found);
      return;
    }
    std::shared_ptr<WatchedSocket>& socket = sockets_[fd];
    if (socket == nullptr) {
      socket = std::make_shared<WatchedSocket>(reactor_.context(), fd);
    }
    socket->wanted = what;
    Arm(fd, socket);
  }

  void Arm(curl_socket_t fd, const std::shared_ptr<WatchedSocket>& socket) {
    if (!socket->assigned) return;  // curl's own time-outs end the transfer
    if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) {
      socket->reading = true;
      socket->descriptor.async_wait(
          asio::posix::descriptor_base::wait_read,
          [self = shared_from_this(), fd, socket](error_code error) {
            socket->reading = false;
            self->OnReady(fd, socket, CURL_POLL_IN, CURL_CSELECT_IN, error);
          });
    }
    if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(
          asio::posix::descriptor_base::wait_write,
          [self = shared_from_this(), fd, socket](error_code error) {
            socket->writing = false;
            self->OnReady(fd, socket, CURL_POLL_OUT, CURL_CSELECT_OUT, error);
          });
    }
  }

  // The socket may have been removed, and its number given to another, while
  // this was queued: `socket` tells, not `fd`.
  void OnReady(curl_socket_t fd, const std::shared_ptr<WatchedSocket>& socket,
               int poll, int event, error_code error) {
    if (multi_ == nullptr || (socket->wanted & poll) == 0) return;
    Act(fd, error ? CURL_CSELECT_ERR : event);
    if (socket->wanted != 0) Arm(fd, socket);
  }

  void SetTimer(long milliseconds) {
    if (milliseconds < 0) {
      timer_.cancel();
      return;
    }
    // Also at zero curl must not be called from within its callback.
    timer_.expires_after(std::chrono::milliseconds(milliseconds));
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error && self->multi_ != nullptr) {
        self->Act(CURL_SOCKET_TIMEOUT, 0);
      }
    });
  }

  void Act(curl_socket_t fd, int event) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, event, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      // The message dies with the removal.
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(multi_, easy);
      auto node = transfers_.extract(easy);
      if (!node.empty()) node.mapped()->Finish(code);
    }
  }

  Reactor& reactor_;
  CURLM* multi_ = nullptr;
  bool shut_down_ = false;
  asio::steady_timer timer_;
  std::map<curl_socket_t, std::shared_ptr<WatchedSocket>> sockets_;
  std::map<CURL*, std::unique_ptr<CurlTransfer>> transfers_;
};

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

class CurlHttpClient final : public HttpClient {
 public:
  CurlHttpClient(ReactorPool& pool, CurlOptions options)
      : options_(std::make_shared<const CurlOptions>(std::move(options))) {
    for (int i = 0; i < pool.size(); ++i) {
      loops_.push_back(std::make_shared<CurlLoop>(pool.At(i)));
    }
  }

  ~CurlHttpClient() override {
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
    const std::shared_ptr<CurlLoop> loop = PickLoop();
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
  // The caller's own reactor, so that an answer crosses no thread; else any.
  const std::shared_ptr<CurlLoop>& PickLoop() {
    for (const auto& loop : loops_) {
      if (loop->reactor().InThread()) return loop;
    }
    return loops_[next_.fetch_add(1, std::memory_order_relaxed) %
                  loops_.size()];
  }

  const std::shared_ptr<const CurlOptions> options_;
  std::vector<std::shared_ptr<CurlLoop>> loops_;
  std::atomic<std::uint32_t> next_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpClient>> NewCurlHttpClient(
    ReactorPool& pool, CurlOptions options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) {
    return MakeError(Reason::kInternalFault, "libcurl does not start");
  }
  if (!options.ca_file.empty() && access(options.ca_file.c_str(), R_OK) != 0) {
    return InvalidField("ca_file", absl::StrCat("expected a readable file; \"",
                                                options.ca_file, "\" is not"));
  }
  for (const OriginOverride& rule : options.origin_overrides) {
    VK_RETURN_IF_ERROR(
        ParseOriginOverride(absl::StrCat(rule.from, "=", rule.to)).status());
  }
  return std::make_unique<CurlHttpClient>(pool, std::move(options));
}

}  // namespace valetkey
