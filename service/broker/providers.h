// Configured providers as the broker needs them: the record, the definition
// with its environment applied, and the client with its secret opened.
//
// Kept in memory for a bounded time; a change made on this server, and any of
// the catalog, takes effect at once. Also remembers what is known of each
// client's credentials, which tells a dead grant from a refused client where
// the provider's answer does not. Thread-safe.

#ifndef VALETKEY_BROKER_PROVIDERS_H_
#define VALETKEY_BROKER_PROVIDERS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/mutex.h"
#include "service/base/sealer.h"
#include "service/broker/limiter.h"
#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"
#include "service/store/store.h"

namespace valetkey::broker {

// Immutable but for its limiter.
struct ProviderContext {
  store::Provider record;
  std::shared_ptr<const oauth::Definition> definition;
  oauth::Client client;
  // To be tried when the provider refuses the client's secret. Which of the two
  // is the first is what was found to be accepted last.
  std::optional<SecretString> other_secret;
  bool swapped = false;              // other_secret is the record's first
  std::shared_ptr<Limiter> limiter;  // of calls to the token endpoint
  std::shared_ptr<Limiter> probe;    // one probe at a time

  // The client as one connection uses it, with what is kept of its inputs.
  absl::StatusOr<oauth::Client> ClientFor(
      const Sealer& sealer, absl::string_view connection,
      const std::map<std::string, std::string>& inputs,
      const std::map<std::string, std::string>& metadata) const;
  // Whether PKCE is sent.
  bool UsesPkce() const;
  // The same with the other secret in the client's place. REQUIRES: there is
  // one.
  std::shared_ptr<const ProviderContext> WithOtherSecret() const;
};

class Providers {
 public:
  Providers(store::Store& store, const catalog::Catalog& catalog,
            const Sealer& sealer, const Clock& clock, int max_parallel);

  // PROVIDER_NOT_FOUND, CATALOG_ENTRY_NOT_FOUND, STORE_UNAVAILABLE (unless an
  // older copy is at hand), ENCRYPTION_KEY_MISSING.
  Task<absl::StatusOr<std::shared_ptr<const ProviderContext>>> Get(
      std::string name);
  void Forget(absl::string_view name);
  // WithOtherSecret, and what Get returns from now on: the provider has refused
  // the first.
  std::shared_ptr<const ProviderContext> UseOtherSecret(
      const ProviderContext& provider);

  // The provider has just accepted this client's credentials.
  void NoteAccepted(const ProviderContext& provider);
  // A probe that began at `asked` was accepted or refused.
  void NoteProbe(const ProviderContext& provider, bool accepted,
                 absl::Time asked);
  // Whether it has accepted them since `since`, with this very secret.
  bool AcceptedSince(const ProviderContext& provider, absl::Time since) const;
  // What a probe begun since `since` found, or one that refused the same
  // secret lately; nullopt: there was none.
  std::optional<bool> ProbedSince(const ProviderContext& provider,
                                  absl::Time since) const;

 private:
  struct Entry {
    std::shared_ptr<const ProviderContext> context;
    absl::Time read_time;
    std::int64_t catalog_revision = 0;  // what its definition was found at
  };
  struct Standing {
    std::shared_ptr<Limiter> limiter;
    std::shared_ptr<Limiter> probe;
    // Which secret it is about: a revision of the record, and of its two the
    // second if `swapped`.
    struct Secret {
      std::int64_t revision = 0;
      bool swapped = false;

      bool operator==(const Secret&) const = default;
    };
    Secret preferred;
    Secret probe_secret;
    bool probe_accepted = false;
    absl::Time probe_time = absl::InfinitePast();
    Secret accepted_secret;
    absl::Time accepted_time = absl::InfinitePast();
  };

  static Standing::Secret SecretOf(const ProviderContext& provider) {
    return {.revision = provider.record.revision, .swapped = provider.swapped};
  }

  store::Store& store_;
  const catalog::Catalog& catalog_;
  const Sealer& sealer_;
  const Clock& clock_;
  const int max_parallel_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ VK_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Standing> standings_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_PROVIDERS_H_
