#include "service/identity/strict_json.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace valetkey::identity {
namespace {

constexpr int kMaxDepth = 16;

// Watches a parse for what the parser itself lets pass.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) refused_ = true;
    switch (event) {
      case Json::parse_event_t::object_start:
        names_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        names_.pop_back();
        break;
      case Json::parse_event_t::key:
        if (!names_.back().insert(parsed.get<std::string>()).second) {
          refused_ = true;
        }
        break;
      default:
        break;
    }
    // What is refused need not be built.
    return !refused_;
  }
  bool refused() const { return refused_; }

 private:
  // The names so far of each object that is open.
  std::vector<absl::flat_hash_set<std::string>> names_;
  bool refused_ = false;
};

}  // namespace

std::optional<Json> ParseStrictObject(absl::string_view text) {
  Watch watch;
  Json parsed = Json::parse(
      text.begin(), text.end(),
      [&watch](int depth, Json::parse_event_t event, Json& value) {
        return watch(depth, event, value);
      },
      /*allow_exceptions=*/false);
  if (watch.refused() || !parsed.is_object()) return std::nullopt;
  return parsed;
}

const std::string* FindString(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return nullptr;
  return &found->get_ref<const std::string&>();
}

}  // namespace valetkey::identity
