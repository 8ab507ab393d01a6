// What the store keeps, as plain structs. Secrets are here in sealed form
// only (service/base/sealer.h): the store never sees plain text. Times are
// kept to the microsecond, rounded down.

#ifndef VALETKEY_STORE_RECORDS_H_
#define VALETKEY_STORE_RECORDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey::store {

using Labels = std::map<std::string, std::string>;

// Every record's primary key is its resource name. `revision` is set by the
// store: 1 at first, one more at each write; the RPC layer shows it as etag.

struct Application {
  std::string name;  // applications/{a}
  std::int64_t revision = 0;
  std::string display_name;
  std::vector<std::string> return_uris;
  absl::Time create_time;
  absl::Time update_time;

  bool operator==(const Application&) const = default;
};

// Bits of ApiKey::rights.
enum Right : std::uint32_t {
  kReadMetadata = 1,
  kReadTokens = 2,
  kConnect = 4,
  kRevoke = 8,
  kAdminister = 16,
};

struct ApiKey {
  std::string name;         // applications/{a}/keys/{k}
  std::string application;  // applications/{a}
  std::int64_t revision = 0;
  std::string digest;  // SHA-256 of the secret, unique
  std::string display_name;
  std::uint32_t rights = 0;
  absl::Time create_time;
  std::optional<absl::Time> expire_time;
  std::optional<absl::Time> revoke_time;
  std::optional<absl::Time> last_use_time;

  bool operator==(const ApiKey&) const = default;
};

enum class Pkce { kDefault = 0, kS256 = 1, kOff = 2 };

struct Provider {
  std::string name;         // applications/{a}/providers/{p}
  std::string application;  // applications/{a}
  std::int64_t revision = 0;
  std::string display_name;
  std::string catalog_entry;  // catalog/{id}
  std::string environment;    // "" is production
  std::string client_id;
  std::string client_secret_sealed;  // "" if there is none
  // Used when the provider refuses the first; "" if there is none.
  std::string second_secret_sealed;
  std::vector<std::string> scopes;
  std::string redirect_uri;  // "" is the server's own callback
  Pkce pkce = Pkce::kDefault;
  std::map<std::string, std::string> inputs;
  absl::Time create_time;
  absl::Time update_time;

  bool operator==(const Provider&) const = default;
};

enum class AuthorizationStatus {
  kPending = 1,     // waits for the callback
  kExchanging = 2,  // the code was sent to the provider; the outcome is open
  kDone = 3,        // the connection has its tokens
  kFailed = 4,      // ended by a definite error
};

// A consent under way: made by Authorize, ended by Exchange.
struct Authorization {
  std::string name;  // hexadecimal SHA-256 of the state
  std::int64_t revision = 0;
  std::string application;
  std::string provider;
  std::string connection;  // the one that it will make or renew
  bool reauthorize = false;
  std::string subject;
  Labels labels;
  std::vector<std::string> scopes;  // asked for
  std::map<std::string, std::string> inputs;
  std::string return_uri;
  std::map<std::string, std::string> extra_parameters;  // of the URI
  std::string redirect_uri;     // sent, and to be repeated with the code
  std::string verifier_sealed;  // "" without PKCE
  AuthorizationStatus status = AuthorizationStatus::kPending;
  std::string code_digest;     // SHA-256 of the code presented
  std::string failure_reason;  // a ReasonName when kFailed
  std::string failure_message;
  absl::Time create_time;
  absl::Time expire_time;

  bool operator==(const Authorization&) const = default;
};

enum class ConnectionState {
  kActive = 1,
  kReauthorizationRequired = 2,
  kRevoking = 3,
  kRevoked = 4,
};

// One of the tokens of a grant; most grants have one, named "".
struct TokenRecord {
  std::string name;  // "" is the main one
  std::string token_type;
  std::vector<std::string> scopes;
  std::string access_sealed;
  std::optional<absl::Time> issue_time;
  std::optional<absl::Time> expire_time;  // of the access token
  std::string refresh_sealed;             // "" if there is none
  std::string refresh_digest;             // SHA-256 of the refresh token
  std::optional<absl::Time> refresh_expire_time;
  // Since when it is known to die no later than that: its issue, or the last
  // refresh that prolonged its life.
  std::optional<absl::Time> refresh_issue_time;
  // When to refresh it; nullopt: never by itself.
  std::optional<absl::Time> due_time;
  // The attempt that brought it (Connection::attempts): of two answers to one
  // grant, that of the later attempt is the newer.
  std::int64_t attempt = 0;

  bool operator==(const TokenRecord&) const = default;
};

// Who may speak with the provider for a connection, and what was last sent.
struct Lease {
  std::string owner;       // an instance; "" when nobody holds it
  std::string attempt_id;  // unique to one attempt
  absl::Time expire_time;

  bool operator==(const Lease&) const = default;
};

// What was sent to the provider and not yet answered for: recorded before the
// request leaves, cleared with its outcome.
struct Attempt {
  std::string id;              // "" when there is none
  std::string token;           // which TokenRecord
  std::string refresh_digest;  // of the refresh token presented
  absl::Time start_time;
  int unknown_outcomes =
      0;  // how often this digest was sent before, unanswered

  bool operator==(const Attempt&) const = default;
};

struct Failure {
  std::string reason;  // a ReasonName
  std::string message;
  absl::Time time;
  int count = 0;
  absl::Time retry_time;  // not before

  bool operator==(const Failure&) const = default;
};

struct RevocationItem {
  int kind = 0;  // valetkey.v1.TokenKind
  std::string token;
  int result = 0;  // valetkey.v1.RevocationResult
  std::string detail;

  bool operator==(const RevocationItem&) const = default;
};

struct Connection {
  std::string name;         // applications/{a}/connections/{c}
  std::string application;  // applications/{a}
  std::string provider;     // applications/{a}/providers/{p}
  std::int64_t revision = 0;
  std::string subject;
  Labels labels;
  ConnectionState state = ConnectionState::kActive;
  std::int64_t generation = 0;
  std::int64_t attempts = 0;  // consents, and refreshes begun, so far
  std::vector<std::string> requested_scopes;
  std::vector<std::string> scopes;
  std::vector<TokenRecord> tokens;
  std::map<std::string, std::string> inputs;
  std::map<std::string, std::string> metadata;
  std::string account_id;
  std::string account_display_name;
  absl::Time create_time;
  absl::Time update_time;
  std::optional<absl::Time> last_refresh_time;
  std::optional<absl::Time> last_use_time;
  // The earliest moment at which the scheduler has work here; indexed.
  std::optional<absl::Time> due_time;
  std::optional<Failure> last_failure;
  Lease lease;
  Attempt attempt;
  // Digest of a refresh token that the provider has refused for good.
  std::string dead_refresh_digest;
  bool expiring_announced = false;
  std::vector<RevocationItem> revocation;  // of the last Revoke

  bool operator==(const Connection&) const = default;
};

// A definition that was added to the catalog. The store does not look into it.
struct AddedDefinition {
  std::string name;  // catalog/{id}
  std::int64_t revision = 0;
  std::string text;  // "" if the record is damaged
  absl::Time create_time;
  absl::Time update_time;

  bool operator==(const AddedDefinition&) const = default;
};

enum class EventType {
  kConnected = 1,
  kReauthorized = 2,
  kRefreshed = 3,
  kRefreshFailed = 4,
  kReauthorizationRequired = 5,
  kExpiring = 6,
  kRevoked = 7,
  kUpdated = 8,
  kDeleted = 9,
};

// "REFRESHED" and so on; the names of valetkey.v1.EventType without prefix.
absl::string_view EventTypeName(EventType type);
absl::string_view ConnectionStateName(ConnectionState state);

// A change, as the outbox keeps it. Holds no secret.
struct Event {
  std::int64_t sequence = 0;  // set by the store, ascending in commit order
  absl::Time time;            // set by the store
  EventType type = EventType::kUpdated;
  std::string application;
  std::string connection;
  std::string provider;
  std::string subject;
  Labels labels;
  std::int64_t generation = 0;
  ConnectionState state = ConnectionState::kActive;
  std::optional<absl::Time> expire_time;
  std::string reason;

  bool operator==(const Event&) const = default;
};

// A server process, as it last told of itself.
struct Replica {
  std::string instance;  // random at each start
  std::string host;
  std::string version;
  absl::Time start_time;
  absl::Time beat_time;  // set by the store
  std::string status;    // what else it tells; the store does not look into it

  bool operator==(const Replica&) const = default;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_RECORDS_H_
