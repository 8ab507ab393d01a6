// Builds requests to providers: parameters in order, ours and the
// definition's, the client's authentication, and the way they travel.
// Internal to this folder. Pure functions, but for the `jti` of a JWT.

#ifndef VALETKEY_OAUTH_REQUEST_H_
#define VALETKEY_OAUTH_REQUEST_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/http_message.h"
#include "service/base/url.h"
#include "service/oauth/oauth.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {

using ParameterList =
    google::protobuf::RepeatedPtrField<::valetkey::catalog::v1::Parameter>;
using HeaderList =
    google::protobuf::RepeatedPtrField<::valetkey::catalog::v1::Header>;
using RenameList =
    google::protobuf::RepeatedPtrField<::valetkey::catalog::v1::Rename>;
using NameList = google::protobuf::RepeatedPtrField<std::string>;

// A request in the making.
struct Call {
  std::string url;
  std::string method;  // "POST"
  ::valetkey::catalog::v1::Encoding encoding =
      ::valetkey::catalog::v1::ENCODING_UNSPECIFIED;
  QueryParameters parameters;
  std::vector<std::pair<std::string, std::string>> headers;
};

// `fallback` when the definition says nothing.
std::string MethodName(::valetkey::catalog::v1::HttpMethod method,
                       absl::string_view fallback);

// Replaces the parameter of that name where it stands, or appends it.
void SetParameter(QueryParameters& parameters, absl::string_view name,
                  absl::string_view value);
// Likewise for a header field; the name compares without case.
void SetHeader(Call& call, absl::string_view name, absl::string_view value);

void RenameParameters(const RenameList& renames, QueryParameters& parameters);
void OmitParameters(const NameList& names, QueryParameters& parameters);

// Adds the definition's own.
absl::Status AddParameters(const ParameterList& list,
                           const Variables& variables,
                           QueryParameters& parameters);
absl::Status AddHeaders(const HeaderList& list, const Variables& variables,
                        Call& call);

// A scope as the provider names it.
absl::StatusOr<std::string> ScopeValue(absl::string_view name,
                                       const Variables& variables);

// Says who we are, as `how` tells (RFC 6749 section 2.3; RFC 7523).
absl::Status Authenticate(
    const ::valetkey::catalog::v1::ClientAuthentication& how,
    const Variables& variables, Call& call);

// Encodes the parameters. FIELD_INVALID if a header would hold a control
// character.
absl::StatusOr<HttpRequest> Finish(Call call);

// A signed JWT (RFC 7519); `key` is a private key in PEM, or the secret for
// HS256. FIELD_INVALID naming client_secret if it does not serve.
absl::StatusOr<std::string> SignJwt(const ::valetkey::catalog::v1::Jwt& jwt,
                                    const Variables& variables,
                                    const SecretString& key);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_REQUEST_H_
