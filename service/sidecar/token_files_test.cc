#include "service/sidecar/token_files.h"

#include <sys/stat.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "service/base/status.h"
#include "service/sidecar/sidecar_fixture.h"

namespace valetkey::sidecar {
namespace {

namespace fs = std::filesystem;

class TokenFilesTest : public SidecarFixture {
 protected:
  TokenFilesTest()
      : client_(*client::Client::Create(fake_.client_options())),
        path_(folder_ / "pinterest") {}

  TokenFiles Files(mode_t mode = 0400) {
    return TokenFiles(*client_.NewTokenSource("c-7"),
                      {.path = path_, .mode = mode, .allow_disk = true});
  }
  static bool EventuallyWrites(TokenFiles& files) {
    return Eventually([&] {
      const auto updated = files.Update();
      EXPECT_TRUE(updated.ok()) << updated.status();
      return updated.ok() && *updated;
    });
  }
  nlohmann::json Json() const {
    return nlohmann::json::parse(Read(path_ / "token.json"));
  }

  client::Client client_;
  const fs::path path_;
};

TEST_F(TokenFilesTest, WritesTheTokenAndWhatIsToBeKnownOfIt) {
  client::FakeTokenOptions options;
  options.scopes = {"pins:read"};
  fake_.SetToken("c-7", "secret-2", options);
  TokenFiles files = Files();
  ASSERT_TRUE(files.Prepare().ok());
  ASSERT_TRUE(EventuallyWrites(files));
  EXPECT_EQ(Read(path_ / "token"), "secret-2");
  EXPECT_EQ(Read(path_ / "authorization_header"),
            "Authorization: Bearer secret-2");
  EXPECT_EQ(Json()["access_token"], "secret-2");
  EXPECT_EQ(Json()["token_type"], "bearer");
  EXPECT_EQ(Json()["generation"], 2);
  EXPECT_EQ(Json()["scopes"][0], "pins:read");
  absl::Time expire_time;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full,
                              Json()["expire_time"].get<std::string>(),
                              &expire_time, nullptr));
  EXPECT_GT(expire_time, absl::Now() + absl::Minutes(59));
  struct stat info;
  ASSERT_EQ(stat((path_ / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0400u);
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_FALSE(*files.Update());  // nothing new
}

TEST_F(TokenFilesTest, AGroupMayReadThemIfAsked) {
  TokenFiles files = Files(0440);
  ASSERT_TRUE(files.Prepare().ok());
  ASSERT_TRUE(EventuallyWrites(files));
  struct stat info;
  ASSERT_EQ(stat((path_ / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0440u);
  ASSERT_EQ(stat((path_ / "..data").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0750u);
}

// Whoever opens a file reads a whole token, of one version or the next, and
// the three agree within a version.
TEST_F(TokenFilesTest, ChangeInOneStep) {
  TokenFiles files = Files();
  ASSERT_TRUE(files.Prepare().ok());
  ASSERT_TRUE(EventuallyWrites(files));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> read{0};
  std::thread reader([&] {
    while (!stop) {
      const std::string token = Read(path_ / "token");
      // A version may go between the link and the file: then there is nothing
      // to read, and the next try has the new one.
      if (token.empty()) continue;
      ++read;
      if (token.substr(0, 7) != "secret-") ++torn;
      std::error_code error;
      const fs::path version = fs::canonical(path_ / "..data", error);
      if (error) continue;
      const std::string one = Read(version / "token");
      const std::string header = Read(version / "authorization_header");
      if (!one.empty() && !header.empty() &&
          header != "Authorization: Bearer " + one)
        ++torn;
    }
  });
  for (int i = 2; i < 60; ++i) {
    fake_.SetToken("c-7", "secret-" + std::to_string(i));
    ASSERT_TRUE(EventuallyWrites(files));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GT(read, 0);
  int versions = 0;
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename().string().rfind("..version-", 0) == 0) {
      ++versions;
    }
  }
  EXPECT_EQ(versions, 1);
}

TEST_F(TokenFilesTest, ARevokedTokenGoesAndTheReasonIsThere) {
  TokenFiles files = Files();
  ASSERT_TRUE(files.Prepare().ok());
  ASSERT_TRUE(EventuallyWrites(files));
  ASSERT_TRUE(fake_.AwaitWatches(1));
  fake_.Revoke("c-7");
  ASSERT_TRUE(EventuallyWrites(files));
  EXPECT_FALSE(files.has_token());
  EXPECT_FALSE(fs::exists(path_ / "token"));
  EXPECT_FALSE(fs::exists(path_ / "authorization_header"));
  EXPECT_EQ(Json()["error"], "CONNECTION_REVOKED");
  EXPECT_EQ(files.error(), "CONNECTION_REVOKED");
  fake_.SetToken("c-7", "secret-2");
  ASSERT_TRUE(EventuallyWrites(files));
  EXPECT_EQ(Read(path_ / "token"), "secret-2");
}

TEST_F(TokenFilesTest, AnOutageLeavesThemUntilTheTokenExpires) {
  client::FakeTokenOptions options;
  options.expires_in = absl::Seconds(6);
  fake_.SetToken("c-7", "secret-2", options);
  TokenFiles files = Files();
  ASSERT_TRUE(files.Prepare().ok());
  ASSERT_TRUE(EventuallyWrites(files));
  fake_.Stop();
  EXPECT_FALSE(*files.Update());
  EXPECT_EQ(Read(path_ / "token"), "secret-2");
  ASSERT_TRUE(Eventually([&] {
    (void)files.Update();
    return !fs::exists(path_ / "token");
  }));
  EXPECT_TRUE(Json().contains("error"));
}

TEST_F(TokenFilesTest, TakesOverWhatAnEarlierSidecarLeft) {
  {
    TokenFiles files = Files();
    ASSERT_TRUE(files.Prepare().ok());
    ASSERT_TRUE(EventuallyWrites(files));
  }
  TokenFiles files = Files();
  ASSERT_TRUE(files.Prepare().ok());
  EXPECT_EQ(Read(path_ / "token"), "secret-1");  // until there is another
  ASSERT_TRUE(EventuallyWrites(files));
  EXPECT_EQ(Read(path_ / "token"), "secret-1");
}

TEST_F(TokenFilesTest, SaysWhatIsWrongWithAPath) {
  std::ofstream(folder_ / "file") << "x";
  TokenFiles in_the_way(*client_.NewTokenSource("c-7"),
                        {.path = folder_ / "file", .allow_disk = true});
  EXPECT_EQ(ReasonOf(in_the_way.Prepare()), Reason::kFieldInvalid);
  const fs::path disk = fs::current_path() / "vk-token-files";
  TokenFiles on_disk(*client_.NewTokenSource("c-7"), {.path = disk});
  const absl::Status refused = on_disk.Prepare();
  fs::remove(disk);
  if (refused.ok()) GTEST_SKIP() << "the working folder is on tmpfs";
  EXPECT_NE(refused.message().find("--files_on_disk"), std::string::npos);
}

}  // namespace
}  // namespace valetkey::sidecar
