// Templates of provider definitions: "https://{input.shop}.example/token".
// The variables are listed in definition.proto. Pure functions, but for
// {random}.

#ifndef VALETKEY_OAUTH_TEMPLATE_H_
#define VALETKEY_OAUTH_TEMPLATE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {

// A piece of a template: literal text, or a variable's name ("input.shop").
struct TemplatePart {
  bool is_variable = false;
  std::string text;
};
// A brace before a small letter begins a variable; any other is a brace.
// INVALID_ARGUMENT with what is wrong: a variable without an end, or with a
// name of another form than `[a-z_]+(\.[a-z0-9_]+)?`.
absl::StatusOr<std::vector<TemplatePart>> ParseTemplate(absl::string_view text);

// The variables of a URL template that stand in its host or before it.
absl::StatusOr<std::vector<std::string>> HostVariables(absl::string_view text);

// Whether a host matches one of the patterns of `allowed_hosts`.
bool HostAllowed(const Definition& definition, absl::string_view host);

// The value of an input as it is used: stripped, and as the definition wants
// it; else FIELD_INVALID.
absl::StatusOr<std::string> CheckedInput(
    const ::valetkey::catalog::v1::Input& input, absl::string_view value);

// A text without what the input of that name cuts off; as it is if there is no
// such input.
std::string Stripped(const Definition& definition, absl::string_view input,
                     absl::string_view text);

// What the variables stand for. All must outlive it; what is empty or null
// has no value.
struct Variables {
  const Definition& definition;
  const Client& client;
  absl::Time now;
  const std::map<std::string, std::string>* callback = nullptr;
  const std::map<std::string, std::string>* token_answer = nullptr;
  absl::string_view code;
  absl::string_view state;
  absl::string_view redirect_uri;
  absl::string_view access_token;
  absl::string_view refresh_token;
  absl::string_view token;
  absl::string_view url;

  // FIELD_INVALID for an input, PROVIDER_RESPONSE_INVALID for anything else
  // that has no value.
  absl::StatusOr<std::string> Find(absl::string_view name) const;
};

enum class Escape { kNone, kJson };
absl::StatusOr<std::string> Expand(absl::string_view text,
                                   const Variables& variables,
                                   Escape escape = Escape::kNone);

// Expands a URL. The result is https, or http on a loopback host; a host that
// holds a variable's value matches `allowed_hosts`.
absl::StatusOr<std::string> ExpandUrl(absl::string_view text,
                                      const Variables& variables);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_TEMPLATE_H_
