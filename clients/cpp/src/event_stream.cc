#include "src/event_stream.h"

#include <utility>

#include "src/status.h"
#include "src/tsan.h"

namespace valetkey::client::internal {

std::shared_ptr<EventStream> EventStream::Start(std::shared_ptr<Core> core,
                                                v1::WatchEventsRequest request,
                                                Handlers handlers) {
  const std::shared_ptr<EventStream> stream(new EventStream(
      std::move(core), std::move(request), std::move(handlers)));
  // A Close from elsewhere waits until the call has begun.
  const MutexLock lock(stream->mutex_);
  // What has begun is kept by the core until its end.
  if (!stream->core_->Begin(stream)) return nullptr;
  stream->core_->Prepare(stream->context_);
  stream->core_->stubs().events->async()->WatchEvents(
      &stream->context_, &stream->request_, stream.get());
  stream->AddHold();
  stream->reading_ = true;
  stream->StartRead(&stream->message_);
  HandOver(stream.get());
  stream->StartCall();
  return stream;
}

void EventStream::Read() {
  const MutexLock lock(mutex_);
  if (!held_) return;
  reading_ = true;
  StartRead(&message_);
}

void EventStream::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  context_.TryCancel();
  if (!reading_) ReleaseHold();
}

void EventStream::ReleaseHold() {
  if (!held_) return;
  held_ = false;
  RemoveHold();
}

void EventStream::OnReadDone(bool ok) {
  TakeOver(this);
  v1::WatchEventsResponse message;
  {
    const MutexLock lock(mutex_);
    reading_ = false;
    // After Close a message may still come; nobody reads on.
    if (!ok || closed_) {
      ReleaseHold();
      return;
    }
    message = std::move(message_);
  }
  handlers_.on_message(std::move(message));
}

void EventStream::OnDone(const grpc::Status& status) {
  TakeOver(this);
  absl::Status end = FromGrpc(status);
  if (end.ok()) end = absl::UnavailableError("the server ended the stream");
  handlers_.on_end(std::move(end));
  core_->End(this);
}

}  // namespace valetkey::client::internal
