#include "service/oauth/request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/oauth/json.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

constexpr char kAssertionType[] =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::string BasicHeader(absl::string_view user, absl::string_view password) {
  return absl::StrCat("Basic ",
                      absl::Base64Escape(absl::StrCat(user, ":", password)));
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

}  // namespace

std::string MethodName(HttpMethod method, absl::string_view fallback) {
  switch (method) {
    case HTTP_METHOD_GET:
      return "GET";
    case HTTP_METHOD_POST:
      return "POST";
    case HTTP_METHOD_PUT:
      return "PUT";
    case HTTP_METHOD_PATCH:
      return "PATCH";
    case HTTP_METHOD_DELETE:
      return "DELETE";
    default:
      return std::string(fallback);
  }
}

void SetParameter(QueryParameters& parameters, absl::string_view name,
                  absl::string_view value) {
  for (auto& [key, old] : parameters) {
    if (key == name) {
      old = std::string(value);
      return;
    }
  }
  parameters.emplace_back(std::string(name), std::string(value));
}

void SetHeader(Call& call, absl::string_view name, absl::string_view value) {
  for (auto& [key, old] : call.headers) {
    if (absl::EqualsIgnoreCase(key, name)) {
      old = std::string(value);
      return;
    }
  }
  call.headers.emplace_back(std::string(name), std::string(value));
}

void RenameParameters(const RenameList& renames, QueryParameters& parameters) {
  for (auto& [name, value] : parameters) {
    for (const Rename& rename : renames) {
      if (name == rename.from()) {
        name = rename.to();
        break;
      }
    }
  }
}

void OmitParameters(const NameList& names, QueryParameters& parameters) {
  parameters.erase(std::remove_if(parameters.begin(), parameters.end(),
                                  [&](const auto& parameter) {
                                    return std::find(names.begin(), names.end(),
                                                     parameter.first) !=
                                           names.end();
                                  }),
                   parameters.end());
}

absl::Status AddParameters(const ParameterList& list,
                           const Variables& variables,
                           QueryParameters& parameters) {
  for (const Parameter& parameter : list) {
    absl::StatusOr<std::string> value = Expand(parameter.value(), variables);
    if (parameter.optional() && (!value.ok() || value->empty())) continue;
    if (!value.ok()) return std::move(value).status();
    SetParameter(parameters, parameter.name(), *value);
  }
  return absl::OkStatus();
}

absl::Status AddHeaders(const HeaderList& list, const Variables& variables,
                        Call& call) {
  for (const Header& header : list) {
    VK_ASSIGN_OR_RETURN(const std::string value,
                        Expand(header.value(), variables));
    SetHeader(call, header.name(), value);
  }
  return absl::OkStatus();
}

absl::Status Authenticate(const ClientAuthentication& how,
                          const Variables& variables, Call& call) {
  const Client& client = variables.client;
  const absl::string_view id = client.client_id;
  const absl::string_view secret = client.client_secret.Reveal();
  switch (how.method()) {
    case CLIENT_AUTHENTICATION_METHOD_BASIC:
      SetHeader(call, "Authorization",
                how.basic_encoding() == BASIC_ENCODING_RFC6749
                    ? BasicHeader(FormEncode(id), FormEncode(secret))
                    : BasicHeader(id, secret));
      return absl::OkStatus();
    case CLIENT_AUTHENTICATION_METHOD_BASIC_SECRET_USER:
      SetHeader(call, "Authorization", BasicHeader(secret, ""));
      return absl::OkStatus();
    case CLIENT_AUTHENTICATION_METHOD_POST:
      SetParameter(call.parameters, "client_id", id);
      SetParameter(call.parameters, "client_secret", secret);
      return absl::OkStatus();
    case CLIENT_AUTHENTICATION_METHOD_NONE:
      SetParameter(call.parameters, "client_id", id);
      return absl::OkStatus();
    case CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT:
    case CLIENT_AUTHENTICATION_METHOD_CLIENT_SECRET_JWT:
    case CLIENT_AUTHENTICATION_METHOD_JWT_AS_SECRET: {
      VK_ASSIGN_OR_RETURN(const std::string token,
                          SignJwt(how.jwt(), variables, client.client_secret));
      SetParameter(call.parameters, "client_id", id);
      if (how.method() == CLIENT_AUTHENTICATION_METHOD_JWT_AS_SECRET) {
        SetParameter(call.parameters, "client_secret", token);
      } else {
        SetParameter(call.parameters, "client_assertion_type", kAssertionType);
        SetParameter(call.parameters, "client_assertion", token);
      }
      return absl::OkStatus();
    }
    case CLIENT_AUTHENTICATION_METHOD_HEADER: {
      VK_ASSIGN_OR_RETURN(const std::string value,
                          Expand(how.header_value(), variables));
      SetHeader(call,
                how.header_name().empty() ? "Authorization" : how.header_name(),
                value);
      return absl::OkStatus();
    }
    default:
      return absl::OkStatus();  // OMITTED; the loader lets nothing else pass
  }
}

absl::StatusOr<HttpRequest> Finish(Call call) {
  HttpRequest request;
  request.method = call.method;
  request.url = std::move(call.url);
  Encoding encoding = call.encoding;
  if (encoding == ENCODING_UNSPECIFIED) {
    encoding = call.method == "GET" ? ENCODING_QUERY : ENCODING_FORM;
  }
  absl::string_view content_type;
  if (encoding == ENCODING_QUERY) {
    if (!call.parameters.empty()) {
      request.url = AppendQuery(request.url, call.parameters);
    }
  } else if (encoding == ENCODING_JSON) {
    content_type = "application/json";
    request.body = JsonObject(call.parameters);
  } else {
    content_type = "application/x-www-form-urlencoded";
    request.body = EncodeQuery(call.parameters);
  }
  bool accept_set = false;
  bool content_type_set = false;
  for (const auto& [name, value] : call.headers) {
    if (HasControlCharacter(name) || HasControlCharacter(value)) {
      return InvalidField(name, "a header without control characters");
    }
    accept_set |= absl::EqualsIgnoreCase(name, "Accept");
    content_type_set |= absl::EqualsIgnoreCase(name, "Content-Type");
  }
  if (!accept_set) request.headers.Add("Accept", "application/json");
  if (!content_type_set && !content_type.empty()) {
    request.headers.Add("Content-Type", content_type);
  }
  for (const auto& [name, value] : call.headers) {
    request.headers.Add(name, value);
  }
  return request;
}

}  // namespace valetkey::oauth
