// Checks that several parts of a definition share. Internal to this folder;
// pure functions.

#ifndef VALETKEY_CATALOG_CHECK_PARTS_H_
#define VALETKEY_CATALOG_CHECK_PARTS_H_

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"
#include "service/catalog/spot.h"

namespace valetkey::catalog {

inline constexpr char kRequired[] = "is required";

template <class List>
bool Has(const List& list, absl::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

inline void CheckSuccess(const Spot& spot,
                         const ::valetkey::catalog::v1::Success& success) {
  if (success.has_predicate() && success.predicate().pointer().empty()) {
    spot.Field("success").Field("predicate").Fault("pointer", kRequired);
  }
}

// A body with GET is lost on the way, or refused.
inline void CheckEncoding(const Spot& spot,
                          ::valetkey::catalog::v1::HttpMethod method,
                          ::valetkey::catalog::v1::Encoding encoding) {
  if (method == ::valetkey::catalog::v1::HTTP_METHOD_GET &&
      (encoding == ::valetkey::catalog::v1::ENCODING_FORM ||
       encoding == ::valetkey::catalog::v1::ENCODING_JSON)) {
    spot.Fault("encoding", "expected ENCODING_QUERY, for GET has no body");
  }
}

template <class List>
void CheckParameters(const Spot& spot, const char* field, const List& list) {
  for (int i = 0; i < list.size(); ++i) {
    if (list[i].name().empty()) spot.Field(field, i).Fault("name", kRequired);
  }
}

template <class List>
void CheckRenames(const Spot& spot, const List& renames) {
  for (int i = 0; i < renames.size(); ++i) {
    const Spot rename = spot.Field("renames", i);
    if (renames[i].from().empty()) rename.Fault("from", kRequired);
    if (renames[i].to().empty()) rename.Fault("to", kRequired);
  }
}

template <class List>
void CheckCaptures(const Spot& spot, const char* source, const List& list) {
  std::set<std::string> names;
  for (int i = 0; i < list.size(); ++i) {
    const Spot capture = spot.Field("captures", i);
    const auto& message = capture.message();
    if (message.GetReflection()
            ->GetString(message,
                        message.GetDescriptor()->FindFieldByName(source))
            .empty()) {
      capture.Fault(source, kRequired);
    }
    if (list[i].name().empty()) {
      capture.Fault("name", kRequired);
    } else if (!names.insert(list[i].name()).second) {
      capture.Fault("name", "there is one of that name already");
    }
  }
}

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_CHECK_PARTS_H_
