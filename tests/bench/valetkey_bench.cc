// How fast a token is, against an empty gRPC call in the same run: one that
// answers at once, with a request, a response and metadata of the same sizes.
// What the metadata alone costs (gRPC sends it anew with each call) is shown by
// a comparison with a call that has none.
//
// The two are measured in turn, round by round, so that what disturbs the
// machine disturbs both; the figure quoted is the median of the rounds, and a
// ratio is the median of the rounds' ratios. Client and servers share the
// machine's processors.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/log.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/sidecar/sidecar.h"
#include "tests/bench/driver.h"
#include "tests/bench/report.h"
#include "tests/bench/stack.h"
#include "valetkey/testing/fake_valetkey.h"

ABSL_FLAG(std::string, json, "",
          "Write the figures to this file as an array of {name, value, unit, "
          "baseline, ratio}.");
ABSL_FLAG(int, rounds, 9, "Rounds of each comparison.");
ABSL_FLAG(int, calls, 20000, "Calls in a round.");

namespace valetkey::bench {
namespace {

constexpr int kTokenBytes = 150;

struct Comparison {
  std::string name;
  Load load;
  Load baseline;
  std::string throughput_target;
  std::string p99_target;
  std::string baseline_name = "empty gRPC call";
};

bool Compare(const Comparison& comparison, int rounds,
             std::vector<Figure>& figures) {
  std::vector<double> rate, base_rate, rate_ratio;
  std::vector<double> p50, base_p50, p50_ratio, p99, base_p99, p99_ratio;
  int failed = 0;
  (void)Run(comparison.baseline);  // connects and warms up
  (void)Run(comparison.load);
  for (int round = 0; round < rounds; ++round) {
    // Neither is always the first of a pair.
    Measured base, own;
    if (round % 2 == 0) {
      base = Run(comparison.baseline);
      own = Run(comparison.load);
    } else {
      own = Run(comparison.load);
      base = Run(comparison.baseline);
    }
    failed += own.failed + base.failed;
    rate.push_back(own.per_second);
    base_rate.push_back(base.per_second);
    rate_ratio.push_back(own.per_second / base.per_second);
    p50.push_back(own.p50_us);
    base_p50.push_back(base.p50_us);
    p50_ratio.push_back(own.p50_us / base.p50_us);
    p99.push_back(own.p99_us);
    base_p99.push_back(base.p99_us);
    p99_ratio.push_back(own.p99_us / base.p99_us);
  }
  const std::string base = comparison.baseline_name;
  const std::string own = comparison.name;
  figures.push_back({base + ", beside " + own, Median(base_rate), "calls/s"});
  figures.push_back({own, Median(rate), "calls/s", base, Median(rate_ratio),
                     comparison.throughput_target});
  figures.push_back(
      {own + ", p50", Median(p50), "us", base, Median(p50_ratio)});
  figures.push_back({own + ", p99", Median(p99), "us", base, Median(p99_ratio),
                     comparison.p99_target});
  if (failed != 0) std::fprintf(stderr, "%s: %d failed\n", own.c_str(), failed);
  return failed == 0;
}

// GetToken through a sidecar's socket, kept warm by a server that is a fake.
bool CompareSidecar(Load baseline, const std::string& folder, int rounds,
                    std::vector<Figure>& figures) {
  client::FakeValetKey server;
  Load own = baseline;
  own.names.clear();
  for (int i = 0; i < 100; ++i) {
    own.names.push_back(absl::StrCat("applications/shop/connections/c-",
                                     absl::Dec(i, absl::kZeroPad16), "abcd"));
    server.SetToken(own.names.back(), std::string(kTokenBytes, 'k'));
  }
  sidecar::SidecarOptions options;
  options.upstream = server.client_options();
  options.socket.addresses = {absl::StrCat("unix:", folder, "/sidecar.sock")};
  options.warm = own.names;
  sidecar::Sidecar sidecar(options);
  if (const absl::Status started = sidecar.Start(); !started.ok()) {
    std::fprintf(stderr, "%s\n", started.ToString().c_str());
    return false;
  }
  own.address = options.socket.addresses[0];
  own.authorization = baseline.authorization = "";
  baseline.names = own.names;
  own.channels = baseline.channels = 2;
  own.outstanding = baseline.outstanding = 32;
  own.calls = baseline.calls = absl::GetFlag(FLAGS_calls);
  // Warm, and memory answers again after the watch has begun.
  while (server.Calls("GetToken") < 100) absl::SleepFor(absl::Milliseconds(10));
  absl::SleepFor(absl::Seconds(1));
  const int fetched = server.Calls("GetToken");
  const std::string name = "GetToken through a sidecar";
  bool good =
      Compare({name, own, baseline, ">= 0.90", "<= 1.20"}, rounds, figures);
  own.outstanding = baseline.outstanding = 1;
  own.channels = baseline.channels = 1;
  own.calls = baseline.calls = absl::GetFlag(FLAGS_calls) / 4;
  good &= Compare({name + ", one at a time", own, baseline}, rounds, figures);
  const double p50 = figures[figures.size() - 2].value;
  figures.push_back({name + ", one at a time, p50 above the empty call's",
                     p50 - p50 / figures[figures.size() - 2].ratio, "us", "", 0,
                     "<= 10"});
  if (server.Calls("GetToken") != fetched) {
    std::fprintf(stderr, "the sidecar asked the server meanwhile\n");
    good = false;
  }
  return good;
}

int Main() {
  InitLog({.level = LogLevel::kError});
  const int rounds = std::max(1, absl::GetFlag(FLAGS_rounds));
  std::string folder =
      (std::filesystem::temp_directory_path() / "valetkey-bench-XXXXXX")
          .string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  std::vector<Figure> figures;
  bool good = true;

  figures.push_back(
      {"memory cache, one connection with a 150-byte token",
       Stack::BytesPerCachedConnection(kTokenBytes), "bytes", "1 KiB",
       Stack::BytesPerCachedConnection(kTokenBytes) / 1024, "< 1.00"});

  const EmptyServer empty(absl::StrCat("unix:", folder, "/empty.sock"),
                          kTokenBytes);
  Load baseline;
  baseline.address = empty.address();
  baseline.calls = absl::GetFlag(FLAGS_calls);

  {
    std::filesystem::create_directory(folder + "/memory");
    Stack stack({.folder = folder + "/memory",
                 .connections = 1000,
                 .token_bytes = kTokenBytes});
    absl::Status started = stack.Start();
    if (started.ok()) started = stack.Warm();
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.ToString().c_str());
      return 1;
    }
    Load own = baseline;
    own.address = stack.address();
    own.authorization = stack.authorization();
    own.names = baseline.names = stack.names();
    Load bare = baseline;
    baseline.authorization = stack.authorization();
    good &=
        Compare({"GetToken from memory", own, baseline, ">= 0.90", "<= 1.20"},
                rounds, figures);
    good &= Compare({"GetToken from memory, against no metadata", own, bare},
                    rounds, figures);
    // Metadata costs by its size, so the JWT is also held against an empty
    // call with the same.
    Load jwt = own;
    jwt.authorization = stack.jwt_authorization();
    good &= Compare({.name = "GetToken with a JWT",
                     .load = jwt,
                     .baseline = own,
                     .baseline_name = "GetToken with an API key"},
                    rounds, figures);
    Load same = baseline;
    same.authorization = stack.jwt_authorization();
    good &= Compare({.name = "GetToken with a JWT, from memory",
                     .load = jwt,
                     .baseline = same},
                    rounds, figures);
    // One call at a time: what a caller waits.
    own.outstanding = baseline.outstanding = 1;
    own.channels = baseline.channels = 1;
    own.calls = baseline.calls = absl::GetFlag(FLAGS_calls) / 4;
    good &= Compare({"GetToken from memory, one at a time", own, baseline},
                    rounds, figures);
  }

  good &= CompareSidecar(baseline, folder, rounds, figures);

  if (!redis::RedisServer::Installed()) {
    std::fprintf(stderr,
                 "redis-server is not installed: GetToken from Redis "
                 "was not measured\n");
  } else {
    auto redis = redis::RedisServer::Start({});
    if (!redis.ok()) {
      std::fprintf(stderr, "%s\n", redis.status().ToString().c_str());
      return 1;
    }
    std::filesystem::create_directory(folder + "/redis");
    // Memory holds a small part, so that nearly every call goes to Redis.
    Stack stack({.folder = folder + "/redis",
                 .redis_url = (*redis)->UnixUrl(),
                 .connections = 20000,
                 .memory_entries = 64,
                 .token_bytes = kTokenBytes});
    absl::Status started = stack.Start();
    if (started.ok()) started = stack.Warm();
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.ToString().c_str());
      return 1;
    }
    Load own = baseline;
    own.channels = baseline.channels = 2;
    own.outstanding = baseline.outstanding = 64;
    own.calls = baseline.calls = absl::GetFlag(FLAGS_calls);
    own.address = stack.address();
    own.authorization = baseline.authorization = stack.authorization();
    own.names = baseline.names = stack.names();
    const double before = stack.RemoteHits();
    good &= Compare({"GetToken from Redis", own, baseline, ">= 0.50", ""},
                    rounds, figures);
    figures.push_back({"share of those calls that Redis answered",
                       (stack.RemoteHits() - before) /
                           (static_cast<double>(own.calls) * (rounds + 1)) *
                           100,
                       "%"});
  }
  PrintTable(figures);
  std::filesystem::remove_all(folder);
  if (const std::string path = absl::GetFlag(FLAGS_json); !path.empty()) {
    const absl::Status written = WriteJson(path, figures);
    if (!written.ok()) {
      std::fprintf(stderr, "%s\n", written.ToString().c_str());
      return 1;
    }
  }
  std::printf(good ? "\ndone\n" : "\nfailed\n");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace valetkey::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return valetkey::bench::Main();
}
