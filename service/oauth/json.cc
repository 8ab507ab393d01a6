#include "service/oauth/json.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "nlohmann/json.hpp"

namespace valetkey::oauth {
namespace {

using Json = nlohmann::json;

// The parser recurses in no way, but destroying and walking a value might;
// and nothing honest is nested so deep.
bool TooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDocumentDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

const Json* Follow(const Json& root, absl::string_view pointer) {
  const Json* at = &root;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] == '~' && i + 1 < end) {
        token += pointer[++i] == '1' ? '/' : '~';
      } else {
        token += pointer[i];
      }
    }
    pointer.remove_prefix(end);
    if (at->is_object()) {
      const auto found = at->find(token);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      std::uint32_t index = 0;
      if (!absl::SimpleAtoi(token, &index) || index >= at->size()) {
        return nullptr;
      }
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

std::optional<std::string> TextOf(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return value.dump();
  return std::nullopt;
}

constexpr auto kMend = Json::error_handler_t::replace;

}  // namespace

struct Document::Impl {
  Json root;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

std::optional<Document> Document::ParseJson(absl::string_view text) {
  if (text.size() > kMaxDocumentSize || TooDeep(text)) return std::nullopt;
  auto impl = std::make_unique<Impl>();
  impl->root = Json::parse(text.begin(), text.end(), nullptr,
                           /*allow_exceptions=*/false);
  if (!impl->root.is_object() && !impl->root.is_array()) return std::nullopt;
  return Document(std::move(impl));
}

Document Document::FromForm(const QueryParameters& parameters) {
  auto impl = std::make_unique<Impl>();
  impl->root = Json::object();
  for (const auto& [name, value] : parameters) {
    impl->root.emplace(name, value);
  }
  return Document(std::move(impl));
}

bool Document::Has(absl::string_view pointer) const {
  return Follow(impl_->root, pointer) != nullptr;
}

std::optional<std::string> Document::Text(absl::string_view pointer) const {
  const Json* value = Follow(impl_->root, pointer);
  if (value == nullptr) return std::nullopt;
  return TextOf(*value);
}

std::optional<std::vector<std::string>> Document::Strings(
    absl::string_view pointer) const {
  const Json* value = Follow(impl_->root, pointer);
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::string> strings;
  for (const Json& element : *value) {
    if (std::optional<std::string> text = TextOf(element)) {
      strings.push_back(*std::move(text));
    }
  }
  return strings;
}

bool IsJsonPointer(absl::string_view text) {
  if (text.empty()) return true;
  if (text[0] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) {
      return false;
    }
  }
  return true;
}

std::string JsonObject(const QueryParameters& parameters) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [name, value] : parameters) object[name] = value;
  return object.dump(-1, ' ', false,
                     nlohmann::ordered_json::error_handler_t::replace);
}

std::string JsonEscape(absl::string_view text) {
  const std::string quoted =
      Json(std::string(text)).dump(-1, ' ', false, kMend);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace valetkey::oauth
