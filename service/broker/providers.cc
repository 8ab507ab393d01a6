#include "service/broker/providers.h"

#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/inputs.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

// How long a provider's configuration is used without asking the store again.
constexpr absl::Duration kKeep = absl::Seconds(10);
// A client found refused is not probed again so soon: nothing mends it but an
// operator, whose change makes a new revision.
constexpr absl::Duration kProbeRest = absl::Minutes(1);

}  // namespace

absl::StatusOr<oauth::Client> ProviderContext::ClientFor(
    const Sealer& sealer, absl::string_view connection,
    const std::map<std::string, std::string>& inputs,
    const std::map<std::string, std::string>& metadata) const {
  oauth::Client own = client;
  VK_RETURN_IF_ERROR(OpenInputs(sealer, connection, inputs, own));
  own.metadata = metadata;
  return own;
}

bool ProviderContext::UsesPkce() const {
  const catalog::v1::PkceSupport support = definition->pkce().support();
  if (support == catalog::v1::PKCE_SUPPORT_REQUIRED) return true;
  switch (record.pkce) {
    case store::Pkce::kS256:
      return true;
    case store::Pkce::kOff:
      return false;
    case store::Pkce::kDefault:
      break;
  }
  return oauth::PkceByDefault(*definition);
}

Providers::Providers(store::Store& store, const catalog::Catalog& catalog,
                     const Sealer& sealer, const Clock& clock, int max_parallel)
    : store_(store),
      catalog_(catalog),
      sealer_(sealer),
      clock_(clock),
      max_parallel_(max_parallel) {}

Task<absl::StatusOr<std::shared_ptr<const ProviderContext>>> Providers::Get(
    std::string name) {
  std::shared_ptr<const ProviderContext> older;
  // Before the definition is looked up: it is no older than that.
  const std::int64_t catalog_revision = catalog_.added_revision();
  {
    MutexLock lock(mutex_);
    const auto it = entries_.find(name);
    if (it != entries_.end()) {
      older = it->second.context;
      if (it->second.catalog_revision == catalog_revision &&
          clock_.Now() - it->second.read_time < kKeep) {
        co_return older;
      }
    }
  }
  auto record = co_await store_.GetProvider(name);
  if (!record.ok()) {
    if (older) co_return older;
    co_return record.status();
  }
  if (!*record) {
    Forget(name);
    co_return MakeError(Reason::kProviderNotFound, "there is no such provider",
                        {{"provider", name}});
  }
  auto context = std::make_shared<ProviderContext>();
  context->record = **std::move(record);
  context->definition = catalog_.Find(IdOf(context->record.catalog_entry),
                                      context->record.environment);
  if (!context->definition) {
    co_return MakeError(
        Reason::kCatalogEntryNotFound,
        "this server's catalog lacks the provider's entry or environment",
        {{"catalog_entry", context->record.catalog_entry},
         {"environment", context->record.environment}});
  }
  context->client.client_id = context->record.client_id;
  VK_CO_RETURN_IF_ERROR(
      OpenInputs(sealer_, name, context->record.inputs, context->client));
  if (!context->record.client_secret_sealed.empty()) {
    VK_CO_ASSIGN_OR_RETURN(context->client.client_secret,
                           sealer_.Open(context->record.client_secret_sealed,
                                        ClientSecretAssociatedData(name)));
  }
  if (!context->record.second_secret_sealed.empty()) {
    VK_CO_ASSIGN_OR_RETURN(context->other_secret,
                           sealer_.Open(context->record.second_secret_sealed,
                                        SecondSecretAssociatedData(name)));
  }
  MutexLock lock(mutex_);
  Standing& standing = standings_[name];
  if (context->other_secret && standing.preferred.swapped &&
      standing.preferred.revision == context->record.revision) {
    std::swap(context->client.client_secret, *context->other_secret);
    context->swapped = true;
  }
  if (!standing.limiter) {
    standing.limiter = std::make_shared<Limiter>(max_parallel_);
    standing.probe = std::make_shared<Limiter>(1);
  }
  context->limiter = standing.limiter;
  context->probe = standing.probe;
  entries_[name] = {.context = context,
                    .read_time = clock_.Now(),
                    .catalog_revision = catalog_revision};
  co_return std::shared_ptr<const ProviderContext>(std::move(context));
}

void Providers::Forget(absl::string_view name) {
  MutexLock lock(mutex_);
  entries_.erase(name);
}

std::shared_ptr<const ProviderContext> ProviderContext::WithOtherSecret()
    const {
  auto other = std::make_shared<ProviderContext>(*this);
  std::swap(other->client.client_secret, *other->other_secret);
  other->swapped = !swapped;
  return other;
}

std::shared_ptr<const ProviderContext> Providers::UseOtherSecret(
    const ProviderContext& provider) {
  auto other = provider.WithOtherSecret();
  const std::string& name = provider.record.name;
  MutexLock lock(mutex_);
  standings_[name].preferred = SecretOf(*other);
  const auto it = entries_.find(name);
  if (it != entries_.end() &&
      it->second.context->record.revision == provider.record.revision) {
    it->second.context = other;
  }
  return other;
}

void Providers::NoteAccepted(const ProviderContext& provider) {
  MutexLock lock(mutex_);
  Standing& standing = standings_[provider.record.name];
  standing.accepted_secret = SecretOf(provider);
  standing.accepted_time = clock_.Now();
}

void Providers::NoteProbe(const ProviderContext& provider, bool accepted,
                          absl::Time asked) {
  MutexLock lock(mutex_);
  Standing& standing = standings_[provider.record.name];
  standing.probe_secret = SecretOf(provider);
  standing.probe_accepted = accepted;
  standing.probe_time = asked;
}

std::optional<bool> Providers::ProbedSince(const ProviderContext& provider,
                                           absl::Time since) const {
  MutexLock lock(mutex_);
  const auto it = standings_.find(provider.record.name);
  if (it == standings_.end() || it->second.probe_secret != SecretOf(provider)) {
    return std::nullopt;
  }
  const Standing& standing = it->second;
  const bool fresh = standing.probe_time >= since;
  const bool resting = !standing.probe_accepted &&
                       clock_.Now() - standing.probe_time < kProbeRest;
  if (!fresh && !resting) return std::nullopt;
  return standing.probe_accepted;
}

bool Providers::AcceptedSince(const ProviderContext& provider,
                              absl::Time since) const {
  MutexLock lock(mutex_);
  const auto it = standings_.find(provider.record.name);
  return it != standings_.end() &&
         it->second.accepted_secret == SecretOf(provider) &&
         it->second.accepted_time >= since;
}

}  // namespace valetkey::broker
