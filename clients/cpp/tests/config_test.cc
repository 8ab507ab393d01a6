#include "src/config.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "src/names.h"
#include "valetkey/error.h"

namespace valetkey::client::internal {
namespace {

using Variables = std::map<std::string, std::string>;

absl::StatusOr<Config> ResolveWith(const ClientOptions& options,
                                   const Variables& variables = {}) {
  return Resolve(options, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

// A file that goes with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    char path[] = "/tmp/valetkey-test-XXXXXX";
    close(mkstemp(path));
    path_ = path;
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ConfigTest, Defaults) {
  const auto config = ResolveWith({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->target, "127.0.0.1:8800");
  EXPECT_TRUE(config->local);
  EXPECT_FALSE(config->tls);
  EXPECT_EQ(config->api_key, "");
  EXPECT_EQ(config->application, "");
  EXPECT_EQ(config->timeout, absl::Seconds(30));
}

TEST(ConfigTest, AddressForms) {
  const struct {
    const char* text;
    const char* target;
    bool local;
    int tls;  // -1: not said
  } good[] = {
      {"127.0.0.1:8800", "127.0.0.1:8800", true, -1},
      {"127.9.9.9:1", "127.9.9.9:1", true, -1},
      {"localhost:8800", "localhost:8800", true, -1},
      {"LocalHost:8800", "LocalHost:8800", true, -1},
      {"[::1]:8800", "[::1]:8800", true, -1},
      {"broker.example:443", "broker.example:443", false, -1},
      {"127.evil.example:443", "127.evil.example:443", false, -1},
      {"127.1:8800", "127.1:8800", false, -1},
      {"128.0.0.1:8800", "128.0.0.1:8800", false, -1},
      {"[2001:db8::1]:8800", "[2001:db8::1]:8800", false, -1},
      {"https://broker.example:443", "broker.example:443", false, 1},
      {"https://broker.example:443/", "broker.example:443", false, 1},
      {"http://localhost:8800", "localhost:8800", true, 0},
      {"unix:/run/vk.sock", "unix:/run/vk.sock", true, 0},
      {"unix:///run/vk.sock", "unix:/run/vk.sock", true, 0},
  };
  for (const auto& c : good) {
    const auto address = ParseAddress(c.text);
    ASSERT_TRUE(address.ok()) << c.text << ": " << address.status();
    EXPECT_EQ(address->target, c.target);
    EXPECT_EQ(address->local, c.local) << c.text;
    EXPECT_EQ(address->tls.has_value() ? (*address->tls ? 1 : 0) : -1, c.tls)
        << c.text;
  }
  for (const char* text :
       {"", "broker", "broker:", ":8800", "broker:0", "broker:65536",
        "broker:x", "https://broker", "https://broker:443/path",
        "ftp://broker:21", "dns:///broker:443", "::1:8800", "[::1:8800",
        "unix:relative", "unix:", "user@broker:443"}) {
    const auto address = ParseAddress(text);
    EXPECT_FALSE(address.ok()) << text << " as " << address->target;
    EXPECT_TRUE(IsConfigError(address.status())) << text;
  }
}

TEST(ConfigTest, PlainTextStaysOnThisMachine) {
  for (const char* text :
       {"broker.example:8800", "http://broker.example:8800"}) {
    ClientOptions options;
    options.address = text;
    options.api_key = "vk_canary";
    const auto refused = ResolveWith(options);
    ASSERT_TRUE(IsConfigError(refused.status())) << text;
    const std::string message(refused.status().message());
    EXPECT_TRUE(absl::StrContains(message, "TLS")) << message;
    EXPECT_TRUE(absl::StrContains(message, "insecure_plaintext")) << message;
    EXPECT_FALSE(absl::StrContains(refused.status().ToString(), "canary"));
    options.insecure_plaintext = true;
    EXPECT_TRUE(ResolveWith(options).ok());
  }
  for (const char* text : {"unix:/run/vk.sock", "http://127.0.0.1:80",
                           "[::1]:80", "localhost:80"}) {
    ClientOptions options;
    options.address = text;
    EXPECT_TRUE(ResolveWith(options).ok()) << text;
  }
}

TEST(ConfigTest, TlsIsByTheSchemeOrWhatIsGiven) {
  const TemporaryFile roots("PEM roots");
  const TemporaryFile certificate("PEM certificate");
  const TemporaryFile key("PEM key");
  ClientOptions options;
  options.address = "broker.example:8800";
  options.tls_ca = roots.path();
  auto config = ResolveWith(options);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->tls);
  EXPECT_EQ(config->roots, "PEM roots");

  options.tls_ca.reset();
  options.tls_cert = certificate.path();
  EXPECT_TRUE(IsConfigError(ResolveWith(options).status())) << "no key";
  options.tls_key = key.path();
  config = ResolveWith(options);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->tls);
  EXPECT_EQ(config->certificate, "PEM certificate");
  EXPECT_EQ(config->private_key, "PEM key");

  options = {};
  options.address = "https://broker.example:8800";
  config = ResolveWith(options);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->tls);

  options.address = "http://127.0.0.1:8800";
  config = ResolveWith(options, {{"VALETKEY_TLS_CA", roots.path()}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->tls);

  options.address = "https://broker.example:8800";
  options.tls_ca = "/nowhere/ca.pem";
  EXPECT_TRUE(IsConfigError(ResolveWith(options).status()));
}

TEST(ConfigTest, TheEnvironmentFillsWhatIsNotGiven) {
  const TemporaryFile roots("PEM roots");
  const Variables variables = {{"VALETKEY_ADDRESS", "localhost:1"},
                               {"VALETKEY_API_KEY", "vk_environment"},
                               {"VALETKEY_APPLICATION", "shop"},
                               {"VALETKEY_TLS_CA", roots.path()}};
  auto config = ResolveWith({}, variables);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->target, "localhost:1");
  EXPECT_EQ(config->api_key, "vk_environment");
  EXPECT_EQ(config->application, "applications/shop");
  EXPECT_TRUE(config->tls);

  ClientOptions options;
  options.address = "localhost:2";
  options.api_key = "vk_code";
  options.application = "applications/other";
  options.tls_ca = "";
  config = ResolveWith(options, variables);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->target, "localhost:2");
  EXPECT_EQ(config->api_key, "vk_code");
  EXPECT_EQ(config->application, "applications/other");
  EXPECT_FALSE(config->tls);

  options.api_key = "";  // none, whatever the environment says
  EXPECT_EQ(ResolveWith(options, variables)->api_key, "");
}

TEST(ConfigTest, TheApiKeyMayBeInAFile) {
  const TemporaryFile key("vk_of-a-file\n");
  EXPECT_EQ(ResolveWith({}, {{"VALETKEY_API_KEY_FILE", key.path()}})->api_key,
            "vk_of-a-file");
  EXPECT_EQ(ResolveWith({}, {{"VALETKEY_API_KEY_FILE", key.path()},
                             {"VALETKEY_API_KEY", "vk_first"}})
                ->api_key,
            "vk_first");
  EXPECT_TRUE(IsConfigError(
      ResolveWith({}, {{"VALETKEY_API_KEY_FILE", "/nowhere"}}).status()));
  const auto damaged = ResolveWith({}, {{"VALETKEY_API_KEY", "canary\nx"}});
  EXPECT_TRUE(IsConfigError(damaged.status()));
  EXPECT_FALSE(absl::StrContains(damaged.status().ToString(), "canary"));
}

TEST(NamesTest, ShortNames) {
  const std::string shop = "applications/shop";
  const std::string full = "applications/shop/connections/c-7";
  EXPECT_EQ(*Expand(shop, "connections", "c-7"), full);
  EXPECT_EQ(*Expand(shop, "connections", full), full);
  EXPECT_EQ(*Expand("", "connections", full), full);
  EXPECT_EQ(*Expand("", "connections", "shop/c-7"), full);
  EXPECT_EQ(*Expand("applications/other", "connections", "shop/c-7"), full);
  EXPECT_EQ(*Expand(shop, "connections", "applications/x"), "applications/x");
  EXPECT_EQ(*Expand(shop, "connections", ""), "");
  EXPECT_TRUE(IsConfigError(Expand("", "connections", "c-7").status()));
  EXPECT_TRUE(IsConfigError(Expand(shop, "connections", "a/b/c").status()));
  EXPECT_EQ(*ExpandTop("applications", "shop"), shop);
  EXPECT_EQ(*ExpandTop("applications", shop), shop);
  EXPECT_TRUE(IsConfigError(ExpandTop("applications", "a/b").status()));
  EXPECT_EQ(ApplicationOf(full), shop);
  EXPECT_EQ(ApplicationOf("shop"), "");
}

}  // namespace
}  // namespace valetkey::client::internal
