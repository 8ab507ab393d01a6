// What may happen to a connection, as pure functions on its rows: the lease,
// the fence, the attempt record, the commit and the failure of a refresh, the
// two steps of a revocation, and when there is work next.
//
// They run inside Store::Update, so a rule sees the row as it is and what it
// changes is committed whole or not at all. Nothing here waits, draws chance
// or looks at a clock other than rows.now.

#ifndef VALETKEY_BROKER_RULES_H_
#define VALETKEY_BROKER_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/status.h"
#include "service/store/store.h"

namespace valetkey::broker {

// What decides when a connection is looked at next.
struct Schedule {
  absl::Duration idle_after;
  absl::Duration expiring_notice;
  // When an idle connection must be refreshed at the latest; nullopt: never.
  std::optional<absl::Time> keep_alive;
  // The last use known to memory, which the record may not have yet.
  std::optional<absl::Time> last_use;
};
// --- Consenting ---

// New tokens, sealed.
struct NewTokens {
  std::vector<store::TokenRecord> tokens;
  std::map<std::string, std::string> metadata;
};
// Ends the authorization in rows with its connection: a new one (CONNECTED),
// or the one that it renews (REAUTHORIZED), whose tokens are all replaced and
// which is ACTIVE again whatever it was. CONNECTION_NOT_FOUND if that one was
// deleted meanwhile.
absl::Status Connect(const NewTokens& tokens,
                     const std::map<std::string, std::string>& inputs,
                     const Schedule& schedule, store::Rows& rows);

// --- Beginning a refresh ---

struct BeginRefresh {
  std::string instance;
  // Whether no other process can hold a lease (an embedded store).
  bool exclusive = false;
  std::string attempt_id;
  std::string token;  // which TokenRecord
  std::int64_t generation = 0;
  std::string presented_digest;  // SHA-256 of what is sent
  absl::Duration lease;
  // Whether the lease of another replica may be taken over if it has ended.
  // False for a while after the store was away: a replica that holds tokens
  // which it could not write must come first.
  bool take_over = true;
};
enum class BeginOutcome {
  kBegun,
  kMoved,   // the generation or the state is not what it was: read again
  kLeased,  // another replica is at it
};
// Takes the lease and records the attempt; writes nothing unless kBegun.
BeginOutcome Begin(const BeginRefresh& begin, store::Rows& rows);

// --- Ending it ---

// Names one attempt; only its owner may write its outcome.
struct AttemptRef {
  std::string instance;
  std::string attempt_id;
  std::int64_t number = 0;  // Connection::attempts, as Begin left it
  std::string token;        // which TokenRecord
};
// Whether the attempt is still ours to answer for. False after another
// replica took over, or when the tokens changed underneath.
bool Owns(const AttemptRef& attempt, const store::Connection& connection);
// Lets a flight that lives go on: its lease ends `lease` from now. False, and
// nothing is changed, if the attempt is no longer ours.
bool ExtendLease(const AttemptRef& attempt, absl::Duration lease,
                 store::Rows& rows);

// Keeps the refresh token that an attempt brought while it goes on, for what
// follows may fail or be cut short; its lease ends `lease` from now. False, and
// nothing is changed, if the attempt is no longer ours.
bool KeepRefreshToken(const AttemptRef& attempt,
                      const store::TokenRecord& fresh, absl::Duration lease,
                      store::Rows& rows);

// What may be done with tokens that the provider gave for an attempt. They may
// be all that is left of the grant, so that they are thrown away only when the
// row has those of a later attempt.
enum class Landing {
  kCommit,
  // Another replica took over and presents the same secret: if it gets tokens,
  // those are the newer ones; if not, ours are the ones to keep.
  kWait,
  kDone,     // they are there: an update whose outcome was unknown succeeded
  kLost,     // the row has newer tokens, or is gone
  kRevoked,  // the connection was revoked: these are to be revoked, too
};
Landing LandingOf(const AttemptRef& attempt, const store::Rows& rows);

// Commits tokens: each replaces the record of its name unless that is newer,
// the others stay; generation + 1, attempt, lease and failure cleared, the
// event REFRESHED. On a connection that is being revoked the tokens are kept
// for the revocation, and state and generation stay.
void CommitRefresh(const AttemptRef& attempt, const NewTokens& tokens,
                   const Schedule& schedule, store::Rows& rows);

struct RefreshFailure {
  Reason reason = Reason::kProviderUnavailable;
  std::string message;
  absl::Duration retry_after;  // until the next attempt
  // The request may have been acted on although no answer told so: the
  // attempt record stays, so that the next one knows.
  bool outcome_unknown = false;
};
// Records a failure that leaves the grant alive; the event REFRESH_FAILED at
// the first failure and whenever the reason changes. The attempt record is
// cleared once nothing that was sent with its digest is unanswered.
void RecordFailure(const RefreshFailure& failure, const Schedule& schedule,
                   store::Rows& rows);

// The provider refused the grant for good: REAUTHORIZATION_REQUIRED, and the
// digest of the token refused is remembered. The access token stays: it is
// served as long as it is valid.
void RecordDeadGrant(absl::string_view presented_digest,
                     absl::string_view message, store::Rows& rows);

// --- Revoking ---

// Step one: from here on no token is given out. The event REVOKED. Returns
// false, and changes nothing, if it was revoked before.
bool BeginRevocation(absl::Duration retry_after, store::Rows& rows);
// Step two: destroys our copy. Does nothing unless the row is still what the
// provider was told of: a new consent may have come between, or newer tokens.
void FinishRevocation(const store::Connection& told,
                      std::vector<store::RevocationItem> items,
                      store::Rows& rows);

// --- When there is work next ---

bool IsIdle(const store::Connection& connection, const Schedule& schedule,
            absl::Time now);
// Sets connection.due_time.
void Reschedule(const Schedule& schedule, absl::Time now,
                store::Connection& connection);
// Emits EXPIRING once, if the refresh token dies within the notice.
void AnnounceExpiring(const Schedule& schedule, store::Rows& rows);

// How long to wait after the count-th failure in a row (1 is the first): 1 s
// doubling to 5 min, and up to a quarter more as `unit` in [0, 1) says.
absl::Duration Backoff(int count, double unit);

// The earliest death of a refresh token of this connection.
std::optional<absl::Time> RefreshExpiry(const store::Connection& connection);

const store::TokenRecord* FindToken(const store::Connection& connection,
                                    absl::string_view token);

// An event about a connection as it is now.
store::Event EventOf(store::EventType type, const store::Connection& connection,
                     absl::string_view reason = "");

// The error that a connection's state means for someone who wants a token;
// OK if it is active.
absl::Status StateError(const store::Connection& connection);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_RULES_H_
