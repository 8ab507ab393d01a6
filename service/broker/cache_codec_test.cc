#include "service/broker/cache_codec.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace valetkey::broker {
namespace {

using cache::CachedConnection;
using cache::CachedState;
using cache::CachedToken;

// Two tokens, with everything that a field may hold.
std::shared_ptr<CachedConnection> Sample() {
  auto sample = std::make_shared<CachedConnection>();
  CachedConnection& connection = *sample;
  connection.provider = "applications/shop/providers/slack";
  connection.generation = 12;
  connection.revision = 345;
  CachedToken& main = connection.tokens.emplace_back();
  main.access_token = SecretString(std::string("a\0b", 3));
  main.token_type = "bearer";
  main.scopes = "pins:read pins:write";
  main.issue_time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  main.expire_time = main.issue_time + absl::Hours(1);
  main.refresh_time = main.issue_time + absl::Minutes(48);
  CachedToken& user = connection.tokens.emplace_back();
  user.name = "user";
  user.access_token = SecretString(std::string(4000, 'x'));
  return sample;
}

void ExpectSame(const CachedConnection& a, const CachedConnection& b) {
  EXPECT_EQ(a.provider, b.provider);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.state, b.state);
  ASSERT_EQ(a.tokens.size(), b.tokens.size());
  for (std::size_t i = 0; i < a.tokens.size(); ++i) {
    const CachedToken& x = a.tokens[i];
    const CachedToken& y = b.tokens[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.access_token.Reveal(), y.access_token.Reveal());
    EXPECT_EQ(x.token_type, y.token_type);
    EXPECT_EQ(x.scopes, y.scopes);
    EXPECT_EQ(x.issue_time, y.issue_time);
    EXPECT_EQ(x.expire_time, y.expire_time);
    EXPECT_EQ(x.refresh_time, y.refresh_time);
  }
}

void ExpectRoundTrip(const CachedConnection& connection) {
  const SecretString bytes = EncodeCached(connection);
  const auto decoded = DecodeCached(bytes.Reveal());
  ASSERT_NE(decoded, nullptr);
  ExpectSame(*decoded, connection);
}

TEST(CacheCodecTest, RoundTrips) {
  ExpectRoundTrip(*Sample());
  ExpectRoundTrip(CachedConnection());
  for (const CachedState state :
       {CachedState::kActive, CachedState::kReauthorizationRequired,
        CachedState::kRevoked, CachedState::kDeleted}) {
    CachedConnection connection;
    connection.state = state;
    ExpectRoundTrip(connection);
  }
  CachedConnection many;
  for (int i = 0; i < 16; ++i) {
    many.tokens.emplace_back().name = absl::StrCat("t", i);
  }
  ExpectRoundTrip(many);
}

TEST(CacheCodecTest, UnusualNumbersAndTimes) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
    CachedConnection connection;
    connection.generation = number;
    connection.revision = number;
    ExpectRoundTrip(connection);
  }
  for (const absl::Time time :
       {absl::InfinitePast(), absl::InfiniteFuture(), absl::UnixEpoch(),
        absl::UnixEpoch() - absl::Nanoseconds(1),
        absl::FromUnixNanos(INT64_MAX - 1),
        absl::FromUnixNanos(INT64_MIN + 1)}) {
    CachedConnection connection;
    CachedToken& token = connection.tokens.emplace_back();
    token.issue_time = time;
    token.expire_time = time;
    token.refresh_time = time;
    ExpectRoundTrip(connection);
  }
}

// What this server cannot read it does not trust either; a token that never
// expires is not one that has.
TEST(CacheCodecTest, TimesBeyondWhatFitsAreForEver) {
  CachedConnection connection;
  connection.tokens.emplace_back().expire_time =
      absl::UnixEpoch() + absl::Hours(24 * 365 * 5000);
  const auto decoded = DecodeCached(EncodeCached(connection).Reveal());
  ASSERT_NE(decoded, nullptr);
  EXPECT_EQ(decoded->tokens[0].expire_time, absl::InfiniteFuture());
}

TEST(CacheCodecTest, UseIsOfThisProcess) {
  const auto connection = Sample();
  connection->last_use = 77;
  connection->refresh_after = 78;
  const auto decoded = DecodeCached(EncodeCached(*connection).Reveal());
  ASSERT_NE(decoded, nullptr);
  EXPECT_EQ(decoded->last_use, 0);
  EXPECT_EQ(decoded->refresh_after, 0);
}

TEST(CacheCodecTest, TooManyTokensCountAsNone) {
  CachedConnection connection;
  connection.tokens.resize(17);
  EXPECT_EQ(DecodeCached(EncodeCached(connection).Reveal()), nullptr);
}

TEST(CacheCodecTest, CutAtEachByte) {
  const SecretString bytes = EncodeCached(*Sample());
  const absl::string_view whole = bytes.Reveal();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past its end.
    const SecretString cut(whole.substr(0, size));
    ASSERT_EQ(DecodeCached(cut.Reveal()), nullptr) << size;
  }
  EXPECT_EQ(DecodeCached(absl::StrCat(whole, "x")), nullptr);
}

TEST(CacheCodecTest, OtherVersionsAndStates) {
  std::string bytes(EncodeCached(*Sample()).Reveal());
  for (const int version : {0, 2, 255}) {
    std::string other = bytes;
    other[0] = static_cast<char>(version);
    EXPECT_EQ(DecodeCached(other), nullptr);
  }
  // Version, provider with its size, generation, revision: then the state.
  const std::size_t state = 1 + 8 + Sample()->provider.size() + 8 + 8;
  for (const int value : {4, 5, 127, 255}) {
    std::string other = bytes;
    other[state] = static_cast<char>(value);
    EXPECT_EQ(DecodeCached(other), nullptr);
  }
}

// Whatever comes out is whole, or nothing comes out; the sanitizers watch.
TEST(CacheCodecTest, Garbage) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::string good(EncodeCached(*Sample()).Reveal());
  int decoded = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes;
    if (round % 2 == 0) {
      bytes.resize(random() % 200);
      for (char& c : bytes) c = static_cast<char>(random());
      if (!bytes.empty()) bytes[0] = 1;
    } else {
      bytes = good;
      for (unsigned i = 0; i <= random() % 4; ++i) {
        // The first fields matter most: sizes and counts.
        const std::size_t bound = random() % 2 == 0 ? 120 : bytes.size();
        bytes[random() % bound] = static_cast<char>(random());
      }
    }
    const auto connection = DecodeCached(bytes);
    if (connection == nullptr) continue;
    ++decoded;
    ASSERT_LE(connection->tokens.size(), 16u);
    ASSERT_LE(connection->state, CachedState::kDeleted);
    // What was read can be written, and reads the same again.
    ExpectRoundTrip(*connection);
  }
  EXPECT_GT(decoded, 100);
}

}  // namespace
}  // namespace valetkey::broker
