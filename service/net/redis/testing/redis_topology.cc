#include "service/net/redis/testing/redis_topology.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

std::string Trimmed(absl::StatusOr<std::string> output) {
  if (!output.ok()) return "";
  while (!output->empty() && output->back() == '\n') output->pop_back();
  return *std::move(output);
}

int PortFor(const RedisServer& server, bool tls) {
  return tls ? server.tls_port() : server.port();
}

// The files that Launch writes are each server's own, signed by authorities of
// their own: all take the first one's, which is there before they start.
void TrustOneAnother(const RedisServer* first, bool cluster,
                     RedisServerOptions* options) {
  options->config.push_back("tls-replication yes");
  if (cluster) options->config.push_back("tls-cluster yes");
  if (first == nullptr) return;
  const std::string& folder = first->folder();
  options->config.insert(
      options->config.end(),
      {absl::StrCat("tls-ca-cert-file ", folder, "/ca.pem"),
       absl::StrCat("tls-cert-file ", folder, "/server.pem"),
       absl::StrCat("tls-key-file ", folder, "/server.key")});
}

std::string UrlOf(const RedisTopologyOptions& options, absl::string_view kind,
                  const std::vector<std::string>& hosts, absl::string_view path,
                  std::vector<std::string> parameters, const RedisServer& ca) {
  if (options.tls) {
    parameters.insert(parameters.end(), {absl::StrCat("ca=", ca.CaFile())});
  }
  std::string login;
  if (!options.user_info.empty()) {
    login = options.user_info + "@";
  } else if (!options.password.empty()) {
    login = absl::StrCat(":", options.password, "@");
  }
  return absl::StrCat(options.tls ? "rediss+" : "redis+", kind, "://", login,
                      absl::StrJoin(hosts, ","), path,
                      parameters.empty() ? "" : "?",
                      absl::StrJoin(parameters, "&"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SentinelSetup>> SentinelSetup::Start(
    RedisTopologyOptions options) {
  std::unique_ptr<SentinelSetup> setup(new SentinelSetup());
  setup->options_ = std::move(options);
  absl::Status status = setup->Launch();
  if (!status.ok()) return status;
  return setup;
}

absl::Status SentinelSetup::Launch() {
  const bool tls = options_.tls;
  for (int i = 0; i < 2; ++i) {
    RedisServerOptions options;
    options.tls = tls;
    options.password = options_.password;
    if (!options_.acl_user.empty()) {
      options.acl_users.push_back(options_.acl_user);
    }
    options.config = {"repl-diskless-sync-delay 0",
                      "repl-ping-replica-period 1"};
    if (!options_.password.empty()) {
      options.config.push_back("masterauth " + options_.password);
    }
    if (tls) {
      TrustOneAnother(i == 0 ? nullptr : servers_[0].get(), false, &options);
    }
    if (i == 1) {
      options.config.push_back(
          absl::StrCat("replicaof 127.0.0.1 ", PortFor(server(0), tls)));
    }
    auto started = RedisServer::Start(std::move(options));
    if (!started.ok()) return started.status();
    servers_.push_back(*std::move(started));
  }
  if (!Eventually([this] {
        return absl::StrContains(
            server(1).Cli({"INFO", "replication"}).value_or(""),
            "master_link_status:up");
      })) {
    return absl::DeadlineExceededError("the replica does not come up");
  }
  for (int i = 0; i < 3; ++i) {
    RedisServerOptions options;
    options.sentinel = true;
    options.tls = tls;
    options.password = options_.sentinel_password;
    options.config = {absl::StrCat("sentinel monitor tokens 127.0.0.1 ",
                                   PortFor(server(0), tls), " 2"),
                      "sentinel down-after-milliseconds tokens 500",
                      "sentinel failover-timeout tokens 3000"};
    if (!options_.password.empty()) {
      options.config.push_back("sentinel auth-pass tokens " +
                               options_.password);
    }
    if (!options_.sentinel_password.empty()) {
      options.config.push_back("sentinel sentinel-pass " +
                               options_.sentinel_password);
    }
    if (tls) TrustOneAnother(servers_[0].get(), false, &options);
    auto started = RedisServer::Start(std::move(options));
    if (!started.ok()) return started.status();
    sentinels_.push_back(*std::move(started));
  }
  const bool ready = Eventually([this] {
    for (auto& each : sentinels_) {
      const std::vector<std::string> lines = absl::StrSplit(
          each->Cli({"SENTINEL", "MASTER", "tokens"}).value_or(""), '\n');
      int good = 0;
      for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
        if (lines[i] == "num-slaves" && lines[i + 1] == "1") ++good;
        if (lines[i] == "num-other-sentinels" && lines[i + 1] == "2") ++good;
      }
      if (good != 2) return false;
    }
    return true;
  });
  if (!ready) return absl::DeadlineExceededError("the sentinels do not agree");
  return absl::OkStatus();
}

std::string SentinelSetup::Url() const {
  std::vector<std::string> hosts;
  for (const auto& each : sentinels_) {
    hosts.push_back(absl::StrCat("127.0.0.1:", PortFor(*each, options_.tls)));
  }
  std::vector<std::string> parameters;
  if (!options_.sentinel_password.empty()) {
    parameters.push_back("sentinel_password=" + options_.sentinel_password);
  }
  return UrlOf(options_, "sentinel", hosts, "/tokens", std::move(parameters),
               *servers_[0]);
}

int SentinelSetup::Master() {
  const std::vector<std::string> lines =
      absl::StrSplit(sentinel(2)
                         .Cli({"SENTINEL", "get-master-addr-by-name", "tokens"})
                         .value_or(""),
                     '\n');
  if (lines.size() < 2) return -1;
  for (int i = 0; i < 2; ++i) {
    if (lines[1] == absl::StrCat(PortFor(server(i), options_.tls))) return i;
  }
  return -1;
}

absl::StatusOr<std::unique_ptr<ClusterSetup>> ClusterSetup::Start(
    RedisTopologyOptions options) {
  std::unique_ptr<ClusterSetup> setup(new ClusterSetup());
  setup->options_ = std::move(options);
  for (int i = 0; i < 4; ++i) {
    RedisServerOptions node;
    node.cluster = true;
    node.tls = setup->options_.tls;
    node.password = setup->options_.password;
    if (!setup->options_.acl_user.empty()) {
      node.acl_users.push_back(setup->options_.acl_user);
    }
    node.config = {
        "cluster-node-timeout 1000", "cluster-require-full-coverage no",
        "repl-diskless-sync-delay 0", "cluster-announce-ip 127.0.0.1"};
    if (!node.password.empty()) {
      node.config.push_back("masterauth " + node.password);
    }
    if (node.tls) {
      TrustOneAnother(i == 0 ? nullptr : setup->nodes_[0].get(), true, &node);
    }
    auto started = RedisServer::Start(std::move(node));
    if (!started.ok()) return started.status();
    setup->nodes_.push_back(*std::move(started));
  }
  absl::Status status = setup->Join();
  if (!status.ok()) return status;
  return setup;
}

int ClusterSetup::PortOf(int i) const {
  return PortFor(*nodes_[static_cast<std::size_t>(i)], options_.tls);
}

absl::Status ClusterSetup::Join() {
  for (int i = 0; i < 4; ++i) {
    Cli(i, {"CLUSTER", "SET-CONFIG-EPOCH", absl::StrCat(i + 1)});
    if (i > 0) {
      Cli(0, {"CLUSTER", "MEET", "127.0.0.1", absl::StrCat(PortOf(i)),
              absl::StrCat(node(i).bus_port())});
    }
  }
  const char* ranges[][2] = {
      {"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}};
  for (int i = 0; i < 3; ++i) {
    Cli(i, {"CLUSTER", "ADDSLOTSRANGE", ranges[i][0], ranges[i][1]});
  }
  const std::string first = Id(0);
  const bool replica = Eventually([&] {
    return absl::StrContains(Cli(3, {"CLUSTER", "REPLICATE", first}), "OK");
  });
  if (!replica || !Eventually([this] { return Well(); })) {
    return absl::DeadlineExceededError("the cluster does not come up");
  }
  return absl::OkStatus();
}

bool ClusterSetup::Well() {
  for (int i = 0; i < 4; ++i) {
    const std::string info = Cli(i, {"CLUSTER", "INFO"});
    if (!absl::StrContains(info, "cluster_state:ok") ||
        !absl::StrContains(info, "cluster_slots_ok:16384") ||
        !absl::StrContains(info, "cluster_known_nodes:4") ||
        !absl::StrContains(info, "cluster_size:3")) {
      return false;
    }
  }
  return absl::StrContains(Cli(3, {"INFO", "replication"}),
                           "master_link_status:up");
}

std::string ClusterSetup::Url() const {
  std::vector<std::string> hosts;
  for (int i = 0; i < 3; ++i) {
    hosts.push_back(absl::StrCat("127.0.0.1:", PortOf(i)));
  }
  return UrlOf(options_, "cluster", hosts, "", {}, *nodes_[0]);
}

std::string ClusterSetup::Id(int i) { return Cli(i, {"CLUSTER", "MYID"}); }

std::string ClusterSetup::Cli(int i,
                              const std::vector<std::string>& arguments) {
  return Trimmed(node(i).Cli(arguments));
}

void ClusterSetup::BeginToMove(int slot, int from, int to) {
  const std::string text = absl::StrCat(slot);
  Cli(to, {"CLUSTER", "SETSLOT", text, "IMPORTING", Id(from)});
  Cli(from, {"CLUSTER", "SETSLOT", text, "MIGRATING", Id(to)});
}

void ClusterSetup::MoveKeys(int slot, int from, int to) {
  const std::string keys =
      Cli(from, {"CLUSTER", "GETKEYSINSLOT", absl::StrCat(slot), "1000"});
  for (absl::string_view key : absl::StrSplit(keys, '\n', absl::SkipEmpty())) {
    Cli(from, {"MIGRATE", "127.0.0.1", absl::StrCat(PortOf(to)),
               std::string(key), "0", "5000"});
  }
}

void ClusterSetup::EndMove(int slot, int to) {
  const std::string id = Id(to);
  Cli(to, {"CLUSTER", "SETSLOT", absl::StrCat(slot), "NODE", id});
  for (int i = 0; i < 3; ++i) {
    if (i == to) continue;
    Cli(i, {"CLUSTER", "SETSLOT", absl::StrCat(slot), "NODE", id});
  }
}

}  // namespace valetkey::redis
