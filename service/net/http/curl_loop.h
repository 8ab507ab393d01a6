// curl's multi interface on a reactor: one multi handle, which is one pool of
// connections. Internal to net/http.

#ifndef VALETKEY_NET_HTTP_CURL_LOOP_H_
#define VALETKEY_NET_HTTP_CURL_LOOP_H_

#include <curl/curl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <utility>

#include "service/async/reactor.h"
#include "service/net/http/curl_transfer.h"

namespace valetkey {

// A socket of curl's, watched by the event loop. curl owns the descriptor: it
// is let go before curl closes it.
struct WatchedSocket {
  WatchedSocket(asio::io_context& context, curl_socket_t fd)
      : descriptor(context) {
    boost::system::error_code error;
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

  // Goes on with what a callback has paused; not from within a callback. A
  // transfer that has ended is left alone.
  void Resume(CURL* easy) {
    if (transfers_.count(easy) != 0) curl_easy_pause(easy, CURLPAUSE_CONT);
  }

  // Ends a transfer, if it has not ended.
  void Cancel(CURL* easy) {
    auto node = transfers_.extract(easy);
    if (node.empty()) return;
    curl_multi_remove_handle(multi_, easy);
    node.mapped()->Fail("the exchange was given up");
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
      socket->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                    [self = shared_from_this(), fd,
                                     socket](boost::system::error_code error) {
                                      socket->reading = false;
                                      self->OnReady(fd, socket, CURL_POLL_IN,
                                                    CURL_CSELECT_IN, error);
                                    });
    }
    if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                                    [self = shared_from_this(), fd,
                                     socket](boost::system::error_code error) {
                                      socket->writing = false;
                                      self->OnReady(fd, socket, CURL_POLL_OUT,
                                                    CURL_CSELECT_OUT, error);
                                    });
    }
  }

  // The socket may have been removed, and its number given to another, while
  // this was queued: `socket` tells, not `fd`.
  void OnReady(curl_socket_t fd, const std::shared_ptr<WatchedSocket>& socket,
               int poll, int event, boost::system::error_code error) {
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
    timer_.async_wait(
        [self = shared_from_this()](boost::system::error_code error) {
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

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_CURL_LOOP_H_
