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
  auto loaded = std::make_shared<Snapshot>();
  const auto add = [&](Definition definition, Source source) {
    Entry entry;
    entry.definition =
        std::make_shared<const Definition>(std::move(definition));
    entry.source = source;
    loaded->Add(std::make_shared<const Entry>(std::move(entry)));
  };
  for (const BuiltinDefinition& builtin : BuiltinDefinitions()) {
    absl::string_view stem = builtin.file;
    stem.remove_suffix(kSuffix.size());
    VK_ASSIGN_OR_RETURN(Definition definition,
                        ParseNamed(builtin.file, stem, builtin.text));
    add(std::move(definition), Source::kBuiltIn);
  }
  if (!folder.empty()) {
    VK_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> files,
                        FilesOf(folder));
    for (const std::filesystem::path& path : files) {
      VK_ASSIGN_OR_RETURN(Definition definition, ReadDefinition(path.string()));
      add(std::move(definition), Source::kFile);
    }
  }
  return Catalog(std::move(loaded));
}

Catalog::Catalog() : Catalog(std::make_shared<const Snapshot>()) {}

Catalog::Catalog(std::shared_ptr<const Snapshot> own)
    : own_(std::move(own)), now_(own_) {}

Catalog::Catalog(const Catalog& other) : own_(other.own_), now_(other.Now()) {}

Catalog& Catalog::operator=(const Catalog& other) {
  if (this == &other) return *this;
  std::shared_ptr<const Snapshot> now = other.Now();
  own_ = other.own_;
  MutexLock lock(mutex_);
  now_ = std::move(now);
  return *this;
}

void Catalog::Snapshot::Add(std::shared_ptr<const Entry> entry) {
  const Definition& definition = *entry->definition;
  const std::string& id = definition.id();
  // Those of the entry that it replaces.
  const std::string first = EnvironmentKey(id, "");
  auto it = environments.lower_bound(first);
  while (it != environments.end() && absl::StartsWith(it->first, first)) {
    it = environments.erase(it);
  }
  for (const auto& environment : definition.environments()) {
    environments[EnvironmentKey(id, environment.name())] =
        std::make_shared<const Definition>(
            ApplyEnvironment(definition, environment));
  }
  entries[id] = std::move(entry);
}

std::shared_ptr<const Catalog::Snapshot> Catalog::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

std::shared_ptr<const Entry> Catalog::FindEntry(absl::string_view id) const {
  const auto now = Now();
  const auto found = now->entries.find(id);
  return found == now->entries.end() ? nullptr : found->second;
}

std::shared_ptr<const Entry> Catalog::FindOwn(absl::string_view id) const {
  const auto found = own_->entries.find(id);
  return found == own_->entries.end() ? nullptr : found->second;
}

std::shared_ptr<const Definition> Catalog::Find(absl::string_view id) const {
  const auto entry = FindEntry(id);
  return entry == nullptr ? nullptr : entry->definition;
}

std::shared_ptr<const Definition> Catalog::Find(
    absl::string_view id, absl::string_view environment) const {
  if (environment.empty()) return Find(id);
  const auto now = Now();
  const auto found = now->environments.find(EnvironmentKey(id, environment));
  return found == now->environments.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Definition>> Catalog::List() const {
  std::vector<std::shared_ptr<const Definition>> list;
  for (const auto& entry : ListEntries()) list.push_back(entry->definition);
  return list;
}

std::vector<std::shared_ptr<const Entry>> Catalog::ListEntries() const {
  const auto now = Now();
  std::vector<std::shared_ptr<const Entry>> list;
  for (const auto& [id, entry] : now->entries) list.push_back(entry);
  return list;
}

void Catalog::SetAdded(std::int64_t revision,
                       std::vector<std::shared_ptr<const Entry>> added) {
  auto next = std::make_shared<Snapshot>(*own_);
  next->added_revision = revision;
  for (auto& entry : added) next->Add(std::move(entry));
  MutexLock lock(mutex_);
  if (revision > now_->added_revision) now_ = std::move(next);
}

std::int64_t Catalog::added_revision() const { return Now()->added_revision; }

}  // namespace valetkey::catalog
