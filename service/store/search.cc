#include "service/store/search.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace valetkey::store {
namespace {

// Of each part, and of all: an account's name may be anything.
constexpr std::size_t kMaxPart = 256;
constexpr std::size_t kMaxText = 1024;

void Append(absl::string_view part, std::string* text) {
  if (part.empty() || text->size() >= kMaxText) return;
  if (!text->empty()) *text += '\n';
  *text += absl::AsciiStrToLower(part.substr(0, kMaxPart));
}

}  // namespace

std::string SearchText(const Connection& connection) {
  std::string text;
  const absl::string_view name = connection.name;
  Append(name.substr(name.rfind('/') + 1), &text);
  Append(connection.subject, &text);
  Append(connection.account_id, &text);
  Append(connection.account_display_name, &text);
  for (const auto& [key, value] : connection.labels) Append(value, &text);
  return text;
}

std::vector<std::string> QueryWords(absl::string_view query) {
  return absl::StrSplit(absl::AsciiStrToLower(query), ' ', absl::SkipEmpty());
}

bool FitsSearch(const std::vector<std::string>& words,
                const Connection& connection) {
  if (words.empty()) return true;
  const std::string text = SearchText(connection);
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    return absl::StrContains(text, word);
  });
}

bool IsAiling(const Connection& connection) {
  return connection.last_failure.has_value() || connection.expiring_announced;
}

bool NeedsAttention(ConnectionState state, bool is_ailing) {
  return state == ConnectionState::kReauthorizationRequired ||
         (state != ConnectionState::kRevoked && is_ailing);
}

bool NeedsAttention(const Connection& connection) {
  return NeedsAttention(connection.state, IsAiling(connection));
}

}  // namespace valetkey::store
