#include "src/testing/fake_stream.h"

#include "src/testing/fake_server.h"
#include "src/tsan.h"

namespace valetkey::client::internal {

void FakeStream::Send(std::vector<v1::WatchEventsResponse> messages) {
  const MutexLock lock(mutex_);
  for (auto& message : messages) queue_.push_back(std::move(message));
  WriteNext();
}

void FakeStream::End(const grpc::Status& status) {
  const MutexLock lock(mutex_);
  if (!end_.has_value()) end_ = status;
  WriteNext();
}

void FakeStream::WriteNext() {
  if (is_writing_ || finished_) return;
  if (!queue_.empty()) {
    writing_ = std::move(queue_.front());
    queue_.pop_front();
    is_writing_ = true;
    HandOver(this);
    StartWrite(&writing_);
  } else if (end_.has_value()) {
    FinishNow();
  }
}

void FakeStream::FinishNow() {
  finished_ = true;
  HandOver(this);
  Finish(*end_);
}

void FakeStream::OnWriteDone(bool ok) {
  TakeOver(this);
  const MutexLock lock(mutex_);
  is_writing_ = false;
  if (!ok) queue_.clear();
  if (!ok && !end_.has_value()) end_ = grpc::Status::CANCELLED;
  WriteNext();
}

void FakeStream::OnCancel() {
  TakeOver(this);
  const MutexLock lock(mutex_);
  queue_.clear();
  if (!end_.has_value()) end_ = grpc::Status::CANCELLED;
  WriteNext();
}

void FakeStream::OnDone() {
  TakeOver(this);
  server_->Forget(this);
  // gRPC's threads meet here last, each having let go of the lock.
  {
    const MutexLock lock(mutex_);
  }
  delete this;
}

}  // namespace valetkey::client::internal
