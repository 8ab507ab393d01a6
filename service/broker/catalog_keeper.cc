#include "service/broker/catalog_keeper.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/log.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/base/utf8.h"
#include "service/broker/admin_rows.h"
#include "service/catalog/dry_run.h"

namespace valetkey::broker {
namespace {

using catalog::Finding;
using store::AddedDefinition;
using store::Rows;

// Of a message, which goes out in a header.
constexpr std::size_t kMaxMessage = 1500;

absl::Status CheckTextSize(const std::string& text) {
  if (!text.empty() && text.size() <= catalog::kMaxAddedText) {
    return absl::OkStatus();
  }
  return InvalidField("text",
                      absl::StrCat("a definition in Protobuf's text format, of "
                                   "1 to ",
                                   catalog::kMaxAddedText, " bytes"));
}

std::string Describe(const std::vector<Finding>& faults) {
  return absl::StrJoin(faults, "; ",
                       [](std::string* out, const Finding& fault) {
                         if (fault.line > 0)
                           absl::StrAppend(out, "line ", fault.line, ": ");
                         if (!fault.field.empty())
                           absl::StrAppend(out, fault.field, ": ");
                         absl::StrAppend(out, fault.message);
                       });
}

// A definition without faults.
absl::StatusOr<catalog::Definition> ReadText(const std::string& text) {
  VK_RETURN_IF_ERROR(CheckTextSize(text));
  catalog::CheckedText checked = catalog::CheckText(text);
  if (checked.faults.empty()) return *std::move(checked.definition);
  const std::string faults = Describe(checked.faults);
  return MakeError(Reason::kFieldInvalid,
                   absl::StrCat("text: ", CutUtf8(faults, kMaxMessage)),
                   {{"field", "text"}});
}

absl::Status Exists(const std::string& name, absl::string_view how) {
  return MakeError(Reason::kResourceExists, how, {{"name", name}});
}

absl::string_view Whence(const catalog::Entry& entry) {
  return entry.source == catalog::Source::kBuiltIn
             ? "is built in"
             : "comes from a file in --catalog_dir";
}

// As it is in force, so that it is not parsed again; or nullptr, logged.
std::shared_ptr<const catalog::Entry> EntryOf(const catalog::Catalog& catalog,
                                              const AddedDefinition& row) {
  const std::string id(IdOf(row.name));
  auto known = catalog.FindEntry(id);
  if (known != nullptr && known->source == catalog::Source::kAdded &&
      known->revision == row.revision && known->text == row.text) {
    return known;
  }
  absl::StatusOr<catalog::Definition> definition = ReadText(row.text);
  if (definition.ok() && definition->id() != id) {
    definition = InvalidField("text", absl::StrCat("the id \"", id, "\""));
  }
  if (!definition.ok()) {
    Log(LogLevel::kError, "an added definition cannot be used",
        {{"catalog_entry", row.name}, {"status", definition.status()}});
    return nullptr;
  }
  if (const auto own = catalog.FindOwn(id)) {
    Log(LogLevel::kWarning, "an added definition hides another of its id",
        {{"catalog_entry", row.name}, {"other", Whence(*own)}});
  }
  catalog::Entry entry;
  entry.definition =
      std::make_shared<const catalog::Definition>(*std::move(definition));
  entry.source = catalog::Source::kAdded;
  entry.text = row.text;
  entry.revision = row.revision;
  return std::make_shared<const catalog::Entry>(std::move(entry));
}

}  // namespace

Task<absl::Status> CatalogKeeper::Load() {
  VK_CO_ASSIGN_OR_RETURN(const store::AddedDefinitions all,
                         co_await store_.ListDefinitions());
  std::vector<std::shared_ptr<const catalog::Entry>> added;
  for (const AddedDefinition& row : all.items) {
    if (auto entry = EntryOf(catalog_, row)) added.push_back(std::move(entry));
  }
  catalog_.SetAdded(all.revision, std::move(added));
  co_return absl::OkStatus();
}

Task<void> CatalogKeeper::Hear(std::int64_t revision) {
  // One that is behind is of a beat that a change of ours has overtaken.
  if (revision <= catalog_.added_revision()) co_return;
  const absl::Status loaded = co_await Load();
  // The next beat tells again.
  Log(loaded.ok() ? LogLevel::kInfo : LogLevel::kWarning,
      "the added definitions have changed",
      {{"revision", revision}, {"result", loaded}});
}

absl::StatusOr<CheckedDefinition> CatalogKeeper::Check(
    const std::string& text,
    const std::map<std::string, std::string>& inputs) const {
  VK_RETURN_IF_ERROR(CheckTextSize(text));
  CheckedDefinition checked;
  checked.text = catalog::CheckText(text);
  if (!checked.text.faults.empty()) return checked;
  const catalog::Definition& definition = *checked.text.definition;
  catalog::DryRunOptions options;
  options.inputs = inputs;
  const auto requests = catalog::DryRun(definition, options);
  if (requests.ok()) {
    checked.dry_run = catalog::DryRunText(definition, *requests);
    return checked;
  }
  if (!inputs.empty()) return requests.status();
  // A definition may be good without values to show it by.
  checked.text.warnings.push_back(
      {0, "inputs",
       absl::StrCat("no dry run without values or examples: ",
                    requests.status().message())});
  return checked;
}

absl::Status CatalogKeeper::NotAdded(const std::string& name) const {
  if (const auto own = catalog_.FindOwn(IdOf(name))) {
    return InvalidField(
        "name", absl::StrCat("an entry that was added; this one ", Whence(*own),
                             " and is not changed so"));
  }
  return MakeError(Reason::kCatalogEntryNotFound,
                   "the catalog has no such entry", {{"catalog_entry", name}});
}

Task<void> CatalogKeeper::TakeOver(absl::Status changed) {
  if (!MayHaveCommitted(changed)) co_return;
  const absl::Status loaded = co_await Load();
  if (loaded.ok()) co_return;
  // It is in the store, and will be here with the next beat.
  Log(LogLevel::kWarning, "a change of the catalog is taken over later",
      {{"status", loaded}});
}

Task<absl::StatusOr<AddedDefinition>> CatalogKeeper::Create(std::string text) {
  VK_CO_ASSIGN_OR_RETURN(const catalog::Definition definition, ReadText(text));
  const std::string name = absl::StrCat("catalog/", definition.id());
  if (const auto own = catalog_.FindOwn(definition.id())) {
    co_return Exists(name, absl::StrCat("the catalog entry ", Whence(*own),
                                        ": give yours another id"));
  }
  store::RowKeys keys;
  keys.definition = name;
  const absl::StatusOr<Rows> made =
      co_await store_.Update(keys, [name, text](Rows& rows) {
        if (rows.definition) {
          return Exists(name,
                        "the catalog entry was added before: update it, or "
                        "give yours another id");
        }
        rows.definition.emplace();
        rows.definition->name = name;
        rows.definition->text = text;
        rows.definition->create_time = rows.now;
        rows.definition->update_time = rows.now;
        return absl::OkStatus();
      });
  co_await TakeOver(made.status());
  if (!made.ok()) co_return made.status();
  co_return *made->definition;
}

Task<absl::StatusOr<AddedDefinition>> CatalogKeeper::Update(std::string name,
                                                            std::string etag,
                                                            std::string text) {
  VK_CO_RETURN_IF_ERROR(CheckCatalogName("name", name));
  VK_CO_ASSIGN_OR_RETURN(const catalog::Definition definition, ReadText(text));
  if (definition.id() != IdOf(name)) {
    co_return InvalidField("text", absl::StrCat("the id \"", IdOf(name),
                                                "\", which cannot be "
                                                "changed: add another entry"));
  }
  store::RowKeys keys;
  keys.definition = name;
  const absl::StatusOr<Rows> changed =
      co_await store_.Update(keys, [this, name, etag, text](Rows& rows) {
        if (!rows.definition) return NotAdded(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, rows.definition->revision));
        if (rows.definition->text == text) return absl::OkStatus();
        rows.definition->text = text;
        rows.definition->update_time = rows.now;
        return absl::OkStatus();
      });
  co_await TakeOver(changed.status());
  if (!changed.ok()) co_return changed.status();
  co_return *changed->definition;
}

Task<absl::Status> CatalogKeeper::Delete(std::string name, std::string etag) {
  VK_CO_RETURN_IF_ERROR(CheckCatalogName("name", name));
  store::RowKeys keys;
  keys.definition = name;
  const absl::StatusOr<Rows> deleted =
      co_await store_.Update(keys, [this, name, etag](Rows& rows) {
        if (!rows.definition) return NotAdded(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, rows.definition->revision));
        rows.definition.reset();
        return absl::OkStatus();
      });
  co_await TakeOver(deleted.status());
  co_return deleted.status();
}

}  // namespace valetkey::broker
