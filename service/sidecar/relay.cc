#include "service/sidecar/relay.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/base/mutex.h"
#include "service/base/tsan_handover.h"
#include "service/sidecar/methods.h"

namespace valetkey::sidecar {
namespace {

using client::ForwardedCall;
using client::ForwardHandlers;
using grpc::ByteBuffer;

grpc::Status ShuttingDown() {
  return {grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"};
}
// Of a call that could not be made: the client is closed.
grpc::Status Unavailable(const absl::Status& status) {
  return absl::IsCancelled(status) ? ShuttingDown() : client::ToGrpc(status);
}

// A unary call. gRPC calls OnDone after Finish; the call upstream may outlive
// it, and finds then that nobody waits.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // What the call upstream, which may be the last to know, has in common with
  // this.
  struct State {
    Mutex mutex;
    UnaryCall* call VK_GUARDED_BY(mutex) = nullptr;  // nullptr: it is over
    std::optional<ForwardedCall> forwarded VK_GUARDED_BY(mutex);
  };

  UnaryCall(ByteBuffer* response, Ended ended)
      : response_(response), ended_(std::move(ended)) {
    MutexLock lock(state_->mutex);
    state_->call = this;
  }

  void Start(client::Client& client, const std::string& method,
             const ByteBuffer& request, const client::ForwardOptions& options) {
    const std::shared_ptr<State> state = state_;
    // Held until the forwarded call is known, which OnEnd could be quicker
    // than.
    MutexLock lock(state->mutex);
    auto forwarded = ForwardedCall::Start(
        client, method, request, options,
        {[state](ByteBuffer message) { OnMessage(*state, std::move(message)); },
         [state](const grpc::Status& status) { OnEnd(*state, status); }});
    if (!forwarded.ok()) {
      state->call = nullptr;
      Finish(Unavailable(forwarded.status()));
      return;
    }
    state->forwarded = *std::move(forwarded);
  }

  void OnCancel() override {
    VK_TAKE(this);
    MutexLock lock(state_->mutex);
    if (state_->forwarded) state_->forwarded->Cancel();
    VK_GIVE(this);
  }
  void OnDone() override {
    VK_TAKE(this);
    delete this;
  }

 private:
  static void OnMessage(State& state, ByteBuffer message) {
    MutexLock lock(state.mutex);
    if (state.call != nullptr) state.call->response_->Swap(&message);
    // The status comes after it.
    if (state.forwarded) state.forwarded->Read();
  }
  static void OnEnd(State& state, const grpc::Status& status) {
    UnaryCall* call = nullptr;
    {
      MutexLock lock(state.mutex);
      call = std::exchange(state.call, nullptr);
      state.forwarded.reset();
    }
    if (call == nullptr) return;
    grpc::Status told = call->ended_(status, call->response_);
    if (told.ok() && !call->response_->Valid()) {
      // gRPC would end the process.
      told = {grpc::StatusCode::INTERNAL, "the server sent no answer"};
    }
    VK_GIVE(call);
    call->Finish(told);
  }

  ByteBuffer* const response_;
  const Ended ended_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

using BidiReactor = grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>;

class Refused final : public BidiReactor {
 public:
  explicit Refused(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

// Any call. Its client's one message is read, and passed on; the next message
// of the answer is asked for when the last one has left.
class Relay::Stream final : public BidiReactor,
                            public std::enable_shared_from_this<Stream> {
 public:
  // REQUIRES: not for a watch after EndWatches.
  static std::shared_ptr<Stream> Start(
      client::Client& client, const std::string& method,
      const grpc::CallbackServerContext& context,
      std::shared_ptr<Watches> watches) {
    auto stream =
        std::make_shared<Stream>(client, method, context, std::move(watches));
    stream->self_ = stream;
    VK_GIVE(stream.get());
    stream->StartRead(&stream->request_);
    return stream;
  }

  Stream(client::Client& client, const std::string& method,
         const grpc::CallbackServerContext& context,
         std::shared_ptr<Watches> watches)
      : watches_(std::move(watches)),
        client_(client),
        method_(method),
        options_(ForwardOptionsOf(context)) {}

  void OnReadDone(bool ok) override {
    VK_TAKE(this);
    if (!ok) {
      Finish({grpc::StatusCode::INTERNAL, "the call has no message"});
      return;
    }
    MutexLock lock(mutex_);
    auto forwarded = ForwardedCall::Start(
        client_, method_, std::move(request_), options_,
        {[self = shared_from_this()](ByteBuffer message) {
           self->OnMessage(std::move(message));
         },
         [self = shared_from_this()](const grpc::Status& status) {
           self->OnEnd(status);
         }});
    if (!forwarded.ok()) {
      Finish(Unavailable(forwarded.status()));
      return;
    }
    forwarded_ = *std::move(forwarded);
    if (cancelled_) forwarded_->Cancel();
  }
  void OnWriteDone(bool ok) override {
    VK_TAKE(this);
    std::optional<grpc::Status> end;
    {
      MutexLock lock(mutex_);
      writing_ = false;
      end = end_;
      if (!end && ok) {
        forwarded_->Read();
      } else if (!end) {
        forwarded_->Cancel();
      }
    }
    if (end) FinishWith(*end);
  }
  void OnCancel() override {
    VK_TAKE(this);
    MutexLock lock(mutex_);
    cancelled_ = true;
    if (forwarded_) forwarded_->Cancel();
  }
  void OnDone() override {
    VK_TAKE(this);
    {
      MutexLock lock(watches_->mutex);
      watches_->streams.erase(this);
    }
    self_.reset();
  }

  // Because of a shutdown.
  void EndSoon() {
    MutexLock lock(mutex_);
    shutting_down_ = true;
    cancelled_ = true;
    if (forwarded_) forwarded_->Cancel();
  }

 private:
  void OnMessage(ByteBuffer message) {
    if (method_ == kWatchEvents && !std::exchange(began_, true)) {
      watches_->began();
    }
    {
      MutexLock lock(mutex_);
      writing_ = true;
    }
    // Kept until OnWriteDone, before which no other comes.
    message_.Swap(&message);
    VK_GIVE(this);
    StartWrite(&message_);
  }
  void OnEnd(const grpc::Status& status) {
    std::optional<grpc::Status> end;
    {
      MutexLock lock(mutex_);
      forwarded_.reset();
      end = end_ = shutting_down_ ? ShuttingDown() : status;
      // Cancelled while a message was leaving: OnWriteDone finishes.
      if (writing_) return;
    }
    FinishWith(*end);
  }
  void FinishWith(const grpc::Status& status) {
    VK_GIVE(this);
    Finish(status);
  }

  const std::shared_ptr<Watches> watches_;
  client::Client& client_;
  const std::string method_;
  const client::ForwardOptions options_;
  ByteBuffer request_;
  ByteBuffer message_;
  bool began_ = false;
  std::shared_ptr<Stream> self_;

  Mutex mutex_;
  bool cancelled_ VK_GUARDED_BY(mutex_) = false;
  bool shutting_down_ VK_GUARDED_BY(mutex_) = false;
  bool writing_ VK_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ VK_GUARDED_BY(mutex_);
  std::optional<ForwardedCall> forwarded_ VK_GUARDED_BY(mutex_);
};

client::ForwardOptions ForwardOptionsOf(
    const grpc::CallbackServerContext& context) {
  client::ForwardOptions options;
  if (context.deadline() != std::chrono::system_clock::time_point::max()) {
    options.deadline = absl::FromChrono(context.deadline());
  }
  for (const auto& [key, value] : context.client_metadata()) {
    if (IsPassedOnMetadata(absl::string_view(key.data(), key.size()))) {
      options.metadata.emplace_back(std::string(key.data(), key.size()),
                                    std::string(value.data(), value.size()));
    }
  }
  return options;
}

grpc::ServerUnaryReactor* PassOn(client::Client& client,
                                 const std::string& method,
                                 grpc::CallbackServerContext& context,
                                 const ByteBuffer& request,
                                 ByteBuffer* response, Ended ended) {
  auto* const call = new UnaryCall(response, std::move(ended));
  VK_GIVE(call);
  call->Start(client, method, request, ForwardOptionsOf(context));
  return call;
}

Relay::Relay(client::Client& client, Metrics& metrics,
             std::function<void()> watch_began)
    : client_(client),
      passed_on_(metrics.GetCounter(
          "valetkey_sidecar_calls_passed_on_total",
          "Calls passed on to the server, but for those of GetToken")) {
  watches_->began = std::move(watch_began);
}

BidiReactor* Relay::Start(const std::string& method,
                          grpc::CallbackServerContext& context) {
  passed_on_.Add();
  if (method != kWatchEvents) {
    return Stream::Start(client_, method, context, watches_).get();
  }
  MutexLock lock(watches_->mutex);
  if (watches_->ended) return new Refused(ShuttingDown());
  const auto stream = Stream::Start(client_, method, context, watches_);
  watches_->streams.emplace(stream.get(), stream);
  return stream.get();
}

void Relay::EndWatches() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    MutexLock lock(watches_->mutex);
    watches_->ended = true;
    for (const auto& [key, weak] : watches_->streams) {
      if (auto stream = weak.lock()) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->EndSoon();
}

}  // namespace valetkey::sidecar
