// The part of ProviderService that is about the catalog.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/rpc/page_token.h"
#include "service/rpc/provider_service.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"

namespace valetkey::rpc {
namespace {

v1::CatalogSource SourceOf(catalog::Source source) {
  switch (source) {
    case catalog::Source::kBuiltIn:
      return v1::CATALOG_SOURCE_BUILT_IN;
    case catalog::Source::kFile:
      return v1::CATALOG_SOURCE_FILE;
    case catalog::Source::kAdded:
      return v1::CATALOG_SOURCE_ADDED;
  }
  return v1::CATALOG_SOURCE_UNSPECIFIED;
}

void FillFinding(const catalog::Finding& in, v1::DefinitionFault* out) {
  out->set_line(in.line);
  out->set_field(in.field);
  out->set_message(in.message);
}

}  // namespace

void ProviderService::RegisterCatalog(MethodTable& methods) {
  using S = ProviderService;
  const std::string service = "/valetkey.v1.ProviderService/";
  const Access any = Access::AnyKey();
  const Access system = Access::SystemRight(store::kAdminister);
  methods.Add(
      Unary(service + "ListCatalogEntries", any, this, &S::ListCatalogEntries));
  methods.Add(
      Unary(service + "GetCatalogEntry", any, this, &S::GetCatalogEntry));
  methods.Add(Unary(service + "CheckDefinition",
                    Access::Right(store::kAdminister), this,
                    &S::CheckDefinition));
  methods.Add(Unary(service + "CreateCatalogEntry", system, this,
                    &S::CreateCatalogEntry));
  methods.Add(Unary(service + "UpdateCatalogEntry", system, this,
                    &S::UpdateCatalogEntry));
  methods.Add(Unary(service + "DeleteCatalogEntry", system, this,
                    &S::DeleteCatalogEntry));
}

// All but the text, which lists leave out.
void ProviderService::FillEntry(const catalog::Entry& in,
                                v1::CatalogEntry* out) const {
  out->set_name(absl::StrCat("catalog/", in.definition->id()));
  *out->mutable_definition() = *in.definition;
  out->set_redirect_uri(default_redirect_uri_);
  out->set_source(SourceOf(in.source));
  if (in.source == catalog::Source::kAdded) {
    out->set_etag(broker::EtagOf(in.revision));
  }
}

absl::Status ProviderService::FillAdded(const store::AddedDefinition& in,
                                        v1::CatalogEntry* out) const {
  catalog::Entry entry;
  const auto known = catalog_.FindEntry(IdOf(in.name));
  if (known != nullptr && known->text == in.text) {
    entry = *known;
  } else {  // it was changed again, or is not taken over yet
    VK_ASSIGN_OR_RETURN(catalog::Definition definition,
                        catalog::ParseDefinition(in.name, in.text));
    entry.definition =
        std::make_shared<const catalog::Definition>(std::move(definition));
  }
  entry.source = catalog::Source::kAdded;
  entry.revision = in.revision;
  FillEntry(entry, out);
  out->set_text(in.text);
  return absl::OkStatus();
}

Task<absl::StatusOr<v1::ListCatalogEntriesResponse>>
ProviderService::ListCatalogEntries(
    const CallContext&, const v1::ListCatalogEntriesRequest& request) {
  const std::string filters = "ListCatalogEntries";
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  VK_CO_ASSIGN_OR_RETURN(const std::string after,
                         DecodePageToken(request.page_token(), filters));
  const std::vector<std::shared_ptr<const catalog::Entry>> all =
      catalog_.ListEntries();
  auto it = std::find_if(all.begin(), all.end(), [&](const auto& entry) {
    return entry->definition->id() > after;
  });
  v1::ListCatalogEntriesResponse response;
  for (; it != all.end() && response.entries_size() < page_size; ++it) {
    FillEntry(**it, response.add_entries());
  }
  if (it != all.end()) {
    response.set_next_page_token(
        EncodePageToken((*std::prev(it))->definition->id(), filters));
  }
  co_return response;
}

Task<absl::StatusOr<v1::GetCatalogEntryResponse>>
ProviderService::GetCatalogEntry(const CallContext&,
                                 const v1::GetCatalogEntryRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckCatalogName("name", request.name()));
  const std::shared_ptr<const catalog::Entry> entry =
      catalog_.FindEntry(IdOf(request.name()));
  if (entry == nullptr) {
    co_return MakeError(Reason::kCatalogEntryNotFound,
                        "the catalog has no such entry");
  }
  v1::GetCatalogEntryResponse response;
  FillEntry(*entry, response.mutable_entry());
  response.mutable_entry()->set_text(entry->text);
  co_return response;
}

Task<absl::StatusOr<v1::CheckDefinitionResponse>>
ProviderService::CheckDefinition(const CallContext& context,
                                 const v1::CheckDefinitionRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_RETURN_IF_ERROR(CheckParameters("inputs", request.inputs()));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  VK_CO_ASSIGN_OR_RETURN(
      broker::CheckedDefinition checked,
      keeper_.Check(request.text(), ToMap(request.inputs())));
  v1::CheckDefinitionResponse response;
  for (const catalog::Finding& fault : checked.text.faults) {
    FillFinding(fault, response.add_faults());
  }
  for (const catalog::Finding& warning : checked.text.warnings) {
    FillFinding(warning, response.add_warnings());
  }
  if (checked.text.definition) {
    *response.mutable_definition() = *std::move(checked.text.definition);
  }
  response.set_dry_run(std::move(checked.dry_run));
  co_return response;
}

Task<absl::StatusOr<v1::CreateCatalogEntryResponse>>
ProviderService::CreateCatalogEntry(
    const CallContext&, const v1::CreateCatalogEntryRequest& request) {
  VK_CO_ASSIGN_OR_RETURN(const store::AddedDefinition made,
                         co_await keeper_.Create(request.text()));
  v1::CreateCatalogEntryResponse response;
  VK_CO_RETURN_IF_ERROR(FillAdded(made, response.mutable_entry()));
  co_return response;
}

Task<absl::StatusOr<v1::UpdateCatalogEntryResponse>>
ProviderService::UpdateCatalogEntry(
    const CallContext&, const v1::UpdateCatalogEntryRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckCatalogName("name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  VK_CO_ASSIGN_OR_RETURN(
      const store::AddedDefinition changed,
      co_await keeper_.Update(request.name(), request.etag(), request.text()));
  v1::UpdateCatalogEntryResponse response;
  VK_CO_RETURN_IF_ERROR(FillAdded(changed, response.mutable_entry()));
  co_return response;
}

Task<absl::StatusOr<v1::DeleteCatalogEntryResponse>>
ProviderService::DeleteCatalogEntry(
    const CallContext&, const v1::DeleteCatalogEntryRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckCatalogName("name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  VK_CO_RETURN_IF_ERROR(
      co_await keeper_.Delete(request.name(), request.etag()));
  co_return v1::DeleteCatalogEntryResponse();
}

}  // namespace valetkey::rpc
