// A few threads, each running one event loop. Work for one name always runs on
// one reactor, so state kept per name needs no lock.

#ifndef VALETKEY_ASYNC_REACTOR_H_
#define VALETKEY_ASYNC_REACTOR_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/async/task.h"

namespace valetkey {

class Reactor {
 public:
  // Starts the thread.
  explicit Reactor(int index);
  // Stops it; work not yet done is dropped, so join scopes first.
  ~Reactor();

  // The two halves of that, for reactors whose work holds on to one another:
  // joins the thread; then destroys what it left undone.
  void Stop();
  void DropWork();

  asio::io_context& context() { return context_; }
  asio::any_io_executor executor() { return context_.get_executor(); }
  int index() const { return index_; }
  // Whether the calling thread is this reactor's.
  bool InThread() const;

 private:
  // Lets its handlers be destroyed while it still is a context.
  class Context : public asio::io_context {
   public:
    using asio::execution_context::shutdown;
    using asio::io_context::io_context;
  };

  const int index_;
  Context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

class ReactorPool {
 public:
  // REQUIRES: size >= 1.
  explicit ReactorPool(int size);
  // All of them are stopped before any is destroyed, as a task that one of
  // them runs or has left undone may refer to another.
  ~ReactorPool();

  Reactor& For(absl::string_view name);
  Reactor& At(int index) { return *reactors_[index]; }
  int size() const { return static_cast<int>(reactors_.size()); }

 private:
  std::vector<std::unique_ptr<Reactor>> reactors_;
};

}  // namespace valetkey

#endif  // VALETKEY_ASYNC_REACTOR_H_
