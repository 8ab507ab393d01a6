#include "service/base/sealer.h"

#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/crypto.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr char kAad[] = "connections/c-7#refresh_token";

std::string Line(absl::string_view id, char fill) {
  return absl::StrCat(id, " ", Base64UrlEncode(std::string(32, fill)), "\n");
}

Sealer MakeSealer(absl::string_view ring) {
  return Sealer(*Keyring::Parse(ring), Random::System());
}

TEST(SealerTest, RoundTrips) {
  const Sealer sealer = MakeSealer(Line("k-1", 'a'));
  for (const std::size_t size : {0, 1, 15, 16, 17, 31, 32, 33, 4096, 100000}) {
    for (const std::string& aad :
         {std::string(), std::string(kAad), std::string(1000, 'x')}) {
      const std::string plain(size, 'p');
      const std::string sealed = sealer.Seal(SecretString(plain), aad);
      const auto opened = sealer.Open(sealed, aad);
      ASSERT_TRUE(opened.ok()) << size << opened.status();
      EXPECT_EQ(opened->Reveal(), plain);
      EXPECT_EQ(Sealer::KeyIdOf(sealed), "k-1");
      if (size >= 15) EXPECT_THAT(sealed, Not(HasSubstr(plain)));
      // What it costs is fixed.
      EXPECT_EQ(sealed.size(), size + 93);
    }
  }
}

TEST(SealerTest, NeverTheSameTwice) {
  const Sealer sealer = MakeSealer(Line("k-1", 'a'));
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string sealed = sealer.Seal(SecretString("same"), kAad);
    // The nonce of the wrapping, the wrapped key, the nonce, the ciphertext.
    EXPECT_TRUE(seen.insert(sealed.substr(5, 12)).second);
    EXPECT_TRUE(seen.insert(sealed.substr(17, 32)).second);
    EXPECT_TRUE(seen.insert(sealed.substr(65, 12)).second);
    EXPECT_TRUE(seen.insert(sealed.substr(77)).second);
  }
}

TEST(SealerTest, BoundToItsPlace) {
  const Sealer sealer = MakeSealer(Line("k-1", 'a'));
  const std::string sealed = sealer.Seal(SecretString("token"), kAad);
  for (const char* aad :
       {"", "connections/c-8#refresh_token", "connections/c-7#refresh_toke",
        "connections/c-7#refresh_token "}) {
    const auto opened = sealer.Open(sealed, aad);
    ASSERT_FALSE(opened.ok()) << aad;
    EXPECT_EQ(ReasonOf(opened.status()), Reason::kInternalFault);
  }
}

TEST(SealerTest, EveryBitCounts) {
  const Sealer sealer = MakeSealer(Line("k-1", 'a') + Line("k-2", 'b'));
  const std::string sealed = sealer.Seal(SecretString("token"), kAad);
  for (std::size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string damaged = sealed;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(sealer.Open(damaged, kAad).ok()) << "bit " << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(sealer.Open(sealed.substr(0, size), kAad).ok()) << size;
  }
  EXPECT_FALSE(sealer.Open(sealed + '\0', kAad).ok());
}

TEST(SealerTest, PartsOfTwoValuesDoNotMix) {
  const Sealer sealer = MakeSealer(Line("k-1", 'a'));
  const std::string a = sealer.Seal(SecretString("one"), kAad);
  const std::string b = sealer.Seal(SecretString("two"), kAad);
  EXPECT_FALSE(sealer.Open(a.substr(0, 65) + b.substr(65), kAad).ok());
}

TEST(SealerTest, GarbageIsRefused) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Sealer sealer = MakeSealer(Line("k-1", 'a'));
  for (int i = 0; i < 5000; ++i) {
    std::string garbage(random() % 200, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    // Half of them look right at first.
    if (i % 2 == 0) garbage = absl::StrCat("\x01\x03k-1", garbage);
    EXPECT_FALSE(sealer.Open(garbage, kAad).ok());
    Sealer::KeyIdOf(garbage);
  }
  EXPECT_EQ(Sealer::KeyIdOf(""), "");
  EXPECT_EQ(Sealer::KeyIdOf("\x01"), "");
  EXPECT_EQ(Sealer::KeyIdOf(std::string("\x01\xff") + std::string(300, 'k')),
            "");
}

TEST(SealerTest, RotatesKeys) {
  const Sealer old_ring = MakeSealer(Line("k-1", 'a'));
  const Sealer both = MakeSealer(Line("k-2", 'b') + Line("k-1", 'a'));
  const Sealer new_ring = MakeSealer(Line("k-2", 'b'));
  EXPECT_EQ(both.current_key_id(), "k-2");

  const std::string before = old_ring.Seal(SecretString("token"), kAad);
  EXPECT_EQ(both.Open(before, kAad)->Reveal(), "token");
  const std::string after = both.Seal(SecretString("token"), kAad);
  EXPECT_EQ(Sealer::KeyIdOf(after), "k-2");
  EXPECT_EQ(new_ring.Open(after, kAad)->Reveal(), "token");

  const auto missing = new_ring.Open(before, kAad);
  EXPECT_EQ(ReasonOf(missing.status()), Reason::kEncryptionKeyMissing);
  EXPECT_THAT(MetadataOf(missing.status()), ElementsAre(Pair("key_id", "k-1")));
  // Another key under the same id is damage, not a missing key.
  const Sealer other = MakeSealer(Line("k-1", 'z'));
  EXPECT_EQ(ReasonOf(other.Open(before, kAad).status()),
            Reason::kInternalFault);
}

}  // namespace
}  // namespace valetkey
