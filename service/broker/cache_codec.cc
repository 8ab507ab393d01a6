#include "service/broker/cache_codec.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace valetkey::broker {
namespace {

constexpr char kVersion = 1;
constexpr std::uint64_t kMaxTokens = 16;

void PutInt(std::int64_t value, std::string& out) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  out.append(bytes, sizeof bytes);
}

void PutText(absl::string_view value, std::string& out) {
  PutInt(static_cast<std::int64_t>(value.size()), out);
  out.append(value.data(), value.size());
}

void PutTime(absl::Time value, std::string& out) {
  // ToUnixNanos saturates, which keeps the infinities apart from real times.
  PutInt(value == absl::InfiniteFuture() ? INT64_MAX
         : value == absl::InfinitePast() ? INT64_MIN
                                         : absl::ToUnixNanos(value),
         out);
}

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  std::int64_t Int() {
    if (rest_.size() < 8) return Fail();
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(8);
    return static_cast<std::int64_t>(value);
  }
  absl::string_view Text() {
    const auto size = static_cast<std::uint64_t>(Int());
    if (!ok_ || size > rest_.size()) {
      Fail();
      return {};
    }
    const absl::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  absl::Time Time() {
    const std::int64_t nanos = Int();
    if (nanos == INT64_MAX) return absl::InfiniteFuture();
    if (nanos == INT64_MIN) return absl::InfinitePast();
    return absl::FromUnixNanos(nanos);
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::int64_t Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace

SecretString EncodeCached(const cache::CachedConnection& connection) {
  std::string out;
  // Reserved whole, so that no copy of a token is left behind by growth.
  std::size_t size = 256 + connection.provider.size();
  for (const cache::CachedToken& token : connection.tokens) {
    size += 128 + token.name.size() + token.access_token.size() +
            token.token_type.size() + token.scopes.size();
  }
  out.reserve(size);
  out.push_back(kVersion);
  PutText(connection.provider, out);
  PutInt(connection.generation, out);
  PutInt(connection.revision, out);
  PutInt(static_cast<std::int64_t>(connection.state), out);
  PutInt(static_cast<std::int64_t>(connection.tokens.size()), out);
  for (const cache::CachedToken& token : connection.tokens) {
    PutText(token.name, out);
    PutText(token.access_token.Reveal(), out);
    PutText(token.token_type, out);
    PutText(token.scopes, out);
    PutTime(token.issue_time, out);
    PutTime(token.expire_time, out);
    PutTime(token.refresh_time, out);
  }
  return SecretString::Take(std::move(out));
}

std::shared_ptr<cache::CachedConnection> DecodeCached(absl::string_view bytes) {
  if (bytes.empty() || bytes[0] != kVersion) return nullptr;
  Reader in(bytes.substr(1));
  auto connection = std::make_shared<cache::CachedConnection>();
  connection->provider = std::string(in.Text());
  connection->generation = in.Int();
  connection->revision = in.Int();
  const std::int64_t state = in.Int();
  const auto count = static_cast<std::uint64_t>(in.Int());
  if (!in.ok() || state < 0 ||
      state > static_cast<int>(cache::CachedState::kDeleted) ||
      count > kMaxTokens) {
    return nullptr;
  }
  connection->state = static_cast<cache::CachedState>(state);
  connection->tokens.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    cache::CachedToken token;
    token.name = std::string(in.Text());
    token.access_token = SecretString(in.Text());
    token.token_type = std::string(in.Text());
    token.scopes = std::string(in.Text());
    token.issue_time = in.Time();
    token.expire_time = in.Time();
    token.refresh_time = in.Time();
    connection->tokens.push_back(std::move(token));
  }
  return in.at_end() ? connection : nullptr;
}

}  // namespace valetkey::broker
