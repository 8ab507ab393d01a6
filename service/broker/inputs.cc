#include "service/broker/inputs.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/broker/sealing.h"
#include "service/oauth/template.h"

namespace valetkey::broker {
namespace {

// An input's name is [a-z][a-z0-9_]*.
constexpr absl::string_view kSealed = "#sealed";

std::string SealedName(absl::string_view name) {
  return absl::StrCat(name, kSealed);
}

}  // namespace

bool IsSealedInput(absl::string_view kept_name) {
  return absl::EndsWith(kept_name, kSealed);
}

bool HasInput(const Inputs& kept, const std::string& name) {
  return kept.count(name) != 0 || kept.count(SealedName(name)) != 0;
}

absl::StatusOr<Inputs> SealInputs(const oauth::Definition& definition,
                                  const Sealer& sealer, absl::string_view owner,
                                  const Inputs& given, const Inputs& before) {
  VK_RETURN_IF_ERROR(oauth::CheckInputs(definition, given));
  Inputs kept;
  for (const auto& input : definition.inputs()) {
    const std::string& name = input.name();
    const auto value = given.find(name);
    if (value == given.end()) {
      const auto old = before.find(SealedName(name));
      if (input.secret() && old != before.end()) kept.insert(*old);
      continue;
    }
    if (!input.secret()) {
      kept[name] = value->second;
      continue;
    }
    VK_ASSIGN_OR_RETURN(std::string checked,
                        oauth::CheckedInput(input, value->second));
    kept[SealedName(name)] = sealer.Seal(SecretString::Take(std::move(checked)),
                                         InputAssociatedData(owner, name));
  }
  return kept;
}

absl::Status OpenInputs(const Sealer& sealer, absl::string_view owner,
                        const Inputs& kept, oauth::Client& client) {
  for (const auto& [kept_name, value] : kept) {
    absl::string_view name = kept_name;
    if (!absl::ConsumeSuffix(&name, kSealed)) {
      client.inputs[kept_name] = value;
      continue;
    }
    VK_ASSIGN_OR_RETURN(client.secret_inputs[std::string(name)],
                        sealer.Open(value, InputAssociatedData(owner, name)));
  }
  return absl::OkStatus();
}

}  // namespace valetkey::broker
