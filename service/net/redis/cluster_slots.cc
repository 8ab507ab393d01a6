#include "service/net/redis/cluster_slots.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace valetkey::redis {
namespace {

// CRC-16/XMODEM: polynomial 0x1021, from 0, not reflected.
constexpr std::array<std::uint16_t, 256> MakeTable() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}

constexpr std::array<std::uint16_t, 256> kTable = MakeTable();

unsigned Crc16(absl::string_view data) {
  unsigned crc = 0;
  for (const char c : data) {
    crc = ((crc << 8) & 0xffff) ^
          kTable[(crc >> 8) ^ static_cast<unsigned char>(c)];
  }
  return crc;
}

constexpr absl::string_view kFirstArgument[] = {
    "APPEND", "DECR",      "DEL",     "EXISTS", "EXPIRE",  "EXPIREAT", "GET",
    "GETDEL", "GETRANGE",  "HDEL",    "HGET",   "HGETALL", "HSET",     "INCR",
    "INCRBY", "PERSIST",   "PEXPIRE", "PTTL",   "SET",     "SETEX",    "SETNX",
    "STRLEN", "TTL",       "TYPE",    "UNLINK", "XADD",    "XDEL",     "XLEN",
    "XRANGE", "XREVRANGE", "XTRIM"};
constexpr absl::string_view kNoKey[] = {"CLUSTER", "DBSIZE",  "ECHO", "INFO",
                                        "PING",    "PUBLISH", "ROLE", "TIME"};

template <class List, class Value>
bool Contains(const List& list, const Value& value) {
  return std::find(std::begin(list), std::end(list), value) != std::end(list);
}

// [host, port, id, ...]
absl::StatusOr<ClusterNode> ParseNode(const RedisReply& reply,
                                      const std::string& asked_host) {
  if (!reply.is_array() || reply.elements.size() < 2 ||
      !reply.elements[1].is_integer() || reply.elements[1].integer < 0 ||
      reply.elements[1].integer > 65535) {
    return absl::DataLossError("redis: CLUSTER SLOTS: not a node");
  }
  ClusterNode node;
  // "?" stands for a host name that the node was never given.
  const std::string& name = reply.elements[0].text;
  node.host.name = name.empty() || name == "?" ? asked_host : name;
  node.host.port = static_cast<int>(reply.elements[1].integer);
  if (reply.elements.size() > 2) node.id = reply.elements[2].text;
  return node;
}

}  // namespace

int SlotOfKey(absl::string_view key) {
  const std::size_t open = key.find('{');
  if (open != absl::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != absl::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return static_cast<int>(Crc16(key) % kSlots);
}

absl::StatusOr<std::optional<int>> SlotOfCommand(
    const std::vector<std::string>& argv) {
  if (argv.empty()) return absl::InvalidArgumentError("redis: no command");
  const std::string command = absl::AsciiStrToUpper(argv[0]);
  if (Contains(kNoKey, command)) return std::nullopt;
  std::size_t position = 0;
  if (command == "EVAL" || command == "EVALSHA") {
    int keys = 0;
    if (argv.size() > 2 && absl::SimpleAtoi(argv[2], &keys) && keys == 0) {
      return std::nullopt;
    }
    position = 3;
  } else if (Contains(kFirstArgument, command)) {
    position = 1;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("redis: it is not known here which key of ",
                     command.substr(0, 32), " tells the node of the cluster"));
  }
  if (argv.size() <= position) {
    return absl::InvalidArgumentError(
        absl::StrCat("redis: ", command, " without its key"));
  }
  return SlotOfKey(argv[position]);
}

const ClusterNode* SlotMap::Owner(int slot) const {
  const std::uint16_t index = owner[static_cast<std::size_t>(slot)];
  return index == kNobody ? nullptr : &masters[index];
}

bool SlotMap::Move(int slot, const RedisHost& host) {
  const ClusterNode* before = Owner(slot);
  if (before != nullptr && before->host == host) return false;
  auto it = std::find_if(
      masters.begin(), masters.end(),
      [&host](const ClusterNode& node) { return node.host == host; });
  if (it == masters.end()) {
    it = masters.insert(it, ClusterNode{.id = "", .host = host});
  }
  owner[static_cast<std::size_t>(slot)] =
      static_cast<std::uint16_t>(it - masters.begin());
  return true;
}

std::string SlotMap::Describe(bool with_hosts) const {
  std::string text;
  for (int first = 0, last = 0; first < kSlots; first = last) {
    const std::uint16_t index = owner[static_cast<std::size_t>(first)];
    while (last < kSlots && owner[static_cast<std::size_t>(last)] == index) {
      ++last;
    }
    if (index == kNobody) continue;
    const ClusterNode& node = masters[index];
    absl::StrAppend(&text, first, "-", last - 1, " ", node.id);
    if (with_hosts) absl::StrAppend(&text, " ", node.host.ToString());
    text.push_back('\n');
  }
  return text;
}

absl::StatusOr<SlotMap> ParseClusterSlots(const RedisReply& reply,
                                          const std::string& asked_host) {
  if (reply.is_error()) return ErrorOf(reply);
  if (!reply.is_array()) {
    return absl::DataLossError("redis: CLUSTER SLOTS: not an array");
  }
  SlotMap map;
  for (const RedisReply& range : reply.elements) {
    if (!range.is_array() || range.elements.size() < 3 ||
        !range.elements[0].is_integer() || !range.elements[1].is_integer()) {
      return absl::DataLossError("redis: CLUSTER SLOTS: not a range");
    }
    const std::int64_t first = range.elements[0].integer;
    const std::int64_t last = range.elements[1].integer;
    if (first < 0 || last < first || last >= kSlots) {
      return absl::DataLossError("redis: CLUSTER SLOTS: no such slots");
    }
    absl::StatusOr<ClusterNode> node = ParseNode(range.elements[2], asked_host);
    if (!node.ok()) return node.status();
    auto it = std::find(map.masters.begin(), map.masters.end(), *node);
    if (it == map.masters.end()) it = map.masters.insert(it, *node);
    const auto index = static_cast<std::uint16_t>(it - map.masters.begin());
    std::fill(map.owner.begin() + first, map.owner.begin() + last + 1, index);
    for (std::size_t i = 3; i < range.elements.size(); ++i) {
      absl::StatusOr<ClusterNode> replica =
          ParseNode(range.elements[i], asked_host);
      if (!replica.ok()) return replica.status();
      if (!Contains(map.replicas, replica->host)) {
        map.replicas.push_back(replica->host);
      }
    }
  }
  if (map.masters.empty()) {
    return absl::UnavailableError("redis: no node of the cluster has a slot");
  }
  return map;
}

std::optional<Redirection> ParseRedirection(const RedisReply& reply) {
  const absl::string_view code = ErrorCode(reply);
  if (code != "MOVED" && code != "ASK") return std::nullopt;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(reply.text, ' ', absl::SkipEmpty());
  if (parts.size() < 3) return std::nullopt;
  Redirection redirection;
  redirection.ask = code == "ASK";
  // An IPv6 address has no brackets here.
  const std::size_t colon = parts[2].rfind(':');
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(parts[1], &redirection.slot) || redirection.slot < 0 ||
      redirection.slot >= kSlots ||
      !absl::SimpleAtoi(parts[2].substr(colon + 1), &redirection.host.port) ||
      redirection.host.port < 1 || redirection.host.port > 65535) {
    return std::nullopt;
  }
  redirection.host.name = std::string(parts[2].substr(0, colon));
  if (redirection.host.name == "?") redirection.host.name.clear();
  return redirection;
}

}  // namespace valetkey::redis
