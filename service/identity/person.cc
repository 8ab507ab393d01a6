#include "service/identity/person.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/identity/strict_json.h"

namespace valetkey::identity {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxEmail = 254;  // RFC 5321 section 4.5.3.1.3

using Question = std::pair<std::string, const Pattern*>;  // path, pattern

std::vector<Question> QuestionsOf(const Policy& policy, const Issuer& issuer) {
  std::vector<Question> questions;
  for (const Rule& rule : policy.rules()) {
    if (rule.kind != Rule::Kind::kJwt || rule.issuer != issuer.name) continue;
    for (const auto& [path, pattern] : rule.claims) {
      questions.emplace_back(path, &pattern);
    }
  }
  return questions;
}

std::string DigestOf(const std::vector<Question>& questions) {
  std::set<std::string> lines;
  for (const auto& [path, pattern] : questions) {
    lines.insert(absl::StrCat(path.size(), " ", path, " ", pattern->text()));
  }
  std::string all;
  for (const std::string& line : lines) {
    absl::StrAppend(&all, line.size(), " ", line);
  }
  return Base64UrlEncode(Sha256(all).substr(0, 16));
}

// Not longer than that, and not cut within a character of UTF-8.
std::string Cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) {
    --most;
  }
  text.resize(most);
  return text;
}

std::string TextOf(const Json& claims, const char* name) {
  const std::string* const text = FindString(claims, name);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

Person PersonOf(const Jwt& jwt, const Policy& policy, const Issuer& issuer) {
  const Json& claims = *jwt.claims;
  Person person = {.issuer = jwt.issuer(), .subject = jwt.subject()};
  person.email = TextOf(claims, "email");
  if (person.email.size() > kMaxEmail) person.email.clear();
  for (const char* name : {"name", "preferred_username", "email", "sub"}) {
    person.name = Cut(TextOf(claims, name), kMaxName);
    if (!person.name.empty()) break;
  }
  const std::vector<Question> questions = QuestionsOf(policy, issuer);
  for (const auto& [path, pattern] : questions) {
    std::vector<std::string>& kept = person.claims[path];
    for (std::string& text : ClaimTexts(claims, path)) {
      if (pattern->Matches(text) &&
          std::find(kept.begin(), kept.end(), text) == kept.end()) {
        kept.push_back(std::move(text));
      }
    }
  }
  person.asked = DigestOf(questions);
  return person;
}

absl::StatusOr<std::string> EncodePerson(const Person& person) {
  std::string text = Json({{"iss", person.issuer},
                           {"sub", person.subject},
                           {"name", person.name},
                           {"email", person.email},
                           {"claims", person.claims},
                           {"asked", person.asked}})
                         .dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxPersonSize) {
    return CallerInvalid("size",
                         "the claims that the caller policy's rules look at do "
                         "not fit into a cookie: narrow the rules' patterns");
  }
  return text;
}

std::optional<Person> DecodePerson(absl::string_view text) {
  const std::optional<Json> json = ParseStrictObject(text);
  if (!json.has_value()) return std::nullopt;
  Person person = {.issuer = TextOf(*json, "iss"),
                   .subject = TextOf(*json, "sub"),
                   .name = TextOf(*json, "name"),
                   .email = TextOf(*json, "email"),
                   .asked = TextOf(*json, "asked")};
  const auto claims = json->find("claims");
  if (person.issuer.empty() || person.subject.empty() || person.asked.empty() ||
      claims == json->end() || !claims->is_object()) {
    return std::nullopt;
  }
  for (const auto& [path, texts] : claims->items()) {
    if (!texts.is_array()) return std::nullopt;
    std::vector<std::string>& kept = person.claims[path];
    for (const Json& element : texts) {
      if (!element.is_string()) return std::nullopt;
      kept.push_back(element.get<std::string>());
    }
  }
  return person;
}

absl::StatusOr<const Rule*> JudgePerson(const Person& person,
                                        const Policy& policy,
                                        const Issuer& issuer) {
  if (DigestOf(QuestionsOf(policy, issuer)) != person.asked) {
    return CallerInvalid("policy",
                         "the caller policy asks for other claims now: sign in "
                         "again");
  }
  // A path is a member's whole name here, which ClaimTexts finds as it is.
  const JwtIdentity identity = {
      .issuer = issuer.name,
      .subject = person.subject,
      .claims = std::make_shared<const Json>(person.claims)};
  const Rule* const rule = policy.Match(identity);
  if (rule == nullptr) {
    return MakeError(Reason::kCallerDenied,
                     "no rule of the server's caller policy matches this "
                     "person");
  }
  return rule;
}

}  // namespace valetkey::identity
