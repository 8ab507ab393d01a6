#include "service/cmd/valetkey-sidecar/sidecar_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "service/cmd/common_flags.h"

namespace valetkey {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class SidecarFlagsTest : public testing::Test {
 protected:
  static void Set(const std::string& flag, const std::string& value) {
    std::string error;
    absl::CommandLineFlag* const found = absl::FindCommandLineFlag(flag);
    ASSERT_NE(found, nullptr) << flag;
    ASSERT_TRUE(found->ParseFrom(value, &error)) << error;
  }

  absl::FlagSaver saver_;
};

TEST_F(SidecarFlagsTest, DefaultsServeTheUsualSocket) {
  const auto command = SidecarCommandFromFlags();
  ASSERT_TRUE(command.ok()) << command.status();
  const sidecar::SidecarOptions& options = command->options;
  EXPECT_THAT(options.socket.addresses,
              ElementsAre("unix:/run/valetkey/valetkey.sock"));
  EXPECT_EQ(options.socket.socket_mode, 0660u);
  EXPECT_FALSE(options.socket.socket_group.has_value());
  EXPECT_EQ(options.file_mode, 0400u);
  EXPECT_EQ(options.cache.max_stale, absl::Hours(1));
  // What is not given is the environment's to say.
  EXPECT_FALSE(options.upstream.address.has_value());
  EXPECT_FALSE(options.upstream.api_key_file.has_value());
  EXPECT_FALSE(command->init);
}

TEST_F(SidecarFlagsTest, AllThatCanBeSaid) {
  Set("upstream", "https://valetkey:8800");
  Set("upstream_ca", "/ca.pem");
  Set("token_file", "/var/run/secrets/valetkey/token");
  Set("application", "shop");
  Set("listen", "unix:/run/a.sock,127.0.0.1:0");
  Set("socket_mode", "0600");
  Set("socket_group", "1234");
  Set("warm", "c-7,c-8");
  Set("warm_labels", "team=a,env=b=c");
  Set("file", "c-7=/run/tokens/a,c-8=/run/tokens/b");
  Set("file_mode", "0440");
  Set("on_change", "/usr/bin/app-ctl  reload");
  Set("on_change_signal", "HUP:/run/app.pid");
  Set("inject", "127.0.0.1:9001=c-7,unix:/run/app/api=c-8");
  Set("inject_origin_override", "https://api.a.example=http://127.0.0.1:1");
  Set("max_stale", "5m");
  Set("init", "true");
  const auto command = SidecarCommandFromFlags();
  ASSERT_TRUE(command.ok()) << command.status();
  const sidecar::SidecarOptions& options = command->options;
  EXPECT_EQ(options.upstream.address, "https://valetkey:8800");
  EXPECT_EQ(options.upstream.api_key_file, "/var/run/secrets/valetkey/token");
  EXPECT_EQ(options.socket.socket_mode, 0600u);
  EXPECT_EQ(options.socket.socket_group, 1234u);
  EXPECT_THAT(options.warm, ElementsAre("c-7", "c-8"));
  EXPECT_THAT(options.warm_labels,
              ElementsAre(Pair("env", "b=c"), Pair("team", "a")));
  ASSERT_EQ(options.files.size(), 2u);
  EXPECT_EQ(options.files[1].connection, "c-8");
  EXPECT_EQ(options.files[1].path, "/run/tokens/b");
  EXPECT_EQ(options.file_mode, 0440u);
  EXPECT_THAT(options.on_change.command,
              ElementsAre("/usr/bin/app-ctl", "reload"));
  EXPECT_EQ(options.on_change.signal, SIGHUP);
  ASSERT_EQ(options.inject.doors.size(), 2u);
  EXPECT_EQ(options.inject.doors[0].listen, "127.0.0.1:9001");
  EXPECT_EQ(options.inject.doors[0].connection, "c-7");
  EXPECT_EQ(options.inject.doors[1].listen, "unix:/run/app/api");
  EXPECT_EQ(options.inject.http.origin_overrides[0].to, "http://127.0.0.1:1");
  EXPECT_FALSE(options.inject.http.allow_private_addresses);
  EXPECT_EQ(options.cache.max_stale, absl::Minutes(5));
  EXPECT_TRUE(command->init);
}

TEST_F(SidecarFlagsTest, AGroupMayBeNamed) {
  Set("socket_group", "root");
  EXPECT_EQ(SidecarCommandFromFlags()->options.socket.socket_group, 0u);
}

TEST_F(SidecarFlagsTest, EachErrorNamesItsFlag) {
  const struct {
    const char* flag;
    const char* value;
  } cases[] = {
      {"listen", ""},
      {"listen", "0.0.0.0:8800"},
      {"listen", "unix:"},
      {"socket_mode", ""},
      {"socket_mode", "9"},
      {"socket_mode", "07777"},
      {"socket_mode", "0066"},  // not even its owner
      {"socket_group", "no such group"},
      {"socket_group", "-1"},
      {"warm_labels", "team"},
      {"warm_labels", "=a"},
      {"file", "c-7"},
      {"file", "c-7=relative"},
      {"file", "=/run/a"},
      {"file", "c-7=/run/a,c-8=/run/a"},
      {"file_mode", "rw"},
      {"on_change_signal", "KILL:/run/pid"},
      {"inject", "c-7"},
      {"inject", "127.0.0.1:9001="},
      {"inject", "0.0.0.0:9001=c-7"},
      {"inject_silence", "0s"},
      {"inject_origin_override", "https://api.a.example"},
      {"max_stale", "1s"},
      {"idle_after", "0s"},
      {"max_tokens", "0"},
      {"shutdown_grace", "-1s"},
      {"init_timeout", "0s"},
      {"init", "true"},  // and nothing to wait for
      {"health_listen", "here"},
      {"log_format", "xml"},
      {"log_level", "loud"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(std::string(one.flag) + "=" + one.value);
    absl::FlagSaver again;
    Set(one.flag, one.value);
    const absl::Status log = LogOptionsFromFlags().status();
    const absl::Status status =
        log.ok() ? SidecarCommandFromFlags().status() : log;
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(std::string("--") + one.flag));
  }
  Set("token_file", "/a");
  Set("api_key_file", "/b");
  EXPECT_THAT(std::string(SidecarCommandFromFlags().status().message()),
              HasSubstr("--token_file"));
}

}  // namespace
}  // namespace valetkey
