// A byte stream to a Redis server: Unix socket, TCP or TLS.
//
// Belongs to one executor, on which everything is called. At most one read and
// one write may be outstanding. Handlers are never called inline; after Close
// they are called with an error. Whoever waits keeps the transport alive.

#ifndef VALETKEY_NET_REDIS_REDIS_TRANSPORT_H_
#define VALETKEY_NET_REDIS_REDIS_TRANSPORT_H_

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/net/redis/redis_url.h"

namespace valetkey::redis {

using IoHandler =
    absl::AnyInvocable<void(boost::system::error_code, std::size_t)>;

class RedisTransport {
 public:
  virtual ~RedisTransport() = default;

  // Connects, and shakes hands where there is TLS. Errors name what failed,
  // not the endpoint. Has no time limit of its own: Close ends it.
  virtual Task<absl::Status> Connect() = 0;
  // Reads what there is, at least one byte.
  virtual void Read(asio::mutable_buffer buffer, IoHandler handler) = 0;
  // Writes all of it; the bytes stay alive until the handler runs.
  virtual void Write(asio::const_buffer data, IoHandler handler) = 0;
  // Ends whatever waits. May be called more than once.
  virtual void Close() = 0;
};

// Files of a TLS setup are read here, so that renewed certificates are used
// from the next connection on.
absl::StatusOr<std::shared_ptr<RedisTransport>> NewRedisTransport(
    asio::any_io_executor executor, RedisUrl url);

// The coroutine forms of Read and Write.
Task<absl::StatusOr<std::size_t>> ReadSome(
    std::shared_ptr<RedisTransport> transport, asio::mutable_buffer buffer);
Task<absl::Status> WriteAll(std::shared_ptr<RedisTransport> transport,
                            asio::const_buffer data);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_TRANSPORT_H_
