#include "service/net/redis/resp.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace valetkey::redis {

// hiredis builds a reply through these functions. The outermost value is a
// member, the others are made in place in their array; hiredis keeps a pointer
// to an array only while that array is being filled, and fills the innermost
// one first, so growing a vector moves no value that it still points to.
struct RespReader::Builder {
  explicit Builder(RespLimits l) : limits(l) {}

  RespLimits limits;
  RedisReply root;
  std::size_t bytes = 0;     // in the reply so far
  std::size_t elements = 0;  // announced by its arrays so far
  bool too_large = false;

  // Where the value of this task goes; nullptr if it would be too much.
  static RedisReply* Place(const redisReadTask* task, std::size_t size) {
    auto* self = static_cast<Builder*>(task->privdata);
    self->bytes += size;
    if (self->bytes > self->limits.max_reply_bytes) {
      self->too_large = true;
      return nullptr;
    }
    if (task->parent == nullptr) return &self->root;
    auto* array = static_cast<RedisReply*>(task->parent->obj);
    return &array->elements.emplace_back();
  }

  static void* String(const redisReadTask* task, char* data, std::size_t size) {
    RedisReply* reply = Place(task, size);
    if (reply == nullptr) return nullptr;
    reply->type = task->type == REDIS_REPLY_ERROR ? RedisReply::Type::kError
                                                  : RedisReply::Type::kString;
    reply->text.assign(data, size);
    return reply;
  }

  // The type of the count differs between versions of hiredis.
  template <class Count>
  static void* Array(const redisReadTask* task, Count count) {
    auto* self = static_cast<Builder*>(task->privdata);
    self->elements += static_cast<std::size_t>(count);
    if (self->elements > self->limits.max_elements) {
      self->too_large = true;
      return nullptr;
    }
    RedisReply* reply = Place(task, 0);
    if (reply == nullptr) return nullptr;
    reply->type = RedisReply::Type::kArray;
    // Room is not made by what the peer says alone.
    reply->elements.reserve(
        std::min<std::size_t>(static_cast<std::size_t>(count), 64));
    return reply;
  }

  static void* Integer(const redisReadTask* task, long long value) {
    RedisReply* reply = Place(task, 0);
    if (reply == nullptr) return nullptr;
    reply->type = RedisReply::Type::kInteger;
    reply->integer = value;
    return reply;
  }

  static void* Nil(const redisReadTask* task) { return Place(task, 0); }

#if HIREDIS_MAJOR >= 1
  static void* Double(const redisReadTask* task, double, char* data,
                      std::size_t size) {
    return String(task, data, size);
  }
  static void* Bool(const redisReadTask* task, int value) {
    return Integer(task, value);
  }
#endif

  // Nothing is on the heap but what `root` owns.
  static void Free(void*) {}

  static redisReplyObjectFunctions* Functions() {
    static redisReplyObjectFunctions functions = [] {
      redisReplyObjectFunctions f = {};
      f.createString = &String;
      f.createArray = &Array;
      f.createInteger = &Integer;
      f.createNil = &Nil;
      f.freeObject = &Free;
#if HIREDIS_MAJOR >= 1
      f.createDouble = &Double;
      f.createBool = &Bool;
#endif
      return f;
    }();
    return &functions;
  }
};

absl::string_view ErrorCode(const RedisReply& reply) {
  if (!reply.is_error()) return "";
  const absl::string_view text = reply.text;
  return text.substr(0, text.find(' '));
}

absl::Status ErrorOf(const RedisReply& reply) {
  if (!reply.is_error()) return absl::OkStatus();
  const absl::string_view code = ErrorCode(reply);
  absl::string_view text = reply.text;
  // "ERR unknown command 'X', with args beginning with: ..."
  text = text.substr(0, text.find(", with args"));
  const std::string message = absl::StrCat("redis: ", text.substr(0, 200));
  for (absl::string_view passing :
       {"LOADING", "BUSY", "MASTERDOWN", "READONLY", "OOM", "TRYAGAIN",
        "CLUSTERDOWN", "NOREPLICAS"}) {
    if (code == passing) return absl::UnavailableError(message);
  }
  for (absl::string_view auth : {"NOAUTH", "WRONGPASS", "DENIED"}) {
    if (code == auth) return absl::UnauthenticatedError(message);
  }
  if (code == "NOPERM") return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

void AppendCommand(const std::vector<std::string>& argv, std::string* buffer) {
  absl::StrAppend(buffer, "*", argv.size(), "\r\n");
  for (const std::string& argument : argv) {
    absl::StrAppend(buffer, "$", argument.size(), "\r\n");
    buffer->append(argument);
    buffer->append("\r\n");
  }
}

RespReader::RespReader(RespLimits limits)
    : builder_(std::make_unique<Builder>(limits)),
      reader_(redisReaderCreateWithFunctions(Builder::Functions())) {
  reader_->privdata = builder_.get();
}

RespReader::~RespReader() { redisReaderFree(reader_); }

absl::Status RespReader::Feed(absl::string_view bytes) {
  if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
    return absl::DataLossError(absl::StrCat("redis: ", reader_->errstr));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RespReader::Next(RedisReply* reply) {
  void* done = nullptr;
  if (redisReaderGetReply(reader_, &done) != REDIS_OK) {
    if (builder_->too_large) {
      return absl::DataLossError("redis: the reply is too large");
    }
    // errstr names a byte or a rule, never content.
    return absl::DataLossError(absl::StrCat("redis: ", reader_->errstr));
  }
  if (done == nullptr) {
    // What is not yet cut is one incomplete string at most.
    if (reader_->len - reader_->pos > builder_->limits.max_reply_bytes) {
      return absl::DataLossError("redis: the reply is too large");
    }
    return false;
  }
  *reply = std::move(builder_->root);
  builder_->root = RedisReply();
  builder_->bytes = 0;
  builder_->elements = 0;
  return true;
}

}  // namespace valetkey::redis
