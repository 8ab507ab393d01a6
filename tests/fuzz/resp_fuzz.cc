// Replies of Redis: whatever the bytes and however they are cut, the reader
// gives the same replies or the same kind of end, within its limits.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/net/redis/resp.h"

namespace {

using valetkey::redis::RedisReply;
using valetkey::redis::RespLimits;
using valetkey::redis::RespReader;

constexpr RespLimits kLimits = {.max_reply_bytes = 1 << 16,
                                .max_elements = 1 << 12};

void Check(bool condition) {
  if (!condition) std::abort();
}

std::size_t CountElements(const RedisReply& reply) {
  std::size_t count = reply.elements.size();
  for (const RedisReply& element : reply.elements) {
    count += CountElements(element);
  }
  return count;
}

// Writes a reply in a form that differs where replies differ.
void Describe(const RedisReply& reply, std::string* out) {
  out->push_back(static_cast<char>('0' + static_cast<int>(reply.type)));
  out->append(std::to_string(reply.integer));
  out->push_back(':');
  out->append(std::to_string(reply.text.size()));
  out->append(reply.text);
  for (const RedisReply& element : reply.elements) Describe(element, out);
  out->push_back(';');
}

// False if the stream ended in an error.
bool Read(absl::string_view bytes, std::size_t piece, std::string* replies) {
  RespReader reader(kLimits);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!reader.Feed(bytes.substr(at, piece)).ok()) return false;
    for (;;) {
      RedisReply reply;
      absl::StatusOr<bool> complete = reader.Next(&reply);
      if (!complete.ok()) return false;
      if (!*complete) break;
      Check(CountElements(reply) <= kLimits.max_elements);
      Check(valetkey::redis::ErrorOf(reply).ok() != reply.is_error());
      Describe(reply, replies);
    }
  }
  return true;
}

}  // namespace

// The first byte says how the rest is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                                size - 1);
  std::string whole, cut;
  const bool whole_ok = Read(bytes, bytes.size() + 1, &whole);
  const bool cut_ok = Read(bytes, std::size_t{data[0]} + 1, &cut);
  Check(whole_ok == cut_ok);
  Check(whole == cut);
  return 0;
}
