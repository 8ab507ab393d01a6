#include "service/identity/policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/identity/strict_json.h"

namespace valetkey::identity {
namespace {

// All members that a path leads to: a member's own name may hold dots.
void Follow(const Json& at, absl::string_view path,
            std::vector<const Json*>& found) {
  if (!at.is_object()) return;
  for (const auto& [name, value] : at.items()) {
    if (name == path) {
      found.push_back(&value);
    } else if (path.size() > name.size() && path[name.size()] == '.' &&
               path.substr(0, name.size()) == name) {
      Follow(value, path.substr(name.size() + 1), found);
    }
  }
}

void AddText(const Json& value, std::vector<std::string>& texts) {
  if (value.is_string()) {
    texts.push_back(value.get<std::string>());
  } else if (value.is_number() || value.is_boolean()) {
    texts.push_back(value.dump());
  }
}

absl::string_view KindName(Rule::Kind kind) {
  switch (kind) {
    case Rule::Kind::kJwt:
      return "a JWT";
    case Rule::Kind::kSpiffeId:
      return "a SPIFFE ID";
    case Rule::Kind::kDnsName:
      return "a DNS name";
    case Rule::Kind::kCommonName:
      return "a common name";
  }
  return "";
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text, "\"");
}

std::string List(const std::vector<std::string>& texts) {
  return texts.empty() ? "none" : absl::StrJoin(texts, ", ");
}

std::string WhyNot(const Rule& rule, const JwtIdentity& identity) {
  if (rule.kind != Rule::Kind::kJwt) {
    return absl::StrCat("is for callers with ", KindName(rule.kind));
  }
  if (rule.issuer != identity.issuer) {
    return absl::StrCat("issuer: is ", Quoted(identity.issuer), ", expected ",
                        Quoted(rule.issuer));
  }
  if (!rule.name_pattern.Matches(identity.subject)) {
    return absl::StrCat("subject: is ", Quoted(identity.subject), ", expected ",
                        Quoted(rule.name_pattern.text()));
  }
  for (const auto& [path, pattern] : rule.claims) {
    const std::vector<std::string> texts =
        identity.claims == nullptr ? std::vector<std::string>()
                                   : ClaimTexts(*identity.claims, path);
    if (std::none_of(texts.begin(), texts.end(), [&](const std::string& text) {
          return pattern.Matches(text);
        })) {
      return absl::StrCat("claim ", Quoted(path), ": is ", List(texts),
                          ", expected ", Quoted(pattern.text()));
    }
  }
  return "";
}

std::string WhyNot(const Rule& rule, const CertificateNames& names) {
  std::vector<std::string> have;
  switch (rule.kind) {
    case Rule::Kind::kJwt:
      return "is for callers with a JWT";
    case Rule::Kind::kSpiffeId:
      if (!names.spiffe_id.empty()) have.push_back(names.spiffe_id);
      break;
    case Rule::Kind::kDnsName:
      have = names.dns_names;
      break;
    case Rule::Kind::kCommonName:
      if (!names.common_name.empty()) have.push_back(names.common_name);
      break;
  }
  for (const std::string& name : have) {
    if (rule.name_pattern.Matches(name)) return "";
  }
  return absl::StrCat(KindName(rule.kind), ": has ", List(have), ", expected ",
                      Quoted(rule.name_pattern.text()));
}

template <class Identity>
std::vector<Verdict> ExplainAll(const std::vector<Rule>& rules,
                                const Identity& identity) {
  std::vector<Verdict> verdicts;
  for (const Rule& rule : rules) {
    verdicts.push_back({&rule, WhyNot(rule, identity)});
    if (verdicts.back().why_not.empty()) break;
  }
  return verdicts;
}

// The same as the explanation tells, so that none can differ from what is
// decided.
template <class Identity>
const Rule* FirstMatch(const std::vector<Rule>& rules,
                       const Identity& identity) {
  for (const Rule& rule : rules) {
    if (WhyNot(rule, identity).empty()) return &rule;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> ClaimTexts(const Json& claims,
                                    absl::string_view path) {
  std::vector<const Json*> found;
  Follow(claims, path, found);
  std::vector<std::string> texts;
  if (found.size() != 1) return texts;
  if (found[0]->is_array()) {
    for (const Json& element : *found[0]) AddText(element, texts);
  } else {
    AddText(*found[0], texts);
  }
  return texts;
}

const Issuer* Policy::FindIssuer(absl::string_view iss) const {
  for (const Issuer& issuer : issuers_) {
    if (issuer.expected.issuer == iss) return &issuer;
  }
  return nullptr;
}

bool Policy::uses_certificates() const {
  return std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) {
    return rule.kind != Rule::Kind::kJwt;
  });
}

const Rule* Policy::Match(const JwtIdentity& identity) const {
  return FirstMatch(rules_, identity);
}
const Rule* Policy::Match(const CertificateNames& names) const {
  return FirstMatch(rules_, names);
}
std::vector<Verdict> Policy::Explain(const JwtIdentity& identity) const {
  return ExplainAll(rules_, identity);
}
std::vector<Verdict> Policy::Explain(const CertificateNames& names) const {
  return ExplainAll(rules_, names);
}

}  // namespace valetkey::identity
