#include "service/base/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace valetkey {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, Addresses) {
  EXPECT_EQ(ParseListenAddress("127.0.0.1:7070")->port, 7070);
  EXPECT_EQ(ParseListenAddress("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseListenAddress("unix:/run/x.sock")->path, "/run/x.sock");
  for (const char* bad : {"", "7070", "host", "host:70000", "::1:7070",
                          "host:-1", "unix:", "[::1:80", ":80"}) {
    EXPECT_FALSE(ParseListenAddress(bad).ok()) << bad;
  }
}

TEST(ListenAddressTest, PlaintextStaysOnThisMachine) {
  for (const char* local : {"127.0.0.1:1", "127.8.8.8:1", "[::1]:1",
                            "localhost:1", "unix:/tmp/x"}) {
    EXPECT_TRUE(CheckPlaintext(local, false, false).ok()) << local;
  }
  for (const char* open : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1",
                           "tokens.example.com:1", "127.0.0.1.example.com:1"}) {
    EXPECT_THAT(CheckPlaintext(open, false, false).ToString(),
                HasSubstr("--insecure_plaintext"))
        << open;
    EXPECT_TRUE(CheckPlaintext(open, true, false).ok());
    EXPECT_TRUE(CheckPlaintext(open, false, true).ok());
  }
}

TEST(ClearSocketPathTest, RemovesWhatAKilledServerLeft) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "vk-socket-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const std::string path = folder / "s";
  EXPECT_TRUE(ClearSocketPath(path).ok());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0);
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_FALSE(ClearSocketPath(path).ok());  // somebody listens
  EXPECT_TRUE(std::filesystem::exists(path));
  close(listener);
  EXPECT_TRUE(ClearSocketPath(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  std::ofstream(path) << "not a socket";
  EXPECT_FALSE(ClearSocketPath(path).ok());
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace valetkey
