// Text format to a checked policy.

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/catalog/spot.h"
#include "service/identity/caller_policy.pb.h"
#include "service/identity/oidc.h"
#include "service/identity/policy.h"

namespace valetkey::identity {
namespace {

using ::google::protobuf::TextFormat;
using ::valetkey::catalog::FaultCollector;
using ::valetkey::catalog::Faults;
using ::valetkey::catalog::Spot;
using ::valetkey::policy::CallerPolicy;
using ::valetkey::policy::Grant;
using ::valetkey::policy::JwtMatch;
using ::valetkey::policy::MtlsMatch;

constexpr std::size_t kMaxSize = 1024 * 1024;
constexpr std::size_t kMaxPatternSize = 512;
constexpr int kMaxIssuers = 50;
constexpr int kMaxRules = 2000;

bool IsShortName(absl::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '_' || c == '-';
         });
}

bool IsRuleName(absl::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isprint(c); });
}

// A duration within its bounds, or the default where there is none.
absl::Duration DurationOr(bool is_set,
                          const google::protobuf::Duration& duration,
                          absl::Duration fallback, absl::Duration least,
                          absl::Duration most, const char* field,
                          const Spot& spot) {
  if (!is_set) return fallback;
  const absl::Duration value =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  if (value < least || value > most) {
    spot.Fault(field, absl::StrCat("expected ", absl::FormatDuration(least),
                                   " to ", absl::FormatDuration(most)));
  }
  return value;
}

void ReadKeyLocation(const policy::Issuer& proto, const Spot& spot,
                     KeyLocation& keys) {
  keys.file = proto.jwks_file();
  keys.url = proto.jwks_url();
  keys.ca_file = proto.ca_file();
  keys.bearer_token_file = proto.bearer_token_file();
  keys.discovery = proto.discovery();
  const int given = static_cast<int>(!keys.file.empty()) +
                    static_cast<int>(!keys.url.empty()) +
                    static_cast<int>(keys.discovery);
  if (given != 1) {
    spot.Fault("jwks_file",
               "expected one of jwks_file, jwks_url and discovery: true, for "
               "signatures are checked with the keys found there");
    return;
  }
  if (!keys.url.empty() && !IsFetchUrl(keys.url)) {
    spot.Fault("jwks_url",
               "expected an https URL (http only to a loopback address)");
  }
  if (keys.discovery) {
    if (!IsFetchUrl(proto.issuer())) {
      spot.Fault("issuer",
                 "expected an https URL, for discovery asks it (or give "
                 "jwks_url or jwks_file)");
    }
    keys.url = MetadataUrl(proto.issuer());
  }
  if (!keys.file.empty()) {
    for (const char* field : {"ca_file", "bearer_token_file"}) {
      if (!(field[0] == 'c' ? keys.ca_file : keys.bearer_token_file).empty()) {
        spot.Fault(field, "expected none beside jwks_file: nothing is fetched");
      }
    }
  }
  keys.refresh_interval =
      DurationOr(proto.has_refresh_interval(), proto.refresh_interval(),
                 keys.refresh_interval, absl::Seconds(10), absl::Hours(24),
                 "refresh_interval", spot);
  keys.keep_keys =
      DurationOr(proto.has_keep_keys(), proto.keep_keys(), keys.keep_keys,
                 absl::Minutes(1), absl::Hours(24 * 30), "keep_keys", spot);
}

Issuer ReadIssuer(const policy::Issuer& proto, const Spot& spot) {
  Issuer issuer;
  issuer.name = proto.name();
  if (!IsShortName(issuer.name)) {
    spot.Fault("name", "expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"");
  }
  issuer.expected.issuer = proto.issuer();
  if (proto.issuer().empty()) {
    spot.Fault("issuer", "expected what the tokens have as iss");
  }
  for (int i = 0; i < proto.audiences_size(); ++i) {
    if (proto.audiences(i).empty()) {
      spot.Fault("audiences", "expected an audience, not \"\"", i);
    }
    issuer.expected.audiences.push_back(proto.audiences(i));
  }
  if (proto.audiences().empty()) {
    spot.Fault("audiences",
               "expected at least one, such as \"valetkey\", which tokens for "
               "this server have as aud");
  }
  for (int i = 0; i < proto.algorithms_size(); ++i) {
    if (proto.algorithms(i) == policy::ALGORITHM_UNSPECIFIED) {
      spot.Fault("algorithms", "expected one such as ALGORITHM_RS256", i);
    } else {
      issuer.expected.algorithms.push_back(
          static_cast<Algorithm>(proto.algorithms(i)));
    }
  }
  issuer.expected.clock_skew = DurationOr(
      proto.has_clock_skew(), proto.clock_skew(), issuer.expected.clock_skew,
      absl::ZeroDuration(), absl::Minutes(5), "clock_skew", spot);
  ReadKeyLocation(proto, spot, issuer.keys);
  return issuer;
}

bool IsPattern(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxPatternSize &&
         !absl::StrContains(text, "***");
}

constexpr char kPatternWanted[] =
    "expected a pattern of 1 to 512 characters, with * and ** for what varies";

void ReadJwt(const JwtMatch& match, const Spot& spot,
             const std::set<std::string>& issuers, Rule& rule) {
  rule.kind = Rule::Kind::kJwt;
  rule.issuer = match.issuer();
  if (issuers.count(rule.issuer) == 0) {
    spot.Fault("issuer", "expected the name of one of the issuers above");
  }
  if (!IsPattern(match.subject())) spot.Fault("subject", kPatternWanted);
  rule.name_pattern = Pattern(match.subject(), "/:");
  for (const auto& [path, pattern] : std::map<std::string, std::string>(
           match.claims().begin(), match.claims().end())) {
    if (path.empty()) spot.Fault("claims", "expected a key: the claim's path");
    if (!IsPattern(pattern)) {
      spot.Fault("claims", absl::StrCat("\"", path, "\": ", kPatternWanted));
    }
    rule.claims.emplace_back(path, Pattern(pattern, "/:"));
  }
}

// What a SPIFFE ID could be, with letters in place of the stars.
bool IsSpiffePattern(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() < 4 || absl::StrContains(parts[2], "*")) return false;
  std::string example(text);
  std::replace(example.begin(), example.end(), '*', 'a');
  return IsSpiffeId(example);
}

void ReadMtls(const MtlsMatch& match, const Spot& spot, Rule& rule) {
  if (match.has_spiffe_id()) {
    rule.kind = Rule::Kind::kSpiffeId;
    rule.name_pattern = Pattern(match.spiffe_id(), "/:");
    if (!IsPattern(match.spiffe_id()) || !IsSpiffePattern(match.spiffe_id())) {
      spot.Fault("spiffe_id",
                 "expected spiffe://trust-domain/path, the trust domain "
                 "without *, as in spiffe://example.org/ns/shop/sa/*");
    }
  } else if (match.has_dns_name()) {
    rule.kind = Rule::Kind::kDnsName;
    rule.name_pattern = Pattern(absl::AsciiStrToLower(match.dns_name()), "/:.");
    if (!IsPattern(match.dns_name())) {
      spot.Fault("dns_name", kPatternWanted);
    }
  } else if (match.has_common_name()) {
    rule.kind = Rule::Kind::kCommonName;
    rule.name_pattern = Pattern(match.common_name(), "/:");
    if (!IsPattern(match.common_name())) {
      spot.Fault("common_name", kPatternWanted);
    }
  } else {
    spot.Fault("spiffe_id", "expected spiffe_id, dns_name or common_name");
  }
}

void ReadGrant(const Grant& grant, const Spot& spot, Rule& rule) {
  rule.application = grant.application();
  if (!CheckApplicationName("application", grant.application()).ok()) {
    spot.Fault("application", "expected applications/{a}");
  }
  if (grant.rights().empty()) {
    spot.Fault("rights", "expected at least one, such as RIGHT_READ_TOKENS");
  }
  for (int i = 0; i < grant.rights_size(); ++i) {
    const v1::Right right = grant.rights(i);
    if (right == v1::RIGHT_UNSPECIFIED) {
      spot.Fault("rights", "expected one such as RIGHT_READ_TOKENS", i);
      continue;
    }
    // The bits of store::Right stand in the contract's order.
    rule.rights |= 1U << (static_cast<unsigned>(right) - 1);
    rule.right_names.push_back(v1::Right_Name(right));
  }
}

absl::Status ToStatus(const Faults& faults) {
  return MakeError(Reason::kFieldInvalid, faults.Join());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Parse(
    absl::string_view file, absl::string_view text) {
  Faults faults(file);
  if (text.size() > kMaxSize) {
    faults.Add(1, "", "expected at most 1 MiB");
    return ToStatus(faults);
  }
  FaultCollector collector(faults);
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&tree);
  parser.SetRecursionLimit(8);
  CallerPolicy proto;
  if (!parser.ParseFromString(std::string(text), &proto) || !faults.empty()) {
    if (faults.empty()) faults.Add(1, "", "cannot be read");
    return ToStatus(faults);
  }
  const Spot root(proto, &tree, "", 1, faults);
  if (proto.issuers_size() > kMaxIssuers) {
    root.Fault("issuers", absl::StrCat("expected at most ", kMaxIssuers));
    return ToStatus(faults);
  }
  if (proto.rules().empty() || proto.rules_size() > kMaxRules) {
    root.Fault("rules", absl::StrCat("expected 1 to ", kMaxRules,
                                     ": without a rule nobody is let in"));
    return ToStatus(faults);
  }
  auto made = std::make_shared<Policy>();
  std::set<std::string> names;
  std::set<std::string> issuers;
  for (int i = 0; i < proto.issuers_size(); ++i) {
    const Spot spot = root.Field("issuers", i);
    made->issuers_.push_back(ReadIssuer(proto.issuers(i), spot));
    if (!names.insert(proto.issuers(i).name()).second) {
      spot.Fault("name", "expected each name once");
    }
    // Two audiences of one issuer belong into one entry: a token's iss must
    // tell which keys and bounds it is checked with.
    if (!issuers.insert(proto.issuers(i).issuer()).second) {
      spot.Fault("issuer", "expected each issuer once");
    }
  }
  std::set<std::string> rule_names;
  for (int i = 0; i < proto.rules_size(); ++i) {
    const Spot spot = root.Field("rules", i);
    const auto& given = proto.rules(i);
    Rule rule;
    rule.name = given.name();
    if (!IsRuleName(rule.name) || !rule_names.insert(rule.name).second) {
      spot.Fault("name",
                 "expected 1 to 100 printable characters, each name once");
    }
    if (given.has_jwt()) {
      ReadJwt(given.jwt(), spot.Field("jwt"), names, rule);
    } else if (given.has_mtls()) {
      ReadMtls(given.mtls(), spot.Field("mtls"), rule);
    } else {
      spot.Fault("jwt", "expected jwt { ... } or mtls { ... }");
    }
    if (given.has_grant()) {
      ReadGrant(given.grant(), spot.Field("grant"), rule);
    } else {
      spot.Fault("grant", "expected grant { application: ... rights: ... }");
    }
    made->rules_.push_back(std::move(rule));
  }
  if (!faults.empty()) return ToStatus(faults);
  return made;
}

}  // namespace valetkey::identity
