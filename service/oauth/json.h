// Reads and writes the little JSON that OAuth needs. Internal to this folder.
//
// Documents come from strangers: they are bounded in size and depth before
// they are parsed, and nothing here throws. Pure functions.

#ifndef VALETKEY_OAUTH_JSON_H_
#define VALETKEY_OAUTH_JSON_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/base/url.h"

namespace valetkey::oauth {

inline constexpr std::size_t kMaxDocumentSize = 256 * 1024;
inline constexpr int kMaxDocumentDepth = 64;

// A parsed answer: JSON, or a form seen as an object of strings.
class Document {
 public:
  // nullopt: no JSON object or array, too large or too deep.
  static std::optional<Document> ParseJson(absl::string_view text);
  static Document FromForm(const QueryParameters& parameters);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  // What a JSON pointer (RFC 6901) leads to.
  bool Has(absl::string_view pointer) const;
  // As text: a string, a number or a boolean; nullopt for anything else.
  std::optional<std::string> Text(absl::string_view pointer) const;
  // An array's strings and numbers; nullopt if it is no array.
  std::optional<std::vector<std::string>> Strings(
      absl::string_view pointer) const;

 private:
  struct Impl;
  explicit Document(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "" or a sequence of "/token" in which ~ is followed by 0 or 1.
bool IsJsonPointer(absl::string_view text);

// {"a":"1","b":"2"}, in order. Text that is no UTF-8 is mended.
std::string JsonObject(const QueryParameters& parameters);
// The inside of a JSON string: without the quotes around it.
std::string JsonEscape(absl::string_view text);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_JSON_H_
