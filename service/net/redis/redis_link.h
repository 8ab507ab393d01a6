// One established connection, from the handshake to its loss: commands go out
// together once per turn of the event loop, replies go to those who wait in
// order. Does not reconnect: see redis_client.h. Where sentinels choose the
// server it is lost too when that turns out to be no master (any more).
//
// Belongs to one executor, on which everything is called.

#ifndef VALETKEY_NET_REDIS_REDIS_LINK_H_
#define VALETKEY_NET_REDIS_REDIS_LINK_H_

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "service/async/promise.h"
#include "service/net/redis/redis_options.h"
#include "service/net/redis/redis_transport.h"
#include "service/net/redis/reply_queue.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

class RedisLink : public std::enable_shared_from_this<RedisLink> {
 public:
  // `options` outlives the link.
  RedisLink(asio::any_io_executor executor,
            std::shared_ptr<RedisTransport> transport,
            const RedisOptions& options);

  // Begins to read. Call once.
  void Start();

  // RESOURCE_EXHAUSTED if `count` more commands would be too many, UNAVAILABLE
  // if the connection is lost.
  absl::Status Admit(std::size_t count) const;
  // REQUIRES: admitted. The handler runs exactly once, never inside Send, on
  // the executor: with the reply; DEADLINE_EXCEEDED; or UNAVAILABLE when the
  // connection is lost. In the last two cases the command may have been
  // carried out.
  std::uint64_t Send(const std::vector<std::string>& argv,
                     ReplyQueue::TimePoint deadline, ReplyHandler handler);
  // Makes the handler run with CANCELLED, if it has not run.
  void Cancel(std::uint64_t id);

  // Closes the connection; all who wait get this status.
  void Fail(absl::Status status);

  // Set when the connection is lost, to the reason.
  std::shared_ptr<Promise<absl::Status>> lost() const { return lost_; }

 private:
  void Read();
  void OnRead(boost::system::error_code error, std::size_t size);
  // Takes the replies that are complete.
  absl::Status TakeReplies();
  // Asks for a sign of life; of a master, that it still is one.
  void Try();
  void ScheduleFlush();
  void Flush();
  void OnWritten(boost::system::error_code error);
  void Arm(ReplyQueue::TimePoint now);
  void OnTick();

  const asio::any_io_executor executor_;
  const std::shared_ptr<RedisTransport> transport_;
  const RedisOptions& options_;
  const std::shared_ptr<Promise<absl::Status>> lost_;

  RespReader reader_;
  ReplyQueue queue_;
  std::vector<char> input_;
  bool demoted_ = false;  // a write was answered with READONLY
  // Handlers with their replies, of one read.
  std::vector<std::pair<ReplyHandler, RedisReply>> ready_;

  std::string output_;   // collected
  std::string sending_;  // being written
  bool writing_ = false;
  bool flush_scheduled_ = false;

  asio::steady_timer tick_;
  ReplyQueue::TimePoint armed_for_ = ReplyQueue::TimePoint::max();
  ReplyQueue::TimePoint last_activity_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_LINK_H_
