// Real time and real connections: TLS, Unix sockets, and that closing leaves
// nothing.

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fixture.h"

namespace valetkey::client {
namespace {

std::vector<std::string> Entries(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const dir = opendir(folder.c_str());
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  }
  closedir(dir);
  return names;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Threads of the library's own.
int Threads() {
  int count = 0;
  for (const std::string& task : Entries("/proc/self/task")) {
    count += ReadAll(absl::StrCat("/proc/self/task/", task, "/comm")) ==
             "valetkey\n";
  }
  return count;
}

// A thread that is joined may be listed for a moment longer: the kernel wakes
// who joins it before it takes it off the list.
bool NoThreads() {
  return Eventually([] { return Threads() == 0; });
}

int Sockets() {
  int count = 0;
  for (const std::string& fd : Entries("/proc/self/fd")) {
    char target[64] = {};
    if (readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), target,
                 sizeof(target) - 1) > 0) {
      count += absl::StartsWith(target, "socket:");
    }
  }
  return count;
}

Client RealClient(const ClientOptions& options) {
  auto client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

v1::GetTokenRequest Request() {
  v1::GetTokenRequest request;
  request.set_name("c-7");
  return request;
}

TEST(LifecycleTest, ClosingLeavesNoThreadAndNoSocket) {
  FakeValetKey fake;
  fake.SetToken("c-7", "secret-1");
  {  // what gRPC opens once
    Client client = RealClient(fake.client_options());
    ASSERT_TRUE(client.GetToken(Request()).ok());
  }
  EXPECT_TRUE(NoThreads());
  ASSERT_TRUE(Eventually([&] { return fake.Watches() == 0; }));
  int sockets = Sockets();
  EXPECT_TRUE(Eventually([&] {
    const int before = std::exchange(sockets, Sockets());
    return sockets == before;
  }));
  std::vector<TokenSource> orphans;
  for (int i = 0; i < 5; ++i) {
    Client client = RealClient(fake.client_options());
    for (int j = 0; j < 10; ++j) {
      orphans.push_back(*client.NewTokenSource("c-7"));
      EXPECT_TRUE(orphans.back().Get().ok());
    }
    auto watch = client.WatchEvents({});
    ASSERT_TRUE(watch.ok());
    EXPECT_TRUE(watch->Next().ok());
    fake.Fail("GetToken", v1::STORE_UNAVAILABLE, 1, absl::Seconds(20));
    const int calls = fake.Calls("GetToken");
    Pending<Token> waiting;
    client.GetToken(Request(), {}, waiting.Done());
    ASSERT_TRUE(fake.AwaitCalls("GetToken", calls + 1));
    EXPECT_TRUE(Eventually([] { return Threads() == 1; }));
    client.Close();
    client.Close();
    EXPECT_TRUE(NoThreads());
    EXPECT_TRUE(absl::IsCancelled(waiting.Await().status()));
    EXPECT_TRUE(absl::IsCancelled(watch->Next().status()));
    EXPECT_TRUE(absl::IsCancelled(client.GetToken(Request()).status()));
    EXPECT_TRUE(
        absl::IsCancelled(client.NewTokenSource("c-7")->Get().status()));
  }
  for (const TokenSource& source : orphans) {
    EXPECT_TRUE(absl::IsCancelled(source.Get().status()));
  }
  EXPECT_TRUE(Eventually([&] { return Sockets() <= sockets; }))
      << Sockets() << " sockets, " << sockets << " before";
}

TEST(LifecycleTest, RealTimersFetchInTheBackground) {
  FakeValetKey fake;
  fake.Fail("WatchEvents", v1::RIGHT_MISSING, 100);
  FakeTokenOptions options;
  options.expires_in = absl::Seconds(60);
  options.refresh_in = absl::ZeroDuration();  // due already
  fake.SetToken("c-7", "secret-1", options);
  Client client = RealClient(fake.client_options());
  const TokenSource source = *client.NewTokenSource("c-7");
  ASSERT_TRUE(source.Get().ok());
  options.refresh_in = absl::Seconds(50);
  fake.SetToken("c-7", "secret-2", options);
  EXPECT_TRUE(
      Eventually([&] { return source.Get()->access_token() == "secret-2"; }));
}

TEST(LifecycleTest, MovedClientsWork) {
  FakeValetKey fake;
  fake.SetToken("c-7", "secret-1");
  Client first = RealClient(fake.client_options());
  Client second = std::move(first);
  EXPECT_TRUE(second.GetToken(Request()).ok());
  first = std::move(second);
  EXPECT_TRUE(first.GetToken(Request()).ok());
}

TEST(LifecycleTest, AUnixSocketNeedsNoKey) {
  const std::string path = absl::StrCat("/tmp/valetkey-u-", getpid(), ".sock");
  FakeOptions options;
  options.unix_socket = path;
  FakeValetKey fake(options);
  fake.SetToken("c-7", "secret-1");
  for (const char* prefix : {"unix:", "unix://"}) {
    ClientOptions client_options;
    client_options.address = prefix + path;
    client_options.application = "shop";
    Client client = RealClient(client_options);
    const auto token = client.GetToken(Request());
    EXPECT_TRUE(token.ok()) << token.status();
  }
}

// Certificates that openssl makes for the test. Whether files are read again
// makes no difference to whom is trusted.
class TlsTest : public testing::TestWithParam<bool> {
 protected:
  TlsTest() {
    char folder[] = "/tmp/valetkey-tls-XXXXXX";
    folder_ = mkdtemp(folder);
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
        "-nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
    MakeCertificate("server", "DNS:localhost,IP:127.0.0.1,DNS:broker.example");
    MakeCertificate("client", "DNS:client");
  }
  ~TlsTest() override { Run("rm -r " + folder_); }

  void Run(const std::string& command) const {
    const std::string whole =
        absl::StrCat("cd ", folder_, " && ", command, " 2>/dev/null");
    ASSERT_EQ(std::system(whole.c_str()), 0) << command;
  }
  void MakeCertificate(const std::string& name, const std::string& names) {
    std::ofstream(Path(name + ".ext")) << "subjectAltName=" << names << "\n";
    Run(absl::StrCat(
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-subj /CN=",
        name, " -keyout ", name, ".key -out ", name, ".csr && ",
        "openssl x509 -req -in ", name, ".csr -CA ca.pem -CAkey ca.key ",
        "-CAcreateserial -days 2 -extfile ", name, ".ext -out ", name, ".pem"));
  }
  std::string Path(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }
  FakeOptions ServerOptions() const {
    FakeOptions options;
    options.tls_certificate = ReadAll(Path("server.pem"));
    options.tls_key = ReadAll(Path("server.key"));
    return options;
  }

  std::string folder_;
};

TEST_P(TlsTest, TrustsWhatItWasGiven) {
  FakeValetKey fake(ServerOptions());
  fake.SetToken("c-7", "secret-1");
  ClientOptions options = fake.client_options();
  options.tls_reload = GetParam();
  options.tls_ca = Path("ca.pem");
  const auto token = RealClient(options).GetToken(Request());
  EXPECT_TRUE(token.ok()) << token.status();

  // By the scheme, with the same authorities.
  options.address = "https://" + fake.address();
  EXPECT_TRUE(RealClient(options).GetToken(Request()).ok());

  // Not without them; and not in plain text.
  CallOptions brief;
  brief.timeout = absl::Seconds(1);
  options.tls_ca = "system";
  EXPECT_TRUE(absl::IsUnavailable(
      RealClient(options).GetToken(Request(), brief).status()));
  options.address = fake.address();
  options.tls_ca = "";
  EXPECT_FALSE(RealClient(options).GetToken(Request(), brief).ok());
}

TEST_P(TlsTest, TheServerNameIsWhatTheCertificateMustHave) {
  FakeValetKey fake(ServerOptions());
  fake.SetToken("c-7", "secret-1");
  ClientOptions options = fake.client_options();
  options.tls_reload = GetParam();
  options.tls_ca = Path("ca.pem");
  options.server_name = "broker.example";
  EXPECT_TRUE(RealClient(options).GetToken(Request()).ok());
  options.server_name = "other.example";
  CallOptions brief;
  brief.timeout = absl::Seconds(1);
  EXPECT_TRUE(absl::IsUnavailable(
      RealClient(options).GetToken(Request(), brief).status()));
}

TEST_P(TlsTest, ClientCertificate) {
  FakeOptions server = ServerOptions();
  server.tls_client_authorities = ReadAll(Path("ca.pem"));
  FakeValetKey fake(server);
  fake.SetToken("c-7", "secret-1");
  ClientOptions options = fake.client_options();
  options.tls_reload = GetParam();
  options.tls_ca = Path("ca.pem");
  options.tls_cert = Path("client.pem");
  options.tls_key = Path("client.key");
  const auto token = RealClient(options).GetToken(Request());
  EXPECT_TRUE(token.ok()) << token.status();
  options.tls_cert = "";
  options.tls_key = "";
  CallOptions brief;
  brief.timeout = absl::Seconds(1);
  EXPECT_FALSE(RealClient(options).GetToken(Request(), brief).ok());
}

TEST_P(TlsTest, ACertificateThatIsReplaced) {
  FakeOptions server = ServerOptions();
  server.tls_client_authorities = ReadAll(Path("ca.pem"));
  FakeValetKey fake(server);
  fake.SetToken("c-7", "secret-1");
  ClientOptions options = fake.client_options();
  options.tls_reload = GetParam();
  options.tls_ca = Path("ca.pem");
  options.tls_cert = Path("own.pem");
  options.tls_key = Path("own.key");
  // At first one that the server does not trust.
  Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
      "-nodes -days 2 -subj /CN=stranger -keyout own.key -out own.pem");
  Client client = RealClient(options);
  CallOptions brief;
  brief.timeout = absl::Seconds(1);
  EXPECT_FALSE(client.GetToken(Request(), brief).ok());
  Run("cp client.key own.key && cp client.pem own.pem");
  const bool reloaded =
      Eventually([&] { return client.GetToken(Request(), brief).ok(); });
  EXPECT_EQ(reloaded, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Reload, TlsTest, testing::Bool());

}  // namespace
}  // namespace valetkey::client
