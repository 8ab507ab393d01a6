// The truth: applications, keys, providers, authorizations, connections with
// their sealed tokens, and the outbox of events.
//
// There is one way to write. Update names the rows it wants, is given them as
// they are, changes them with a pure function, and commits all of it with its
// events in one durable transaction, or nothing:
//
//   RowKeys keys;
//   keys.connection = "applications/shop/connections/c-7";
//   auto rows = co_await store.Update(keys, [](Rows& rows) {
//     if (!rows.connection) return NotFound();
//     rows.connection->labels["team"] = "a";
//     rows.events.push_back(...);
//     return absl::OkStatus();
//   });
//
// The function may run several times and on any thread: it must have no effect
// but on its argument, and take time from rows.now (the store's clock, the
// same for all replicas). Rows set to nullopt are deleted; rows that were
// nullopt and are set are inserted; if it returns an error, nothing is written
// and that error is returned.
//
// Errors of every call: STORE_UNAVAILABLE when the store cannot be reached or
// written; after a failed Update the outcome may be unknown, so callers read
// again. Thread-safe; coroutines resume on the executor they came from.

#ifndef VALETKEY_STORE_STORE_H_
#define VALETKEY_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/store/records.h"

namespace valetkey::store {

// The rows that an Update is about, by name.
struct RowKeys {
  std::optional<std::string> application;
  std::optional<std::string> key;
  std::optional<std::string> provider;
  std::optional<std::string> authorization;
  std::optional<std::string> connection;
  std::optional<std::string> definition;
};

struct Rows {
  absl::Time now;  // the store's clock
  std::optional<Application> application;
  std::optional<ApiKey> key;
  std::optional<Provider> provider;
  std::optional<Authorization> authorization;
  std::optional<Connection> connection;
  std::optional<AddedDefinition> definition;
  std::vector<Event> events;  // to append to the outbox, in this order
};

using Change = std::function<absl::Status(Rows&)>;

template <class T>
struct Page {
  std::vector<T> items;
  std::string next;  // the name to continue after; "" on the last page
};

struct ConnectionFilter {
  std::string application;
  std::string provider;  // "": any
  std::optional<std::string> subject;
  std::optional<ConnectionState> state;
  Labels labels;                        // all of these
  std::vector<std::string> words = {};  // all of these (search.h: QueryWords)
  bool needs_attention = false;         // only these (search.h)
};

struct EventFilter {
  std::string application;
  std::string connection;  // "": any
};

struct EventRange {
  std::int64_t oldest = 0;  // the oldest kept; newest + 1 if none is
  std::int64_t newest = 0;  // the newest ever committed
};

struct ConnectionCount {
  ConnectionState state;
  std::int64_t count;
};

struct ConnectionGroup {
  std::string provider;
  ConnectionState state;
  bool needs_attention = false;
  std::int64_t count = 0;

  bool operator==(const ConnectionGroup&) const = default;
};

struct DueConnection {
  std::string name;
  std::string provider;

  bool operator==(const DueConnection&) const = default;
};

// What waits to be done, and what is under way.
struct Backlog {
  std::int64_t due = 0;  // connections whose due_time has come
  std::optional<absl::Time> oldest_due;
  std::int64_t unpublished =
      0;  // events; more than kMaxCounted are not counted

  static constexpr std::int64_t kMaxCounted = 10'000;

  bool operator==(const Backlog&) const = default;
};

// All definitions that were added, at one moment.
struct AddedDefinitions {
  std::int64_t revision = 0;           // rises with each change of any
  std::vector<AddedDefinition> items;  // by name

  bool operator==(const AddedDefinitions&) const = default;
};

class Store {
 public:
  virtual ~Store() = default;

  // Commits a change; returns the rows as they are now, with revisions and
  // the events' sequence numbers and times set (a number is 0 where the store
  // could not give it at once: it will have one). Deleting an application that
  // has providers or connections, or a provider that has connections or
  // pending authorizations, or a definition that a provider is of:
  // RESOURCE_IN_USE. A new provider holds the definition among the rows, if it
  // is of that one: of two changes at a time, of which one deletes it, one
  // fails or is done again. A taken key digest:
  // RESOURCE_EXISTS. A row of an application or provider that does not exist:
  // APPLICATION_NOT_FOUND, PROVIDER_NOT_FOUND. An application's keys, and a
  // connection's or provider's expired or ended authorizations, go with it. A
  // row that the change leaves as it was keeps its revision.
  virtual Task<absl::StatusOr<Rows>> Update(RowKeys keys, Change change) = 0;

  // nullopt: there is none.
  virtual Task<absl::StatusOr<std::optional<Application>>> GetApplication(
      std::string name) = 0;
  virtual Task<absl::StatusOr<std::optional<Provider>>> GetProvider(
      std::string name) = 0;
  virtual Task<absl::StatusOr<std::optional<Authorization>>> GetAuthorization(
      std::string name) = 0;
  virtual Task<absl::StatusOr<std::optional<Connection>>> GetConnection(
      std::string name) = 0;
  virtual Task<absl::StatusOr<std::optional<ApiKey>>> FindKey(
      std::string digest) = 0;

  // In the order of names, those after `after`; at most `limit` (>= 1).
  virtual Task<absl::StatusOr<Page<Application>>> ListApplications(
      std::string after, int limit) = 0;
  virtual Task<absl::StatusOr<Page<ApiKey>>> ListKeys(std::string application,
                                                      std::string after,
                                                      int limit) = 0;
  virtual Task<absl::StatusOr<Page<Provider>>> ListProviders(
      std::string application, std::string after, int limit) = 0;
  virtual Task<absl::StatusOr<Page<Connection>>> ListConnections(
      ConnectionFilter filter, std::string after, int limit) = 0;

  // Connections whose due_time has come, the longest overdue first, but for
  // those of the providers in `without`. Each is the caller's for `claim`: its
  // due_time is set to that much from now, so that nobody else is given it
  // until then or until it is next written. Revisions stay.
  virtual Task<absl::StatusOr<std::vector<DueConnection>>> ClaimDue(
      int limit, absl::Duration claim, std::vector<std::string> without) = 0;
  virtual Task<absl::StatusOr<Backlog>> GetBacklog() = 0;
  virtual Task<absl::StatusOr<std::vector<ConnectionCount>>>
  CountConnections() = 0;
  // Those of an application, and of one provider unless it is "", by provider,
  // state, and whether they need attention; groups without any are left out.
  virtual Task<absl::StatusOr<std::vector<ConnectionGroup>>> GroupConnections(
      std::string application, std::string provider) = 0;
  // Deletes authorizations that expired before `before`; how many.
  virtual Task<absl::StatusOr<int>> DeleteExpiredAuthorizations(
      absl::Time before, int limit) = 0;

  // Events with sequence > after, ascending; of one application, or of all if
  // it is "".
  virtual Task<absl::StatusOr<std::vector<Event>>> ReadEvents(
      std::int64_t after, int limit, std::string application) = 0;
  // Events with sequence < before, descending.
  virtual Task<absl::StatusOr<std::vector<Event>>> ReadEventsBack(
      EventFilter filter, std::int64_t before, int limit) = 0;
  virtual Task<absl::StatusOr<EventRange>> GetEventRange() = 0;
  // Events not yet marked as published, ascending.
  virtual Task<absl::StatusOr<std::vector<Event>>> ReadUnpublished(
      int limit) = 0;
  virtual Task<absl::Status> MarkPublished(
      std::vector<std::int64_t> sequences) = 0;
  // Deletes events older than `before`, and the oldest beyond `keep`; how
  // many. The newest sequence number is never forgotten.
  virtual Task<absl::StatusOr<int>> TrimEvents(absl::Time before,
                                               std::int64_t keep,
                                               int limit) = 0;

  virtual Task<absl::StatusOr<AddedDefinitions>> ListDefinitions() = 0;

  // Says that a replica lives, with beat_time from the store's clock; forgets
  // those that have not said so for `keep`. Returns the revision of the added
  // definitions, so that each replica hears of their changes.
  virtual Task<absl::StatusOr<std::int64_t>> Beat(Replica replica,
                                                  absl::Duration keep) = 0;
  virtual Task<absl::StatusOr<std::vector<Replica>>> ListReplicas() = 0;

  // Writes something harmless and waits for it to be durable.
  virtual Task<absl::Status> CheckWritable() = 0;

  // Identifies this store; random at its creation, 16 hexadecimal digits.
  virtual const std::string& id() const = 0;
  // True if no other process can write to it: then leases of others are dead.
  virtual bool exclusive() const = 0;
  // Called after each commit that had events, with those, in the order of
  // their numbers and one call at a time, on a thread of the store. With a
  // store that others write to as well it may be told of their events too; it
  // is not told of all. Set once, before use; must return quickly.
  virtual void SetCommitListener(
      std::function<void(const std::vector<Event>&)> listener) = 0;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_STORE_H_
