#include "service/catalog/catalog.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/catalog/builtin_definitions.h"
#include "service/catalog/environment.h"

namespace valetkey::catalog {
namespace {

constexpr absl::string_view kSuffix = ".textproto";

absl::StatusOr<Definition> ParseNamed(absl::string_view file,
                                      absl::string_view stem,
                                      absl::string_view text) {
  VK_ASSIGN_OR_RETURN(Definition definition, ParseDefinition(file, text));
  if (definition.id() != stem) {
    return MakeError(Reason::kFieldInvalid,
                     absl::StrCat(file, ":1: id: expected \"", stem,
                                  "\", for the file is named after it"));
  }
  return definition;
}

// The definition files of a folder, in the order of their names.
absl::StatusOr<std::vector<std::filesystem::path>> FilesOf(
    const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    if (absl::EndsWith(at->path().filename().string(), kSuffix)) {
      files.push_back(at->path());
    }
  }
  if (error) {
    return MakeError(
        Reason::kFieldInvalid,
        absl::StrCat(folder, ": cannot be read: ", error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string EnvironmentKey(absl::string_view id,
                           absl::string_view environment) {
  return absl::StrCat(id, "/", environment);
}

}  // namespace

absl::StatusOr<std::string> ReadDefinitionText(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    return MakeError(Reason::kFieldInvalid,
                     absl::StrCat(path, ": cannot be read"));
  }
  return std::move(text).str();
}

absl::StatusOr<Definition> ReadDefinition(const std::string& path) {
  VK_ASSIGN_OR_RETURN(const std::string text, ReadDefinitionText(path));
  return ParseNamed(path, std::filesystem::path(path).stem().string(), text);
}

absl::StatusOr<Catalog> Catalog::Load(const std::string& folder) {
  Catalog catalog;
  for (const BuiltinDefinition& builtin : BuiltinDefinitions()) {
    absl::string_view stem = builtin.file;
    stem.remove_suffix(kSuffix.size());
    VK_ASSIGN_OR_RETURN(Definition definition,
                        ParseNamed(builtin.file, stem, builtin.text));
    catalog.Add(std::move(definition));
  }
  if (!folder.empty()) {
    VK_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> files,
                        FilesOf(folder));
    for (const std::filesystem::path& path : files) {
      VK_ASSIGN_OR_RETURN(Definition definition, ReadDefinition(path.string()));
      catalog.Add(std::move(definition));
    }
  }
  for (const auto& [id, definition] : catalog.entries_) {
    for (const auto& environment : definition->environments()) {
      catalog.environments_[EnvironmentKey(id, environment.name())] =
          std::make_shared<const Definition>(
              ApplyEnvironment(*definition, environment));
    }
  }
  return catalog;
}

void Catalog::Add(Definition definition) {
  // The name is taken first: an assignment evaluates its right side first.
  const std::string id = definition.id();
  entries_[id] = std::make_shared<const Definition>(std::move(definition));
}

std::shared_ptr<const Definition> Catalog::Find(absl::string_view id) const {
  const auto found = entries_.find(std::string(id));
  return found == entries_.end() ? nullptr : found->second;
}

std::shared_ptr<const Definition> Catalog::Find(
    absl::string_view id, absl::string_view environment) const {
  if (environment.empty()) return Find(id);
  const auto found = environments_.find(EnvironmentKey(id, environment));
  return found == environments_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Definition>> Catalog::List() const {
  std::vector<std::shared_ptr<const Definition>> list;
  for (const auto& [id, definition] : entries_) list.push_back(definition);
  return list;
}

}  // namespace valetkey::catalog
