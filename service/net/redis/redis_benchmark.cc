// What the client costs: GETs by so many coroutines at a time on one reactor,
// against a redis-server of its own. Compare with
//
//   redis-benchmark -s SOCKET -t get -n 1000000 -c 1 -P 64 -d 600

#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/net/redis/redis_client.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

constexpr int kGetsPerTask = 1000;

RedisServer& Server() {
  static RedisServer& server = [&]() -> RedisServer& {
    auto started = RedisServer::Start({.tls = true});
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
      std::abort();
    }
    return *started->release();
  }();
  return server;
}

Task<void> GetMany(RedisClient& client, const std::string& key, int* failed) {
  for (int i = 0; i < kGetsPerTask; ++i) {
    std::vector<std::string> argv;
    argv.reserve(2);
    argv.emplace_back("GET");
    argv.push_back(key);
    auto reply =
        co_await client.Command(std::move(argv), In(absl::Seconds(10)));
    if (!reply.ok() || !reply->is_string()) ++*failed;
  }
}

void RunGets(benchmark::State& state, const std::string& url) {
  Reactor reactor(0);
  RedisOptions options;
  options.url = *ParseRedisUrl(url);
  RedisClient client(reactor.executor(), options);
  Eventually([&] { return client.healthy(); });
  const std::string key =
      "valetkey:{applications/shop/connections/c-0123456789}:token";
  // About a sealed token.
  (void)RunOn(reactor.executor(),
              client.Command({"SET", key, std::string(600, 'x')},
                             In(absl::Seconds(10))));
  int failed = 0;
  for (auto _ : state) {
    TaskScope scope;
    for (int i = 0; i < state.range(0); ++i) {
      scope.Spawn(reactor.executor(), "get", GetMany(client, key, &failed));
    }
    scope.Join(absl::Minutes(5));
  }
  if (failed > 0) state.SkipWithError("a GET failed");
  state.SetItemsProcessed(state.iterations() * state.range(0) * kGetsPerTask);
}

void GetOverUnixSocket(benchmark::State& state) {
  RunGets(state, Server().UnixUrl());
}
void GetOverTcp(benchmark::State& state) { RunGets(state, Server().TcpUrl()); }
void GetOverTls(benchmark::State& state) { RunGets(state, Server().TlsUrl()); }

BENCHMARK(GetOverUnixSocket)->Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseRealTime();
BENCHMARK(GetOverTcp)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(GetOverTls)->Arg(1)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace valetkey::redis

BENCHMARK_MAIN();
