// What each sealed value is bound to, so that one copied to another row, or to
// another column, does not open.

#ifndef VALETKEY_BROKER_SEALING_H_
#define VALETKEY_BROKER_SEALING_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace valetkey::broker {

inline std::string ClientSecretAssociatedData(absl::string_view provider) {
  return absl::StrCat(provider, "#client_secret");
}
inline std::string SecondSecretAssociatedData(absl::string_view provider) {
  return absl::StrCat(provider, "#second_client_secret");
}
// `owner` is the provider or connection that the input is kept with.
inline std::string InputAssociatedData(absl::string_view owner,
                                       absl::string_view input) {
  return absl::StrCat(owner, "#input.", input);
}
// `authorization` is the row's name.
inline std::string VerifierAssociatedData(absl::string_view authorization) {
  return absl::StrCat("authorizations/", authorization, "#verifier");
}
// `token` is the TokenRecord's name.
inline std::string AccessTokenAssociatedData(absl::string_view connection,
                                             absl::string_view token) {
  return absl::StrCat(connection, "#", token, "#access_token");
}
inline std::string RefreshTokenAssociatedData(absl::string_view connection,
                                              absl::string_view token) {
  return absl::StrCat(connection, "#", token, "#refresh_token");
}
inline std::string CacheAssociatedData(absl::string_view connection) {
  return absl::StrCat(connection, "#cache");
}

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_SEALING_H_
