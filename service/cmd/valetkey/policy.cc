// valetkey policy: check, test. Offline: the server's own code decides, here.

#include "service/identity/policy.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "service/cmd/valetkey/failure.h"
#include "service/cmd/valetkey/shell.h"
#include "service/identity/certificate.h"
#include "service/identity/jwt.h"
#include "service/identity/key_set.h"
#include "service/identity/strict_json.h"

namespace valetkey::cli {
namespace {

using identity::Policy;

struct TestOptions {
  std::string policy;
  std::string token_file;
  std::string jwks;
  std::string claims;
  std::string certificate;
  std::string spiffe_id;
  std::string dns_name;
  std::string common_name;
};

// What was found out, step by step.
struct Report {
  std::vector<std::string> steps;
  std::string refused;  // why no rule was asked; "" if they were
  std::vector<identity::Verdict> verdicts;
  std::size_t rules = 0;

  const identity::Rule* rule() const {
    return !verdicts.empty() && verdicts.back().why_not.empty()
               ? verdicts.back().rule
               : nullptr;
  }
};

// Each fault on a line of its own.
grpc::Status BadFile(Shell& shell, const absl::Status& status) {
  for (const absl::string_view fault : absl::StrSplit(status.message(), '\n')) {
    shell.err() << Printable(std::string(fault)) << "\n";
  }
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                      "the policy cannot be used as it is");
}

absl::StatusOr<std::shared_ptr<const Policy>> ReadPolicy(
    Shell& shell, const std::string& path) {
  return Policy::Parse(path, ReadFile("policy", path, shell.in()));
}

grpc::Status Check(Shell& shell, const std::string& path, bool keys) {
  const auto policy = ReadPolicy(shell, path);
  if (!policy.ok()) return BadFile(shell, policy.status());
  for (const identity::Issuer& issuer : (*policy)->issuers()) {
    if (!keys || issuer.keys.file.empty()) continue;
    const auto set = identity::KeySet::Parse(ReadFile(
        "jwks_file of issuer " + issuer.name, issuer.keys.file, shell.in()));
    if (!set.ok()) {
      return BadFile(shell,
                     absl::InvalidArgumentError(absl::StrCat(
                         issuer.keys.file, ": ", set.status().message())));
    }
  }
  shell.out() << path << ": good: " << (*policy)->issuers().size()
              << " issuers, " << (*policy)->rules().size() << " rules\n";
  return grpc::Status::OK;
}

// The keys to check the signature with, or why it cannot be checked here.
absl::StatusOr<std::shared_ptr<const identity::KeySet>> KeysFor(
    Shell& shell, const identity::Issuer& issuer, const std::string& jwks) {
  const std::string& path = jwks.empty() ? issuer.keys.file : jwks;
  if (path.empty()) {
    return absl::NotFoundError(
        "not checked: the keys are at a URL, which is not asked here; "
        "--jwks FILE takes them from a file");
  }
  return identity::KeySet::Parse(ReadFile("--jwks", path, shell.in()));
}

void AskRules(const Policy& policy, const identity::Issuer& issuer,
              std::shared_ptr<const nlohmann::json> claims, Report& report) {
  const std::string* subject = identity::FindString(*claims, "sub");
  report.verdicts = policy.Explain(identity::JwtIdentity{
      issuer.name, subject == nullptr ? "" : *subject, std::move(claims)});
}

Report TestToken(Shell& shell, const Policy& policy,
                 const TestOptions& options) {
  Report report;
  const std::string token =
      ReadFile("--token-file", options.token_file, shell.in());
  const auto jwt = identity::ParseJwt(absl::StripAsciiWhitespace(token));
  if (!jwt.ok()) {
    report.refused = std::string(jwt.status().message());
    return report;
  }
  report.steps.push_back(absl::StrCat("token: subject \"", jwt->subject(),
                                      "\", signed with ",
                                      InfoOf(jwt->algorithm).name));
  const identity::Issuer* issuer = policy.FindIssuer(jwt->issuer());
  if (issuer == nullptr) {
    report.refused = absl::StrCat(
        "no issuer of the policy has the token's iss "
        "\"",
        jwt->issuer(), "\"");
    return report;
  }
  report.steps.push_back(absl::StrCat("issuer: ", issuer->name));
  const absl::Status claims =
      identity::CheckClaims(*jwt, issuer->expected, absl::Now());
  if (!claims.ok()) {
    report.refused = std::string(claims.message());
    return report;
  }
  report.steps.push_back("claims: iss, aud, exp, nbf, iat and sub are good");
  const auto keys = KeysFor(shell, *issuer, options.jwks);
  if (!keys.ok() && absl::IsNotFound(keys.status())) {
    report.steps.push_back(
        absl::StrCat("signature: ", keys.status().message()));
  } else {
    const absl::Status signature =
        keys.ok() ? identity::CheckSignature(*jwt, **keys) : keys.status();
    if (!signature.ok()) {
      report.refused = std::string(signature.message());
      return report;
    }
    report.steps.push_back("signature: good");
  }
  AskRules(policy, *issuer, jwt->claims, report);
  return report;
}

Report TestClaims(const Policy& policy, const std::string& text) {
  Report report;
  const auto claims = identity::ParseStrictObject(text);
  if (!claims.has_value()) {
    throw CLI::ValidationError("--claims",
                               "expected a JSON object such as "
                               R"({"iss": "https://...", "sub": "..."})");
  }
  const std::string* iss = identity::FindString(*claims, "iss");
  const identity::Issuer* issuer =
      iss == nullptr ? nullptr : policy.FindIssuer(*iss);
  if (issuer == nullptr) {
    report.refused = "no issuer of the policy has the claims' iss";
    return report;
  }
  report.steps.push_back(absl::StrCat("issuer: ", issuer->name));
  report.steps.push_back(
      "signature, aud and times: not checked, for these are "
      "claims alone");
  AskRules(policy, *issuer, std::make_shared<const nlohmann::json>(*claims),
           report);
  return report;
}

Report TestCertificate(Shell& shell, const Policy& policy,
                       const TestOptions& options) {
  Report report;
  identity::CertificateNames names;
  if (!options.certificate.empty()) {
    const auto read = identity::ReadCertificateNames(
        ReadFile("--certificate", options.certificate, shell.in()));
    if (!read.ok()) {
      report.refused = std::string(read.status().message());
      return report;
    }
    names = *read;
    if (absl::Now() >= names.not_after) {
      report.refused = "the certificate has expired";
      return report;
    }
  } else {
    if (!options.spiffe_id.empty() &&
        !identity::IsSpiffeId(options.spiffe_id)) {
      throw CLI::ValidationError("--spiffe-id",
                                 "expected spiffe://trust-domain/path");
    }
    names.spiffe_id = options.spiffe_id;
    if (!options.dns_name.empty()) {
      names.dns_names = {absl::AsciiStrToLower(options.dns_name)};
    }
    names.common_name = options.common_name;
  }
  report.verdicts = policy.Explain(names);
  return report;
}

void PrintJson(Shell& shell, const Report& report) {
  nlohmann::ordered_json json;
  const identity::Rule* rule = report.rule();
  json["admitted"] = rule != nullptr;
  if (!report.refused.empty()) json["refused"] = report.refused;
  if (rule != nullptr) {
    json["rule"] = rule->name;
    json["application"] = rule->application;
    json["rights"] = rule->right_names;
  }
  json["steps"] = report.steps;
  json["rules"] = nlohmann::ordered_json::array();
  for (const identity::Verdict& verdict : report.verdicts) {
    nlohmann::ordered_json one;
    one["name"] = verdict.rule->name;
    one["matches"] = verdict.why_not.empty();
    if (!verdict.why_not.empty()) one["why_not"] = verdict.why_not;
    json["rules"].push_back(std::move(one));
  }
  shell.out() << json.dump(2, ' ', false,
                           nlohmann::ordered_json::error_handler_t::replace)
              << "\n";
}

void PrintText(Shell& shell, const Report& report) {
  std::ostream& out = shell.out();
  for (const std::string& step : report.steps) out << Printable(step) << "\n";
  for (const identity::Verdict& verdict : report.verdicts) {
    out << "rule \"" << verdict.rule->name << "\": "
        << (verdict.why_not.empty() ? "matches" : Printable(verdict.why_not))
        << "\n";
  }
  const identity::Rule* rule = report.rule();
  if (rule != nullptr) {
    const std::size_t rest = report.rules - report.verdicts.size();
    if (rest != 0) out << "(" << rest << " further rules are not asked)\n";
    out << "admitted by \"" << rule->name << "\": " << rule->application
        << " with " << absl::StrJoin(rule->right_names, ", ") << "\n";
  } else if (!report.refused.empty()) {
    out << "refused: " << Printable(report.refused) << "\n";
  } else {
    out << "denied: no rule matches\n";
  }
}

grpc::Status Test(Shell& shell, const TestOptions& options) {
  const auto policy = ReadPolicy(shell, options.policy);
  if (!policy.ok()) return BadFile(shell, policy.status());
  Report report;
  if (!options.token_file.empty()) {
    report = TestToken(shell, **policy, options);
  } else if (!options.claims.empty()) {
    report = TestClaims(**policy, options.claims);
  } else {
    report = TestCertificate(shell, **policy, options);
  }
  report.rules = (*policy)->rules().size();
  if (shell.json()) {
    PrintJson(shell, report);
  } else {
    PrintText(shell, report);
  }
  if (report.rule() != nullptr) return grpc::Status::OK;
  return grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                      "such a caller is not let in");
}

}  // namespace

void AddPolicyCommands(CLI::App& app, Shell& shell) {
  auto* group =
      app.add_subcommand("policy",
                         "The caller policy, a file of the server's: looks at "
                         "it here, without a server")
          ->require_subcommand(1);

  auto* check = group->add_subcommand(
      "check", "Say what is wrong with a policy, by line and field");
  const auto path = std::make_shared<std::string>();
  const auto skip_keys = std::make_shared<bool>(false);
  check->add_option("FILE", *path, "The policy; - for standard input")
      ->required();
  check->add_flag("--skip-keys", *skip_keys,
                  "Do not read the files that it names as jwks_file");
  check->callback([&shell, path, skip_keys] {
    shell.Finish(Check(shell, *path, !*skip_keys));
  });

  auto* test = group->add_subcommand(
      "test",
      "Explain, rule by rule, what a caller would get; exit code 5 if "
      "nothing");
  const auto options = std::make_shared<TestOptions>();
  test->add_option("--policy", options->policy, "The policy's file")
      ->required();
  auto* who = test->add_option_group("caller", "Who calls; one of these");
  who->add_option("--token-file,--token_file", options->token_file,
                  "A file with a JWT; - for standard input");
  who->add_option("--claims", options->claims,
                  "A JWT's claims in JSON, taken as proven");
  who->add_option("--certificate", options->certificate,
                  "A file with a client certificate in PEM");
  who->add_option("--spiffe-id,--spiffe_id", options->spiffe_id,
                  "A certificate's SPIFFE ID");
  who->add_option("--dns-name,--dns_name", options->dns_name,
                  "A certificate's DNS name");
  who->add_option("--common-name,--common_name", options->common_name,
                  "A certificate's common name");
  who->require_option(1);
  test->add_option("--jwks", options->jwks,
                   "A file with the issuer's keys, to check the token's "
                   "signature where the policy has a URL");
  test->callback([&shell, options] { shell.Finish(Test(shell, *options)); });
}

}  // namespace valetkey::cli
