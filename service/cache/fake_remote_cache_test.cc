#include "service/cache/fake_remote_cache.h"

#include <string>

#include "service/cache/remote_cache_contract.h"

namespace valetkey::cache {
namespace {

class FakeFixture {
 public:
  RemoteCache& a() { return a_; }
  RemoteCache& b() { return b_; }
  bool ready() { return true; }
  void Flush() { server_.Flush(); }
  void Pass(absl::Duration time) { clock_.Advance(time); }
  std::string Skip() { return ""; }

 private:
  FakeClock clock_{absl::FromUnixSeconds(1700000000)};
  FakeRemoteServer server_{clock_};
  FakeRemoteCache a_{server_, "a"};
  FakeRemoteCache b_{server_, "b"};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, RemoteCacheContract, FakeFixture);

TEST(FakeRemoteCacheTest, DownIsUnavailableAndTellsTheListener) {
  FakeClock clock(absl::FromUnixSeconds(1700000000));
  FakeRemoteServer server(clock);
  FakeRemoteCache cache(server, "a");
  Heard heard;
  cache.SetListener(heard.Listener());
  Reactor reactor(0);
  server.SetDown(true);
  EXPECT_FALSE(cache.healthy());
  auto entry =
      asio::co_spawn(reactor.executor(), cache.Get("n", absl::InfiniteFuture()),
                     asio::use_future)
          .get();
  EXPECT_EQ(entry.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server.gets(), 1);
  server.SetDown(false);
  EXPECT_TRUE(cache.healthy());
  EXPECT_EQ(heard.Of("").size(), 2u);
}

}  // namespace
}  // namespace valetkey::cache
