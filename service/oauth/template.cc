#include "service/oauth/template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/oauth/json.h"
#include "service/oauth/pattern.h"

namespace valetkey::oauth {
namespace {

using ::valetkey::catalog::v1::Input;
using ::valetkey::catalog::v1::INPUT_SOURCE_CALLBACK;
using ::valetkey::catalog::v1::INPUT_SOURCE_TOKEN_ANSWER;

constexpr std::size_t kMaxInputSize = 256;

bool IsVariableName(absl::string_view name) {
  bool dotted = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (absl::ascii_islower(c) || c == '_') continue;
    if (dotted && absl::ascii_isdigit(c)) continue;
    if (c != '.' || dotted || i + 1 == name.size()) return false;
    dotted = true;
  }
  return !name.empty() && name[0] != '.';
}

// How far into a URL we are: the host ends at the first of "/?#" after "//".
class Authority {
 public:
  void Read(absl::string_view text) {
    for (const char c : text) {
      if (ended_) return;
      if (begun_) {
        ended_ = c == '/' || c == '?' || c == '#';
      } else if (c == '/' && last_ == '/') {
        begun_ = true;
      }
      last_ = c;
    }
  }
  bool ended() const { return ended_; }

 private:
  bool begun_ = false;
  bool ended_ = false;
  char last_ = '\0';
};

bool IsHostText(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-';
  });
}

// A base URL that came from outside, at the very beginning of a template.
absl::StatusOr<std::string> BaseUrl(absl::string_view value) {
  const absl::StatusOr<Url> url = ParseUrl(value);
  if (!url.ok() || !url->query.empty() || !url->fragment.empty() ||
      value.find_first_of("?#\\") != absl::string_view::npos) {
    return absl::InvalidArgumentError("expected a URL without a query");
  }
  return std::string(absl::StripSuffix(value, "/"));
}

const Input* FindInput(const Definition& definition, absl::string_view name) {
  for (const Input& input : definition.inputs()) {
    if (name == input.name()) return &input;
  }
  return nullptr;
}

const std::string* FindIn(const std::map<std::string, std::string>* values,
                          absl::string_view name) {
  if (values == nullptr) return nullptr;
  const auto found = values->find(std::string(name));
  return found == values->end() || found->second.empty() ? nullptr
                                                         : &found->second;
}

absl::string_view Cut(const Input& input, absl::string_view value) {
  for (const std::string& prefix : input.strip_prefixes()) {
    if (absl::ConsumePrefix(&value, prefix)) break;
  }
  for (const std::string& suffix : input.strip_suffixes()) {
    if (absl::ConsumeSuffix(&value, suffix)) break;
  }
  return value;
}

std::string InputField(absl::string_view name) {
  return absl::StrCat("inputs.", name);
}

absl::StatusOr<std::string> FindInputValue(const Variables& variables,
                                           absl::string_view name) {
  const Input* input = FindInput(variables.definition, name);
  if (input == nullptr) {
    return InvalidField(InputField(name), "an input of the provider");
  }
  const auto secret = variables.client.secret_inputs.find(std::string(name));
  if (secret != variables.client.secret_inputs.end()) {
    return std::string(secret->second.Reveal());  // checked when it was given
  }
  const std::string* value = nullptr;
  if (input->source() == INPUT_SOURCE_CALLBACK ||
      input->source() == INPUT_SOURCE_TOKEN_ANSWER) {
    value = FindIn(variables.callback, name);
    if (value == nullptr) value = FindIn(variables.token_answer, name);
    if (value == nullptr) value = FindIn(&variables.client.metadata, name);
  } else {
    value = FindIn(&variables.client.inputs, name);
  }
  if (value != nullptr) return CheckedInput(*input, *value);
  if (!input->default_value().empty()) return input->default_value();
  return InvalidField(InputField(name), "a value");
}

}  // namespace

absl::StatusOr<std::vector<TemplatePart>> ParseTemplate(
    absl::string_view text) {
  std::vector<TemplatePart> parts;
  std::string literal;
  while (!text.empty()) {
    if (text[0] != '{' || text.size() < 2 || !absl::ascii_islower(text[1])) {
      literal += text[0];
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError("a variable has no closing brace");
    }
    const absl::string_view name = text.substr(1, end - 1);
    if (!IsVariableName(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("{", name, "} is no variable"));
    }
    if (!literal.empty()) parts.push_back({false, std::move(literal)});
    literal.clear();
    parts.push_back({true, std::string(name)});
    text.remove_prefix(end + 1);
  }
  if (!literal.empty()) parts.push_back({false, std::move(literal)});
  return parts;
}

absl::StatusOr<std::vector<std::string>> HostVariables(absl::string_view text) {
  VK_ASSIGN_OR_RETURN(const std::vector<TemplatePart> parts,
                      ParseTemplate(text));
  std::vector<std::string> variables;
  Authority authority;
  for (const TemplatePart& part : parts) {
    if (!part.is_variable) {
      authority.Read(part.text);
    } else if (!authority.ended()) {
      variables.push_back(part.text);
      // A variable in front holds scheme and host; what follows is a path.
      if (&part == &parts.front()) authority.Read("//");
    }
  }
  return variables;
}

bool HostAllowed(const Definition& definition, absl::string_view host) {
  const std::vector<absl::string_view> labels = absl::StrSplit(host, '.');
  for (const std::string& pattern : definition.allowed_hosts()) {
    if (pattern == "**") return true;
    const std::vector<absl::string_view> wanted = absl::StrSplit(pattern, '.');
    if (std::equal(labels.begin(), labels.end(), wanted.begin(), wanted.end(),
                   [](absl::string_view label, absl::string_view want) {
                     return !label.empty() && (want == "*" || label == want);
                   })) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<std::string> CheckedInput(const Input& input,
                                         absl::string_view value) {
  const std::string field = InputField(input.name());
  if (value.size() > kMaxInputSize) {
    return InvalidField(field,
                        absl::StrCat("at most ", kMaxInputSize, " characters"));
  }
  value = Cut(input, value);
  for (const char c : value) {
    if (!absl::ascii_isprint(c)) {
      return InvalidField(field, "printable ASCII characters");
    }
  }
  const auto& allowed = input.allowed_values();
  if (!allowed.empty() &&
      std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    return InvalidField(field,
                        absl::StrCat("one of ", absl::StrJoin(allowed, ", ")));
  }
  if (!input.pattern().empty() && !MatchesPattern(input.pattern(), value)) {
    return InvalidField(field,
                        absl::StrCat("a value that matches ", input.pattern()));
  }
  return std::string(value);
}

std::string Stripped(const Definition& definition, absl::string_view input,
                     absl::string_view text) {
  const Input* found = FindInput(definition, input);
  return std::string(found == nullptr ? text : Cut(*found, text));
}

std::vector<absl::string_view> SecretsOf(const Client& client) {
  std::vector<absl::string_view> secrets = {client.client_secret.Reveal()};
  for (const auto& [name, value] : client.secret_inputs) {
    secrets.push_back(value.Reveal());
  }
  return secrets;
}

bool IsSecretInput(const Definition& definition, absl::string_view name) {
  const Input* input = FindInput(definition, name);
  return input != nullptr && input->secret();
}

absl::Status CheckInputs(const Definition& definition,
                         const std::map<std::string, std::string>& inputs) {
  for (const auto& [name, value] : inputs) {
    const Input* input = FindInput(definition, name);
    if (input == nullptr || input->source() == INPUT_SOURCE_CALLBACK ||
        input->source() == INPUT_SOURCE_TOKEN_ANSWER) {
      return InvalidField(InputField(name), "an input of the provider");
    }
    VK_RETURN_IF_ERROR(CheckedInput(*input, value).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Variables::Find(absl::string_view name) const {
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, "input.")) {
    return FindInputValue(*this, rest);
  }
  const std::string* captured = nullptr;
  absl::string_view plain;
  if (absl::ConsumePrefix(&rest, "callback.")) {
    captured = FindIn(callback, rest);
  } else if (absl::ConsumePrefix(&rest, "token.")) {
    captured = FindIn(token_answer, rest);
  } else if (absl::ConsumePrefix(&rest, "meta.")) {
    captured = FindIn(token_answer, rest);
    if (captured == nullptr) captured = FindIn(&client.metadata, rest);
  } else if (name == "client_id") {
    return client.client_id;
  } else if (name == "client_secret") {
    return std::string(client.client_secret.Reveal());
  } else if (name == "random") {
    return Base64UrlEncode(Random::System().Bytes(32));
  } else if (name == "now_ms") {
    return absl::StrCat(absl::ToUnixMillis(now));
  } else if (name == "access_token") {
    plain = access_token;
  } else if (name == "refresh_token") {
    plain = refresh_token;
  } else if (name == "token") {
    plain = token;
  } else if (name == "code") {
    plain = code;
  } else if (name == "state") {
    plain = state;
  } else if (name == "redirect_uri") {
    plain = redirect_uri;
  } else if (name == "url") {
    plain = url;
  }
  if (captured != nullptr) return *captured;
  if (!plain.empty()) return std::string(plain);
  return MakeError(Reason::kProviderResponseInvalid,
                   absl::StrCat("the provider has given no ", name),
                   {{"variable", std::string(name)}});
}

absl::StatusOr<std::string> Expand(absl::string_view text,
                                   const Variables& variables, Escape escape) {
  VK_ASSIGN_OR_RETURN(const std::vector<TemplatePart> parts,
                      ParseTemplate(text));
  std::string out;
  for (const TemplatePart& part : parts) {
    if (!part.is_variable) {
      out += part.text;
      continue;
    }
    VK_ASSIGN_OR_RETURN(const std::string value, variables.Find(part.text));
    out += escape == Escape::kJson ? JsonEscape(value) : value;
  }
  return out;
}

absl::StatusOr<std::string> ExpandUrl(absl::string_view text,
                                      const Variables& variables) {
  VK_ASSIGN_OR_RETURN(const std::vector<TemplatePart> parts,
                      ParseTemplate(text));
  std::string out;
  Authority authority;
  bool host_varies = false;
  for (const TemplatePart& part : parts) {
    if (!part.is_variable) {
      authority.Read(part.text);
      out += part.text;
      continue;
    }
    VK_ASSIGN_OR_RETURN(std::string value, variables.Find(part.text));
    if (authority.ended()) {
      // "..", alone in a segment, would climb.
      if (value == "." || value == "..") {
        return InvalidField(part.text, "a value that can stand in a path");
      }
      out += PercentEncode(value);
      continue;
    }
    host_varies = true;
    if (out.empty()) {
      absl::StatusOr<std::string> base = BaseUrl(value);
      if (!base.ok()) return InvalidField(part.text, "a URL without a query");
      value = *std::move(base);
    } else if (!IsHostText(value)) {
      return InvalidField(part.text, "a value that can stand in a host name");
    }
    authority.Read(value);
    out += value;
  }
  const absl::StatusOr<Url> url = ParseUrl(out);
  if (!url.ok()) return InvalidField("inputs", "values that make a URL");
  if (url->scheme != "https" && !url->IsLoopback()) {
    return InvalidField("inputs", "values that make an https URL");
  }
  if (host_varies && !HostAllowed(variables.definition, url->host)) {
    return InvalidField(
        "inputs", absl::StrCat("a host of the provider's, not ", url->host));
  }
  return out;
}

}  // namespace valetkey::oauth
