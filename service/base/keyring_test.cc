#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/crypto.h"
#include "service/base/sealer.h"

namespace valetkey {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Encoded(char fill) {
  return Base64UrlEncode(std::string(32, fill));
}

class KeyringFileTest : public ::testing::Test {
 protected:
  KeyringFileTest() {
    std::string folder =
        (std::filesystem::temp_directory_path() / "keyring.XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
  }
  ~KeyringFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }
  std::string Write(absl::string_view name, absl::string_view text,
                    mode_t mode) const {
    const std::string path = Path(name);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string folder_;
};

TEST(KeyringTest, Parses) {
  const auto ring =
      Keyring::Parse(absl::StrCat("# newest first\n\n  k-2 \t", Encoded('b'),
                                  "  \r\n#k-0\nK_1.x ", Encoded('a')));
  ASSERT_TRUE(ring.ok()) << ring.status();
  ASSERT_EQ(ring->keys().size(), 2u);
  EXPECT_EQ(ring->keys()[0].id, "k-2");
  EXPECT_EQ(ring->keys()[0].key.Reveal(), std::string(32, 'b'));
  EXPECT_EQ(ring->keys()[1].id, "K_1.x");
  EXPECT_EQ(ring->keys()[1].key.Reveal(), std::string(32, 'a'));
}

TEST(KeyringTest, RefusesAndNamesTheLine) {
  const std::string key = Encoded('s');
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "it holds no key"},
      {"# nothing\n\n", "it holds no key"},
      {"k-1", "line 1: expected an id and a key"},
      {absl::StrCat("\nk-1 ", key, " more"), "line 2: expected an id and"},
      {absl::StrCat("#\n#\nk/1 ", key), "line 3: the id must be"},
      {absl::StrCat(std::string(33, 'k'), " ", key), "line 1: the id must be"},
      {absl::StrCat("k-1 ", key, "\nk-1 ", key), "line 2: an id that is"},
      {absl::StrCat("k-1 ", key, "="), "line 1: the key must be 43"},
      {absl::StrCat("k-1 ", key, "AAAA"), "line 1: the key must be 43"},
      {"k-1 short", "line 1: the key must be 43"},
      {absl::StrCat("k-1 +", key.substr(1)), "line 1: the key must be 43"},
  };
  for (const auto& c : kCases) {
    const auto ring = Keyring::Parse(c.text);
    ASSERT_FALSE(ring.ok()) << c.text;
    EXPECT_THAT(ring.status().message(), HasSubstr(c.message));
    EXPECT_THAT(ring.status().ToString(), Not(HasSubstr(key.substr(1, 20))));
  }
}

TEST_F(KeyringFileTest, CreatesOnceAndLoads) {
  const std::string path = Path("ring");
  const absl::Time now =
      absl::FromCivil(absl::CivilDay(2026, 11, 23), absl::UTCTimeZone());
  const auto made = Keyring::Create(path, Random::System(), now);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(made->keys().size(), 1u);
  EXPECT_EQ(made->keys()[0].id, "k-2026-11-23");
  EXPECT_EQ(made->keys()[0].key.size(), 32u);
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);

  const auto loaded = Keyring::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->keys()[0].id, made->keys()[0].id);
  EXPECT_TRUE(loaded->keys()[0].key.Equals(made->keys()[0].key));

  const auto again = Keyring::Create(path, Random::System(), now);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Keyring::Load(path)->keys()[0].key.Equals(made->keys()[0].key));
  // Nothing is left beside it.
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    static_cast<void>(entry);
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(KeyringFileTest, CreateSaysWhyItFailed) {
  const auto ring =
      Keyring::Create(Path("none/ring"), Random::System(), absl::UnixEpoch());
  EXPECT_EQ(ring.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ring.status().message(), HasSubstr(Path("none/ring")));
}

TEST_F(KeyringFileTest, RefusesWhatOthersMayTouch) {
  const std::string text = absl::StrCat("k-1 ", Encoded('a'), "\n");
  for (const mode_t mode : {0600u, 0400u, 0700u}) {
    EXPECT_TRUE(Keyring::Load(Write("ring", text, mode)).ok()) << mode;
    ::unlink(Path("ring").c_str());
  }
  for (const mode_t mode : {0644u, 0640u, 0604u, 0620u, 0602u, 0601u, 0777u}) {
    const auto ring = Keyring::Load(Write("ring", text, mode));
    EXPECT_EQ(ring.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(ring.status().message(), HasSubstr("0600")) << mode;
    ::unlink(Path("ring").c_str());
  }
}

TEST_F(KeyringFileTest, LoadSaysWhyItFailed) {
  EXPECT_EQ(Keyring::Load(Path("none")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Keyring::Load(folder_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto bad = Keyring::Load(Write("bad", "# x\nk-1 zzz\n", 0600));
  EXPECT_THAT(bad.status().message(), HasSubstr(Path("bad")));
  EXPECT_THAT(bad.status().message(), HasSubstr("line 2"));
  const auto big = Keyring::Load(Write("big", std::string(70000, '#'), 0600));
  EXPECT_THAT(big.status().message(), HasSubstr("larger than"));
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(Keyring::Load(Path("fifo")).status().message(),
              HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace valetkey
