#include "service/net/redis/redis_link.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/net/redis/redis_handshake.h"

namespace valetkey::redis {
namespace {

constexpr std::size_t kInputSize = 64 << 10;
// A buffer that once had to be larger is given back.
constexpr std::size_t kKeptOutput = 1 << 20;

std::chrono::nanoseconds Chrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

// Runs handlers that wait elsewhere in the stack: in a turn of their own.
void PostAll(const asio::any_io_executor& executor,
             std::vector<ReplyHandler> handlers, absl::Status status) {
  if (handlers.empty()) return;
  asio::post(executor, [handlers = std::move(handlers),
                        status = std::move(status)]() mutable {
    for (ReplyHandler& handler : handlers) handler(status);
  });
}

// Redis before 7 puts a script's error behind words of its own.
bool IsReadOnly(const RedisReply& reply) {
  return reply.is_error() && (ErrorCode(reply) == "READONLY" ||
                              absl::StrContains(reply.text, "-READONLY "));
}

}  // namespace

RedisLink::RedisLink(asio::any_io_executor executor,
                     std::shared_ptr<RedisTransport> transport,
                     const RedisOptions& options)
    : executor_(executor),
      transport_(std::move(transport)),
      options_(options),
      lost_(std::make_shared<Promise<absl::Status>>(executor)),
      reader_(options.limits),
      input_(kInputSize),
      tick_(executor),
      last_activity_(ReplyQueue::Clock::now()) {}

void RedisLink::Start() {
  Arm(last_activity_);
  Read();
}

absl::Status RedisLink::Admit(std::size_t count) const {
  if (lost_->is_set()) return absl::UnavailableError("redis: connection lost");
  if (queue_.size() + count > options_.max_in_flight ||
      output_.size() + sending_.size() > options_.max_unsent_bytes) {
    return absl::ResourceExhaustedError("redis: too many commands in flight");
  }
  return absl::OkStatus();
}

std::uint64_t RedisLink::Send(const std::vector<std::string>& argv,
                              ReplyQueue::TimePoint deadline,
                              ReplyHandler handler) {
  const ReplyQueue::TimePoint now = ReplyQueue::Clock::now();
  last_activity_ = now;
  AppendCommand(argv, &output_);
  const std::uint64_t id = queue_.Push(std::move(handler), deadline, now);
  if (deadline < armed_for_) Arm(now);
  ScheduleFlush();
  return id;
}

void RedisLink::Cancel(std::uint64_t id) {
  ReplyHandler handler = queue_.Abandon(id);
  if (!handler) return;
  std::vector<ReplyHandler> handlers;
  handlers.push_back(std::move(handler));
  PostAll(executor_, std::move(handlers),
          absl::CancelledError("redis: the caller gave up"));
}

void RedisLink::Fail(absl::Status status) {
  if (lost_->is_set()) return;
  transport_->Close();
  tick_.cancel();
  output_.clear();
  // First, so that the client is known to be down when they look.
  lost_->Set(status);
  PostAll(executor_, queue_.TakeAll(), std::move(status));
}

void RedisLink::Read() {
  transport_->Read(asio::buffer(input_),
                   [self = shared_from_this()](boost::system::error_code error,
                                               std::size_t size) {
                     self->OnRead(error, size);
                   });
}

void RedisLink::OnRead(boost::system::error_code error, std::size_t size) {
  if (lost_->is_set()) return;
  if (error) {
    Fail(absl::UnavailableError(
        absl::StrCat("redis: connection lost: ", error.message())));
    return;
  }
  absl::Status status = reader_.Feed(absl::string_view(input_.data(), size));
  if (status.ok()) status = TakeReplies();
  // Nobody is resumed before the queue is in order again: handlers send.
  for (auto& [handler, reply] : ready_) handler(std::move(reply));
  ready_.clear();
  if (status.ok() && demoted_) {
    status = absl::FailedPreconditionError("redis: the server is no master");
  }
  if (!status.ok()) {
    Fail(absl::UnavailableError(status.message()));
    return;
  }
  if (!lost_->is_set()) Read();
}

absl::Status RedisLink::TakeReplies() {
  const ReplyQueue::TimePoint now = ReplyQueue::Clock::now();
  last_activity_ = now;
  RedisReply reply;
  for (;;) {
    absl::StatusOr<bool> complete = reader_.Next(&reply);
    if (!complete.ok()) return complete.status();
    if (!*complete) return absl::OkStatus();
    if (queue_.empty()) {
      return absl::DataLossError("redis: a reply that nobody asked for");
    }
    if (reply.is_error() && options_.url.mode == RedisUrl::Mode::kSentinel) {
      demoted_ = demoted_ || IsReadOnly(reply);
    }
    if (ReplyHandler handler = queue_.Pop(now)) {
      ready_.emplace_back(std::move(handler), std::move(reply));
    }
  }
}

void RedisLink::ScheduleFlush() {
  if (flush_scheduled_ || writing_) return;
  flush_scheduled_ = true;
  // Behind what is already queued: its commands come along.
  asio::post(executor_, [self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->Flush();
  });
}

void RedisLink::Flush() {
  if (writing_ || output_.empty() || lost_->is_set()) return;
  writing_ = true;
  std::swap(output_, sending_);
  transport_->Write(
      asio::buffer(sending_),
      [self = shared_from_this()](boost::system::error_code error,
                                  std::size_t) { self->OnWritten(error); });
}

void RedisLink::OnWritten(boost::system::error_code error) {
  writing_ = false;
  sending_.clear();
  if (sending_.capacity() > kKeptOutput) std::string().swap(sending_);
  if (error) {
    Fail(absl::UnavailableError(
        absl::StrCat("redis: connection lost: ", error.message())));
    return;
  }
  Flush();
}

void RedisLink::Arm(ReplyQueue::TimePoint now) {
  const auto interval = std::max<ReplyQueue::Clock::duration>(
      std::min(Chrono(options_.stall_timeout) / 4,
               Chrono(options_.ping_interval) / 2),
      std::chrono::milliseconds(10));
  armed_for_ = std::min(now + interval, queue_.next_deadline());
  tick_.expires_at(armed_for_);
  tick_.async_wait(
      [self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->OnTick();
      });
}

void RedisLink::Try() {
  if (options_.url.mode != RedisUrl::Mode::kSentinel) {
    Send({"PING"}, ReplyQueue::TimePoint::max(), nullptr);
    return;
  }
  Send({"ROLE"}, ReplyQueue::TimePoint::max(),
       [self = shared_from_this()](absl::StatusOr<RedisReply> reply) {
         if (!reply.ok()) return;
         absl::Status status = CheckMaster(*reply);
         if (!status.ok()) self->Fail(absl::UnavailableError(status.message()));
       });
}

void RedisLink::OnTick() {
  if (lost_->is_set()) return;
  const ReplyQueue::TimePoint now = ReplyQueue::Clock::now();
  PostAll(executor_, queue_.Expire(now),
          absl::DeadlineExceededError("redis: no reply in time"));
  if (queue_.Silence(now) > Chrono(options_.stall_timeout)) {
    Fail(absl::UnavailableError(absl::StrCat(
        "redis: no reply for ", absl::FormatDuration(options_.stall_timeout))));
    return;
  }
  if (queue_.empty() &&
      now - last_activity_ >= Chrono(options_.ping_interval)) {
    Try();
  }
  Arm(now);
}

}  // namespace valetkey::redis
