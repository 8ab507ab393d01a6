// Text format to a checked definition.

#include <google/protobuf/text_format.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/catalog/catalog.h"
#include "service/catalog/check.h"
#include "service/catalog/environment.h"
#include "service/catalog/spot.h"

namespace valetkey::catalog {
namespace {

using ::google::protobuf::TextFormat;
using ::valetkey::catalog::v1::Environment;

constexpr std::size_t kMaxSize = 1024 * 1024;
// Environments hold definitions: without a bound text could nest at will.
constexpr int kMaxDepth = 16;

void CheckEnvironment(const Definition& definition, int index, const Spot& root,
                      const TextFormat::ParseInfoTree& tree, Faults& faults) {
  const Environment& environment = definition.environments(index);
  const Spot spot = root.Field("environments", index);
  if (environment.display_name().empty()) {
    spot.Fault("display_name", "is required");
  }
  const Definition& overrides = environment.overrides();
  if (!overrides.id().empty()) {
    spot.Field("overrides").Fault("id", "expected none here");
  }
  if (!overrides.environments().empty()) {
    spot.Field("overrides").Fault("environments", "expected none here", 0);
  }
  Definition scratch;
  for (int i = 0; i < environment.cleared_fields_size(); ++i) {
    const std::string& path = environment.cleared_fields(i);
    const absl::Status status = ClearField(path, scratch);
    if (!status.ok()) {
      spot.Fault("cleared_fields", absl::StrCat(status.message()), i);
    }
  }
  if (!faults.empty()) return;

  // The merged definition must hold by itself. Its lists are those of one file
  // or the other, whole, so the overrides' lines are right where they exist.
  const auto* field =
      definition.GetDescriptor()->FindFieldByName("environments");
  auto* environment_tree = tree.GetTreeForNested(field, index);
  auto* overrides_tree =
      environment_tree == nullptr
          ? nullptr
          : environment_tree->GetTreeForNested(
                Environment::descriptor()->FindFieldByName("overrides"), -1);
  const int line = tree.GetLocation(field, index).line + 1;
  const Definition merged = ApplyEnvironment(definition, environment);
  const Spot merged_root(merged, overrides_tree,
                         absl::StrCat("environments[", index, "].overrides."),
                         line, faults);
  CheckFlows(merged, merged_root);
  CheckFields(merged, merged_root);
}

}  // namespace

std::optional<Definition> ReadChecked(absl::string_view text, Faults& faults) {
  if (text.size() > kMaxSize) {
    faults.Add(0, "", "expected at most 1 MiB");
    return std::nullopt;
  }
  FaultCollector collector(faults);
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&tree);
  parser.SetRecursionLimit(kMaxDepth);
  Definition definition;
  if (!parser.ParseFromString(std::string(text), &definition) ||
      !faults.empty()) {
    if (faults.empty()) faults.Add(0, "", "cannot be read");
    return std::nullopt;
  }
  const Spot root(definition, &tree, "", 0, faults);
  CheckShape(root);
  if (!faults.empty()) return std::nullopt;
  CheckFlows(definition, root);
  CheckFields(definition, root);
  if (!faults.empty()) return definition;

  std::set<std::string> names;
  for (int i = 0; i < definition.environments_size(); ++i) {
    const std::string& name = definition.environments(i).name();
    if (!IsIdentifier(name) || !names.insert(name).second) {
      root.Field("environments", i)
          .Fault("name", "expected [a-z][a-z0-9_]*, each once");
    }
    CheckEnvironment(definition, i, root, tree, faults);
  }
  return definition;
}

absl::StatusOr<Definition> ParseDefinition(absl::string_view file,
                                           absl::string_view text) {
  Faults faults(file);
  std::optional<Definition> definition = ReadChecked(text, faults);
  if (!faults.empty()) return MakeError(Reason::kFieldInvalid, faults.Join());
  return *std::move(definition);
}

}  // namespace valetkey::catalog
