// A cursor is base64url of 21 bytes: a version, 8 bytes that tell the store,
// the sequence number (big-endian), and 4 bytes that tell damage. It hides
// nothing and proves nothing: a client may only ever read its own events.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/events/event_hub.h"

namespace valetkey::events {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kStoreSize = 8;
constexpr std::size_t kSequenceSize = 8;
constexpr std::size_t kCheckSize = 4;
constexpr std::size_t kSize = 1 + kStoreSize + kSequenceSize + kCheckSize;

std::string StoreBytes(const std::string& store_id) {
  return Sha256(store_id).substr(0, kStoreSize);
}

std::string CheckBytes(absl::string_view data) {
  return Sha256(data).substr(0, kCheckSize);
}

absl::Status Invalid(absl::string_view message) {
  return MakeError(Reason::kCursorInvalid, message, {{"field", "cursor"}});
}

}  // namespace

std::string EncodeCursor(const std::string& store_id, std::int64_t sequence) {
  std::string data(1, kVersion);
  data += StoreBytes(store_id);
  for (int shift = 56; shift >= 0; shift -= 8) {
    data += static_cast<char>(static_cast<std::uint64_t>(sequence) >> shift);
  }
  data += CheckBytes(data);
  return Base64UrlEncode(data);
}

absl::StatusOr<std::int64_t> DecodeCursor(const std::string& store_id,
                                          absl::string_view cursor) {
  std::string data;
  if (!Base64UrlDecode(cursor, &data) || data.size() != kSize ||
      Base64UrlEncode(data) != cursor) {
    return Invalid("the cursor is not one of this service");
  }
  const absl::string_view all(data);
  const absl::string_view checked = all.substr(0, kSize - kCheckSize);
  if (CheckBytes(checked) != all.substr(kSize - kCheckSize)) {
    return Invalid("the cursor is damaged");
  }
  if (all[0] != kVersion) return Invalid("the cursor is of another version");
  if (all.substr(1, kStoreSize) != StoreBytes(store_id)) {
    return Invalid("the cursor is of another store");
  }
  std::uint64_t sequence = 0;
  for (char byte : all.substr(1 + kStoreSize, kSequenceSize)) {
    sequence = sequence << 8 | static_cast<unsigned char>(byte);
  }
  if (static_cast<std::int64_t>(sequence) < 0) {
    return Invalid("the cursor is damaged");
  }
  return static_cast<std::int64_t>(sequence);
}

}  // namespace valetkey::events
