// What a server may do that Redis never does: a fake one answers the handshake
// and then what the test says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/net/redis/redis_client.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

// Serves one connection after the other on a thread of its own.
class FakeServer {
 public:
  // Called with each connection, counted from 0, after the handshake.
  using Script = std::function<void(int connection, int fd)>;

  explicit FakeServer(Script script) : script_(std::move(script)) {
    std::string folder = "/tmp/vk-fake-redis-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    path_ = folder + "/s";
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(
        bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
        0);
    EXPECT_EQ(listen(listener_, 16), 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
    rmdir(path_.substr(0, path_.size() - 2).c_str());
  }

  RedisOptions Options() const {
    RedisOptions options;
    options.url = *ParseRedisUrl("unix://" + path_);
    options.max_backoff = absl::Milliseconds(100);
    options.stall_timeout = absl::Milliseconds(300);
    options.connect_timeout = absl::Seconds(5);
    return options;
  }

  static std::string Receive(int fd) {
    char buffer[65536];
    const ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "";
  }
  static void Send(int fd, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t size =
          send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<std::size_t>(size);
    }
  }

 private:
  void Run() {
    for (int connection = 0;; ++connection) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::string greeting;
      while (greeting.find("PING\r\n") == std::string::npos) {
        const std::string more = Receive(fd);
        if (more.empty()) break;
        greeting += more;
      }
      Send(fd, "+OK\r\n+PONG\r\n");
      script_(connection, fd);
      close(fd);
    }
  }

  const Script script_;
  std::string path_;
  int listener_ = -1;
  std::thread thread_;
};

// Answers with a fixed reply whatever is asked, until the other side is gone.
void AnswerAll(int fd, const std::string& reply) {
  while (!FakeServer::Receive(fd).empty()) FakeServer::Send(fd, reply);
}

void ExpectDroppedAndRecovered(const std::string& bytes, bool then_close) {
  FakeServer server([&](int connection, int fd) {
    if (connection > 0) return AnswerAll(fd, "+fine\r\n");
    FakeServer::Receive(fd);
    FakeServer::Send(fd, bytes);
    if (!then_close) FakeServer::Receive(fd);
  });
  Reactor reactor(0);
  RedisOptions options = server.Options();
  options.limits = {.max_reply_bytes = 1 << 20, .max_elements = 1000};
  RedisClient client(reactor.executor(), options);
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  auto reply = RunOn(reactor.executor(),
                     client.Command({"GET", "k"}, In(absl::Seconds(20))));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable)
      << reply.status();
  ASSERT_TRUE(Eventually([&] { return client.connects() >= 2; }));
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  reply = RunOn(reactor.executor(),
                client.Command({"GET", "k"}, In(absl::Seconds(20))));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text, "fine");
}

TEST(RedisFaultTest, MalformedReplies) {
  std::string deep;
  for (int i = 0; i < 50; ++i) deep += "*1\r\n";
  for (const std::string& bytes : std::vector<std::string>{
           "HTTP/1.1 400 Bad Request\r\n\r\n", "$-7\r\n", "*1001\r\n", deep,
           "*99999999999\r\n", "$99999999999999999999\r\n", ":12a\r\n",
           "$2000000\r\n" + std::string(1100000, 'x')}) {
    SCOPED_TRACE(bytes.substr(0, 40));
    ExpectDroppedAndRecovered(bytes, false);
  }
}

TEST(RedisFaultTest, CutInTheMiddleOfAReply) {
  for (const char* bytes : {"", "$", "$5\r\nhel", "*2\r\n$1\r\na\r\n", ":12"}) {
    SCOPED_TRACE(bytes);
    ExpectDroppedAndRecovered(bytes, true);
  }
}

TEST(RedisFaultTest, SilenceAndHalfAReplyEndTheConnection) {
  ExpectDroppedAndRecovered("", false);
  ExpectDroppedAndRecovered("$100\r\nhalf", false);
}

TEST(RedisFaultTest, AReplyTooManyEndsTheConnection) {
  FakeServer server([&](int connection, int fd) {
    if (connection > 0) return AnswerAll(fd, "+fine\r\n");
    FakeServer::Receive(fd);
    FakeServer::Send(fd, "+first\r\n+second\r\n");
    AnswerAll(fd, "+wrong\r\n");
  });
  Reactor reactor(0);
  RedisClient client(reactor.executor(), server.Options());
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  auto reply = RunOn(reactor.executor(),
                     client.Command({"GET", "k"}, In(absl::Seconds(20))));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text, "first");
  // The second must never become the answer to another question.
  ASSERT_TRUE(Eventually([&] { return client.connects() >= 2; }));
  reply = RunOn(reactor.executor(),
                client.Command({"GET", "k"}, In(absl::Seconds(20))));
  EXPECT_TRUE(!reply.ok() || reply->text == "fine");
}

Task<void> Ask(RedisClient& client, std::atomic<int>* answered) {
  auto reply = co_await client.Command({"PING"}, In(absl::Seconds(20)));
  if (reply.ok()) ++*answered;
}

Task<void> AskTogether(RedisClient& client, TaskScope& scope, int count,
                       std::atomic<int>* answered) {
  auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < count; ++i) {
    scope.Spawn(executor, "ask", Ask(client, answered));
  }
}

TEST(RedisFaultTest, CommandsOfOneTurnLeaveInOneWrite) {
  const std::string ping = "*1\r\n$4\r\nPING\r\n";
  std::atomic<std::size_t> first_size{0};
  FakeServer server([&](int, int fd) {
    std::string received = FakeServer::Receive(fd);
    first_size = received.size();
    std::size_t owed = 0;
    while (!received.empty()) {
      owed += received.size();
      for (; owed >= ping.size(); owed -= ping.size()) {
        FakeServer::Send(fd, "+PONG\r\n");
      }
      received = FakeServer::Receive(fd);
    }
  });
  Reactor reactor(0);
  RedisClient client(reactor.executor(), server.Options());
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  TaskScope scope;
  std::atomic<int> answered{0};
  RunOn(reactor.executor(), AskTogether(client, scope, 100, &answered));
  EXPECT_TRUE(Eventually([&] { return answered == 100; }));
  EXPECT_TRUE(scope.Join(absl::Seconds(20)));
  EXPECT_EQ(first_size, 100 * ping.size());
}

}  // namespace
}  // namespace valetkey::redis
