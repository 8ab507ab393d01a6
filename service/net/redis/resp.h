// RESP2, the protocol of Redis (https://redis.io/docs/reference/protocol-spec):
// commands to bytes, bytes to replies. Replies are read by hiredis into values
// of ours; commands are written straight into the output buffer, for
// redisFormatCommandArgv allocates for each (a test holds the two together).
// Not thread-safe.

#ifndef VALETKEY_NET_REDIS_RESP_H_
#define VALETKEY_NET_REDIS_RESP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct redisReader;

namespace valetkey::redis {

struct RedisReply {
  enum class Type { kNil, kString, kInteger, kArray, kError };

  Type type = Type::kNil;
  std::int64_t integer = 0;
  std::string text;  // of a string, a status ("OK") or an error
  std::vector<RedisReply> elements;

  bool is_nil() const { return type == Type::kNil; }
  bool is_string() const { return type == Type::kString; }
  bool is_integer() const { return type == Type::kInteger; }
  bool is_array() const { return type == Type::kArray; }
  bool is_error() const { return type == Type::kError; }
};

// The code of an error, "NOSCRIPT" say; "" if the reply is none.
absl::string_view ErrorCode(const RedisReply& reply);

// An error reply as a status, OK for any other. Redis repeats the arguments of
// a command that it does not know: they are left out. UNAVAILABLE for what
// passes by itself (LOADING, BUSY, MASTERDOWN, READONLY, OOM, TRYAGAIN,
// CLUSTERDOWN), UNAUTHENTICATED for NOAUTH, WRONGPASS and their like,
// PERMISSION_DENIED for NOPERM, else INTERNAL.
absl::Status ErrorOf(const RedisReply& reply);

// Appends one command to the buffer.
void AppendCommand(const std::vector<std::string>& argv, std::string* buffer);

struct RespLimits {
  std::size_t max_reply_bytes = 64 << 20;  // of one reply, with its elements
  std::size_t max_elements = 1 << 20;      // of one reply, in all its arrays
};

// Cuts a stream of bytes into replies. Arrays nest at most 7 deep.
class RespReader {
 public:
  explicit RespReader(RespLimits limits = {});
  ~RespReader();
  RespReader(const RespReader&) = delete;
  RespReader& operator=(const RespReader&) = delete;

  // Adds bytes as they arrived, in any pieces.
  absl::Status Feed(absl::string_view bytes);
  // True and the next reply; false if more bytes are needed. After an error
  // (malformed, too deep, too large) the stream is lost.
  absl::StatusOr<bool> Next(RedisReply* reply);

 private:
  struct Builder;

  std::unique_ptr<Builder> builder_;
  redisReader* reader_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_RESP_H_
