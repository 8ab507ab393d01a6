#include "src/forward.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "src/tsan.h"
#include "valetkey/client.h"

namespace valetkey::client {
namespace internal {

std::shared_ptr<Forward> Forward::Start(std::shared_ptr<Core> core,
                                        const std::string& method,
                                        grpc::ByteBuffer request,
                                        const ForwardOptions& options,
                                        ForwardHandlers handlers) {
  const std::shared_ptr<Forward> call(
      new Forward(std::move(core), std::move(request), std::move(handlers)));
  // A Close from elsewhere waits until the call has begun.
  const MutexLock lock(call->mutex_);
  // What has begun is kept by the core until its end.
  if (!call->core_->Begin(call)) return nullptr;
  call->core_->Prepare(call->context_);
  for (const auto& [key, value] : options.metadata) {
    call->context_.AddMetadata(key, value);
  }
  if (options.deadline != absl::InfiniteFuture()) {
    call->context_.set_deadline(absl::ToChronoTime(options.deadline));
  }
  call->core_->stubs().generic->PrepareBidiStreamingCall(
      &call->context_, method, grpc::StubOptions(), call.get());
  call->AddHold();
  call->StartWriteLast(&call->request_, grpc::WriteOptions());
  call->reading_ = true;
  call->StartRead(&call->message_);
  HandOver(call.get());
  call->StartCall();
  return call;
}

void Forward::Read() {
  const MutexLock lock(mutex_);
  if (!held_) return;
  reading_ = true;
  HandOver(this);
  StartRead(&message_);
}

void Forward::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  context_.TryCancel();
  if (!reading_) ReleaseHold();
}

void Forward::ReleaseHold() {
  if (!held_) return;
  held_ = false;
  RemoveHold();
}

void Forward::OnReadDone(bool ok) {
  TakeOver(this);
  grpc::ByteBuffer message;
  {
    const MutexLock lock(mutex_);
    reading_ = false;
    // After Close a message may still come; nobody reads on.
    if (!ok || closed_) {
      ReleaseHold();
      return;
    }
    message.Swap(&message_);
  }
  handlers_.on_message(std::move(message));
}

void Forward::OnDone(const grpc::Status& status) {
  TakeOver(this);
  bool closed = false;
  {
    const MutexLock lock(mutex_);
    closed = closed_;
  }
  {
    // Forgotten with the end: they may hold whoever holds this call.
    const ForwardHandlers handlers = std::exchange(handlers_, {});
    // After Close messages are dropped, so that it did not end well.
    handlers.on_end(closed ? grpc::Status::CANCELLED : status);
  }
  core_->End(this);
}

}  // namespace internal

ForwardedCall::ForwardedCall(std::shared_ptr<internal::Forward> forward)
    : forward_(std::move(forward)) {}

void ForwardedCall::Read() const { forward_->Read(); }
void ForwardedCall::Cancel() const { forward_->Close(); }

absl::StatusOr<ForwardedCall> ForwardedCall::Start(
    Client& client, const std::string& method, grpc::ByteBuffer request,
    const ForwardOptions& options, ForwardHandlers handlers) {
  auto call = internal::Forward::Start(client.core_, method, std::move(request),
                                       options, std::move(handlers));
  if (call == nullptr) return internal::ClosedError();
  return ForwardedCall(std::move(call));
}

}  // namespace valetkey::client
