#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/admin_fields.h"
#include "service/broker/admin_rows.h"
#include "service/broker/inputs.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Provider;
using store::Rows;

constexpr absl::string_view kSecretField = "provider.client_secret";

// What can be checked without the definition.
absl::Status CheckSettings(const ProviderChange& change) {
  if (change.display_name) {
    VK_RETURN_IF_ERROR(
        CheckDisplayName("provider.display_name", *change.display_name));
  }
  if (change.client_id) {
    VK_RETURN_IF_ERROR(CheckClientId("provider.client_id", *change.client_id));
  }
  if (change.client_secret) {
    VK_RETURN_IF_ERROR(CheckClientSecret(kSecretField, *change.client_secret));
  }
  if (change.second_secret) {
    VK_RETURN_IF_ERROR(CheckClientSecret("provider.second_client_secret",
                                         *change.second_secret));
  }
  if (change.scopes) {
    VK_RETURN_IF_ERROR(CheckScopes("provider.scopes", *change.scopes));
  }
  if (change.redirect_uri) {
    VK_RETURN_IF_ERROR(
        CheckRedirectUri("provider.redirect_uri", *change.redirect_uri));
  }
  return absl::OkStatus();
}

// What the definition asks of a provider as a whole. Only what a change
// touches is checked: a definition may have become stricter since the rest was
// given.
absl::Status CheckWith(const catalog::Definition& definition,
                       const ProviderChange& change, const Inputs& kept,
                       const Provider& provider) {
  if (change.client_secret && provider.client_secret_sealed.empty() &&
      NeedsClientSecret(definition)) {
    return InvalidField(kSecretField,
                        "the client secret that the provider "
                        "gave");
  }
  if (change.pkce && *change.pkce == store::Pkce::kOff &&
      definition.pkce().support() == catalog::v1::PKCE_SUPPORT_REQUIRED) {
    return InvalidField("provider.pkce",
                        "anything but off: the provider refuses requests "
                        "without PKCE");
  }
  if (change.inputs) {
    VK_RETURN_IF_ERROR(CheckOperatorInputs("provider.inputs", definition,
                                           *change.inputs, kept));
  }
  return absl::OkStatus();
}

bool NeedsDefinition(const ProviderChange& change) {
  return change.client_secret || change.pkce || change.inputs;
}

// The change's client secrets, sealed; "" if they are empty.
struct Sealed {
  std::string first;
  std::string second;
};

Sealed Seal(const Sealer& sealer, const ProviderChange& change,
            absl::string_view name) {
  Sealed sealed;
  if (change.client_secret && !change.client_secret->empty()) {
    sealed.first =
        sealer.Seal(*change.client_secret, ClientSecretAssociatedData(name));
  }
  if (change.second_secret && !change.second_secret->empty()) {
    sealed.second =
        sealer.Seal(*change.second_secret, SecondSecretAssociatedData(name));
  }
  return sealed;
}

void Apply(const ProviderChange& change, const Sealed& sealed, absl::Time now,
           Provider& provider) {
  const Provider before = provider;
  if (change.display_name) provider.display_name = *change.display_name;
  if (change.client_id) provider.client_id = *change.client_id;
  if (change.client_secret) provider.client_secret_sealed = sealed.first;
  if (change.second_secret) provider.second_secret_sealed = sealed.second;
  if (change.scopes) provider.scopes = *change.scopes;
  if (change.redirect_uri) provider.redirect_uri = *change.redirect_uri;
  if (change.pkce) provider.pkce = *change.pkce;
  if (change.inputs) provider.inputs = *change.inputs;
  if (provider != before) provider.update_time = now;
}

absl::Status NoProvider(absl::string_view name) {
  return MakeError(Reason::kProviderNotFound, "there is no such provider",
                   {{"provider", std::string(name)}});
}

absl::Status NoEntry(const Provider& provider) {
  return MakeError(
      Reason::kCatalogEntryNotFound,
      "this server's catalog lacks the provider's entry or environment",
      {{"catalog_entry", provider.catalog_entry},
       {"environment", provider.environment}});
}

absl::Status UnknownEnvironment(const catalog::Definition& entry) {
  std::vector<std::string> names;
  for (const auto& environment : entry.environments()) {
    names.push_back(environment.name());
  }
  return InvalidField("provider.environment",
                      names.empty()
                          ? "none, for the catalog entry has only production"
                          : absl::StrCat("none for production, or one of ",
                                         absl::StrJoin(names, ", ")));
}

}  // namespace

Task<absl::StatusOr<Provider>> Admin::CreateProvider(NewProvider provider) {
  const std::string& name = provider.name;
  const std::string application(ApplicationOf(name));
  if (application.empty()) {
    co_return InvalidField("parent", "applications/{a}");
  }
  VK_CO_RETURN_IF_ERROR(CheckChildName("provider_id", "providers", name));

  ProviderChange& settings = provider.settings;
  // An absent value is an empty one here: it is checked as such.
  if (!settings.client_id) settings.client_id.emplace();
  if (!settings.client_secret) settings.client_secret.emplace();
  if (!settings.inputs) settings.inputs.emplace();
  VK_CO_RETURN_IF_ERROR(
      CheckCatalogName("provider.catalog_entry", provider.catalog_entry));
  VK_CO_RETURN_IF_ERROR(CheckSettings(settings));

  Provider row;
  row.name = name;
  row.application = application;
  row.catalog_entry = provider.catalog_entry;
  row.environment = provider.environment;
  const absl::string_view id = IdOf(provider.catalog_entry);
  const auto entry = catalog_.FindEntry(id);
  if (entry == nullptr) co_return NoEntry(row);
  const auto definition = catalog_.Find(id, provider.environment);
  if (definition == nullptr) {
    co_return UnknownEnvironment(*entry->definition);
  }
  Apply(settings, Seal(sealer_, settings, name), absl::UnixEpoch(), row);
  VK_CO_RETURN_IF_ERROR(CheckWith(*definition, settings, {}, row));
  VK_CO_ASSIGN_OR_RETURN(
      row.inputs, SealInputs(*definition, sealer_, name, *settings.inputs, {}));

  store::RowKeys keys;
  keys.application = application;
  keys.provider = name;
  // Another server may be deleting it.
  const bool added = entry->source == catalog::Source::kAdded;
  if (added) keys.definition = row.catalog_entry;
  const absl::StatusOr<Rows> made =
      co_await store_.Update(keys, [row, added](Rows& rows) {
        if (!rows.application) return NoApplication(row.application);
        if (added && !rows.definition) return NoEntry(row);
        if (rows.provider) {
          return MakeError(Reason::kResourceExists,
                           "there is a provider of that name",
                           {{"provider", row.name}});
        }
        rows.provider = row;
        rows.provider->create_time = rows.now;
        rows.provider->update_time = rows.now;
        return absl::OkStatus();
      });
  // One of this name may have been deleted before.
  if (MayHaveCommitted(made.status()) && hooks_.provider_changed) {
    hooks_.provider_changed(name);
  }
  if (!made.ok()) co_return made.status();
  co_return *made->provider;
}

Task<absl::StatusOr<Provider>> Admin::GetProvider(std::string name) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("name", "providers", name));
  VK_CO_ASSIGN_OR_RETURN(std::optional<Provider> found,
                         co_await store_.GetProvider(name));
  if (!found) co_return NoProvider(name);
  co_return *std::move(found);
}

Task<absl::StatusOr<store::Page<Provider>>> Admin::ListProviders(
    std::string application, std::string after, int limit) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("parent", application));
  VK_CO_ASSIGN_OR_RETURN(
      store::Page<Provider> page,
      co_await store_.ListProviders(application, after, limit));
  if (page.items.empty()) {
    VK_CO_RETURN_IF_ERROR((co_await GetApplication(application)).status());
  }
  co_return page;
}

Task<absl::StatusOr<Provider>> Admin::UpdateProvider(std::string name,
                                                     std::string etag,
                                                     ProviderChange change) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("provider.name", "providers", name));
  VK_CO_RETURN_IF_ERROR(CheckSettings(change));
  const Sealed sealed = Seal(sealer_, change, name);
  store::RowKeys keys;
  keys.provider = name;
  const absl::StatusOr<Rows> changed = co_await store_.Update(
      keys, [this, name, etag, change, sealed](Rows& rows) {
        if (!rows.provider) return NoProvider(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, rows.provider->revision));
        const Inputs kept = rows.provider->inputs;
        Apply(change, sealed, rows.now, *rows.provider);
        if (!NeedsDefinition(change)) return absl::OkStatus();
        const auto definition = catalog_.Find(
            IdOf(rows.provider->catalog_entry), rows.provider->environment);
        if (definition == nullptr) return NoEntry(*rows.provider);
        VK_RETURN_IF_ERROR(
            CheckWith(*definition, change, kept, *rows.provider));
        if (!change.inputs) return absl::OkStatus();
        VK_ASSIGN_OR_RETURN(
            rows.provider->inputs,
            SealInputs(*definition, sealer_, name, *change.inputs, kept));
        return absl::OkStatus();
      });
  if (MayHaveCommitted(changed.status()) && hooks_.provider_changed) {
    hooks_.provider_changed(name);
  }
  if (!changed.ok()) co_return changed.status();
  co_return *changed->provider;
}

Task<absl::Status> Admin::DeleteProvider(std::string name, std::string etag) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("name", "providers", name));
  store::RowKeys keys;
  keys.provider = name;
  const absl::StatusOr<Rows> deleted =
      co_await store_.Update(keys, [name, etag](Rows& rows) {
        if (!rows.provider) return NoProvider(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, rows.provider->revision));
        rows.provider.reset();
        return absl::OkStatus();
      });
  if (MayHaveCommitted(deleted.status()) && hooks_.provider_changed) {
    hooks_.provider_changed(name);
  }
  co_return deleted.status();
}

}  // namespace valetkey::broker
