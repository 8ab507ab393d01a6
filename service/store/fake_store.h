// A store in memory for tests, with the contract of the real ones
// (store_contract_test.cc runs on it), a clock of the test's choice and
// failures to switch on. Thread-safe.
//
//   FakeClock clock(absl::FromUnixSeconds(1'700'000'000));
//   FakeStore store(clock);
//   ASSERT_TRUE(store.UpdateNow(keys, change).ok());  // no event loop needed
//   store.FailUpdates(1, FakeStore::kAfterCommit);    // outcome unknown
//
// Every call yields to its executor at least once, as a real store would, so
// that races between coroutines show.

#ifndef VALETKEY_STORE_FAKE_STORE_H_
#define VALETKEY_STORE_FAKE_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/base/clock.h"
#include "service/base/mutex.h"
#include "service/store/store.h"

namespace valetkey::store {

class FakeStore final : public Store {
 public:
  enum FailPoint {
    kBeforeCommit,  // nothing is written
    kAfterCommit,   // all is written, though the caller is told otherwise
  };
  // Awaited on the caller's executor with the name of the call ("Update"),
  // before it begins, and with "Update committed" before Update returns.
  using Hook = std::function<Task<void>(std::string call)>;

  // The clock outlives the store.
  explicit FakeStore(const Clock& clock = Clock::System(),
                     std::string id = "00f0f0f0f0f0f0f0");

  // The next `count` Updates fail with STORE_UNAVAILABLE.
  void FailUpdates(int count, FailPoint point = kBeforeCommit);
  // The next `count` calls other than Update fail.
  void FailReads(int count);
  // While it is down, every call fails and nothing is written.
  void SetDown(bool down);
  void SetHook(Hook hook);
  void SetExclusive(bool exclusive);
  // How many Updates were committed.
  int updates() const;

  // The same as the calls of Store, at once and without failures.
  absl::StatusOr<Rows> UpdateNow(const RowKeys& keys, const Change& change);
  std::optional<Connection> FindConnection(const std::string& name) const;
  std::optional<Authorization> FindAuthorization(const std::string& name) const;
  std::optional<Provider> FindProvider(const std::string& name) const;
  std::vector<Event> events() const;
  std::vector<Authorization> authorizations() const;

  Task<absl::StatusOr<Rows>> Update(RowKeys keys, Change change) override;
  Task<absl::StatusOr<std::optional<Application>>> GetApplication(
      std::string name) override;
  Task<absl::StatusOr<std::optional<Provider>>> GetProvider(
      std::string name) override;
  Task<absl::StatusOr<std::optional<Authorization>>> GetAuthorization(
      std::string name) override;
  Task<absl::StatusOr<std::optional<Connection>>> GetConnection(
      std::string name) override;
  Task<absl::StatusOr<std::optional<ApiKey>>> FindKey(
      std::string digest) override;
  Task<absl::StatusOr<Page<Application>>> ListApplications(std::string after,
                                                           int limit) override;
  Task<absl::StatusOr<Page<ApiKey>>> ListKeys(std::string application,
                                              std::string after,
                                              int limit) override;
  Task<absl::StatusOr<Page<Provider>>> ListProviders(std::string application,
                                                     std::string after,
                                                     int limit) override;
  Task<absl::StatusOr<Page<Connection>>> ListConnections(
      ConnectionFilter filter, std::string after, int limit) override;
  Task<absl::StatusOr<std::vector<DueConnection>>> ClaimDue(
      int limit, absl::Duration claim,
      std::vector<std::string> without) override;
  Task<absl::StatusOr<Backlog>> GetBacklog() override;
  Task<absl::StatusOr<std::vector<ConnectionCount>>> CountConnections()
      override;
  Task<absl::StatusOr<std::vector<ConnectionGroup>>> GroupConnections(
      std::string application, std::string provider) override;
  Task<absl::StatusOr<int>> DeleteExpiredAuthorizations(absl::Time before,
                                                        int limit) override;
  Task<absl::StatusOr<std::vector<Event>>> ReadEvents(
      std::int64_t after, int limit, std::string application) override;
  Task<absl::StatusOr<std::vector<Event>>> ReadEventsBack(EventFilter filter,
                                                          std::int64_t before,
                                                          int limit) override;
  Task<absl::StatusOr<EventRange>> GetEventRange() override;
  Task<absl::StatusOr<std::vector<Event>>> ReadUnpublished(int limit) override;
  Task<absl::Status> MarkPublished(
      std::vector<std::int64_t> sequences) override;
  Task<absl::StatusOr<int>> TrimEvents(absl::Time before, std::int64_t keep,
                                       int limit) override;
  Task<absl::StatusOr<AddedDefinitions>> ListDefinitions() override;
  Task<absl::StatusOr<std::int64_t>> Beat(Replica replica,
                                          absl::Duration keep) override;
  Task<absl::StatusOr<std::vector<Replica>>> ListReplicas() override;
  Task<absl::Status> CheckWritable() override;
  const std::string& id() const override { return id_; }
  bool exclusive() const override;
  void SetCommitListener(
      std::function<void(const std::vector<Event>&)> listener) override;

 private:
  struct KeptEvent {
    Event event;
    bool published = false;
  };

  template <class T>
  static std::optional<T> FindRow(const std::map<std::string, T>& table,
                                  const std::string& name) {
    auto found = table.find(name);
    if (found == table.end()) return std::nullopt;
    return found->second;
  }

  // Yields, calls the hook, and counts down failures.
  Task<absl::Status> Enter(std::string call);
  absl::StatusOr<Rows> Commit(const RowKeys& keys, const Change& change,
                              bool discard);
  absl::Status CheckRelations(const RowKeys& keys, const Rows& before,
                              const Rows& rows) const VK_REQUIRES(mutex_);
  void Write(const RowKeys& keys, const Rows& before, Rows* rows)
      VK_REQUIRES(mutex_);

  const Clock& clock_;
  const std::string id_;
  std::function<void(const std::vector<Event>&)> listener_;

  // Held over a commit and its listener, so that those are in order.
  Mutex commit_mutex_;
  mutable Mutex mutex_;
  std::map<std::string, Application> applications_ VK_GUARDED_BY(mutex_);
  std::map<std::string, ApiKey> keys_ VK_GUARDED_BY(mutex_);
  std::map<std::string, Provider> providers_ VK_GUARDED_BY(mutex_);
  std::map<std::string, Authorization> authorizations_ VK_GUARDED_BY(mutex_);
  std::map<std::string, Connection> connections_ VK_GUARDED_BY(mutex_);
  std::map<std::string, AddedDefinition> definitions_ VK_GUARDED_BY(mutex_);
  std::int64_t definitions_revision_ VK_GUARDED_BY(mutex_) = 0;
  std::map<std::int64_t, KeptEvent> events_ VK_GUARDED_BY(mutex_);
  std::int64_t newest_ VK_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Replica> replicas_ VK_GUARDED_BY(mutex_);
  Hook hook_ VK_GUARDED_BY(mutex_);
  bool exclusive_ VK_GUARDED_BY(mutex_) = true;
  bool down_ VK_GUARDED_BY(mutex_) = false;
  int failing_reads_ VK_GUARDED_BY(mutex_) = 0;
  int failing_updates_ VK_GUARDED_BY(mutex_) = 0;
  FailPoint fail_point_ VK_GUARDED_BY(mutex_) = kBeforeCommit;
  int updates_ VK_GUARDED_BY(mutex_) = 0;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_FAKE_STORE_H_
