// HTTP messages as values: what `oauth` makes and reads, `net/http` carries.

#ifndef VALETKEY_BASE_HTTP_MESSAGE_H_
#define VALETKEY_BASE_HTTP_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace valetkey {

// Header fields in order; names compare without case.
class HttpHeaders {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    fields_.emplace_back(std::string(name), std::string(value));
  }
  // The first of that name; nullptr if there is none.
  const std::string* Find(absl::string_view name) const {
    for (const auto& [key, value] : fields_) {
      if (absl::EqualsIgnoreCase(key, name)) return &value;
    }
    return nullptr;
  }
  const std::vector<std::pair<std::string, std::string>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Holds secrets (Authorization, body): never log one whole.
struct HttpRequest {
  std::string method = "GET";
  std::string url;  // absolute
  HttpHeaders headers;
  std::string body;
};

struct HttpResponse {
  int status = 0;  // 100 to 599
  HttpHeaders headers;
  std::string body;
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_HTTP_MESSAGE_H_
