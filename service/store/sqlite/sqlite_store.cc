#include "service/store/sqlite/sqlite_store.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/net/sql/sqlite.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"
#include "service/store/sqlite/change.h"
#include "service/store/sqlite/definitions.h"
#include "service/store/sqlite/lock_file.h"
#include "service/store/sqlite/queries.h"
#include "service/store/sqlite/schema.h"
#include "service/store/sqlite/tables.h"
#include "service/store/sqlite/worker.h"

namespace valetkey::store {
namespace {

template <class T>
class FunctionCall final : public SqliteCall {
 public:
  using Function = std::function<absl::StatusOr<T>(sql::Sqlite&)>;

  explicit FunctionCall(Function function) : function_(std::move(function)) {}

  absl::Status Run(sql::Sqlite& db) override {
    VK_ASSIGN_OR_RETURN(result_, function_(db));
    return absl::OkStatus();
  }

  absl::StatusOr<T> TakeResult() {
    if (!status.ok()) return std::move(status);
    return *std::move(result_);
  }

 private:
  const Function function_;
  std::optional<T> result_;
};

class UpdateCall final : public SqliteCall {
 public:
  UpdateCall(RowKeys keys, Change change, const Clock& clock)
      : keys_(std::move(keys)), change_(std::move(change)), clock_(clock) {}

  absl::Status Run(sql::Sqlite& db) override {
    VK_ASSIGN_OR_RETURN(
        rows_, ApplyChange(db, keys_, change_, RoundTime(clock_.Now())));
    return absl::OkStatus();
  }

  const std::vector<Event>* events() const override { return &rows_.events; }

  absl::StatusOr<Rows> TakeResult() {
    if (!status.ok()) return std::move(status);
    return std::move(rows_);
  }

 private:
  const RowKeys keys_;
  const Change change_;
  const Clock& clock_;
  Rows rows_;
};

// So that a write that returns nothing is a FunctionCall too.
struct Nothing {};

class SqliteStoreImpl final : public SqliteStore {
 public:
  SqliteStoreImpl(SqliteStoreOptions options, LockFile lock,
                  std::unique_ptr<sql::Sqlite> db, std::string id)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        id_(std::move(id)),
        writer_([path = options_.path] { return OpenWriter(path); },
                std::move(db), options_.queue_capacity),
        readers_([path = options_.path] { return OpenReader(path); },
                 options_.readers, options_.queue_capacity) {}

  Task<absl::StatusOr<Rows>> Update(RowKeys keys, Change change) override {
    auto call = std::make_shared<UpdateCall>(std::move(keys), std::move(change),
                                             *options_.clock);
    co_return co_await Await(call, writer_, options_.write_timeout);
  }

  Task<absl::StatusOr<std::optional<Application>>> GetApplication(
      std::string name) override {
    return Get<Application>(std::move(name));
  }
  Task<absl::StatusOr<std::optional<Provider>>> GetProvider(
      std::string name) override {
    return Get<Provider>(std::move(name));
  }
  Task<absl::StatusOr<std::optional<Authorization>>> GetAuthorization(
      std::string name) override {
    return Get<Authorization>(std::move(name));
  }
  Task<absl::StatusOr<std::optional<Connection>>> GetConnection(
      std::string name) override {
    return Get<Connection>(std::move(name));
  }
  Task<absl::StatusOr<std::optional<ApiKey>>> FindKey(
      std::string digest) override {
    return Read<std::optional<ApiKey>>(
        [digest](sql::Sqlite& db) { return store::FindKey(db, digest); });
  }

  Task<absl::StatusOr<Page<Application>>> ListApplications(std::string after,
                                                           int limit) override {
    return Read<Page<Application>>([=](sql::Sqlite& db) {
      return store::ListApplications(db, after, ClampLimit(limit));
    });
  }
  Task<absl::StatusOr<Page<ApiKey>>> ListKeys(std::string application,
                                              std::string after,
                                              int limit) override {
    return Read<Page<ApiKey>>([=](sql::Sqlite& db) {
      return ListOfApplication<ApiKey>(db, application, after,
                                       ClampLimit(limit));
    });
  }
  Task<absl::StatusOr<Page<Provider>>> ListProviders(std::string application,
                                                     std::string after,
                                                     int limit) override {
    return Read<Page<Provider>>([=](sql::Sqlite& db) {
      return ListOfApplication<Provider>(db, application, after,
                                         ClampLimit(limit));
    });
  }
  Task<absl::StatusOr<Page<Connection>>> ListConnections(
      ConnectionFilter filter, std::string after, int limit) override {
    return Read<Page<Connection>>([=](sql::Sqlite& db) {
      return store::ListConnections(db, filter, after, ClampLimit(limit));
    });
  }

  Task<absl::StatusOr<std::vector<DueConnection>>> ClaimDue(
      int limit, absl::Duration claim,
      std::vector<std::string> without) override {
    return Write<std::vector<DueConnection>>(
        [=, this, without = std::move(without)](sql::Sqlite& db) {
          const absl::Time now = options_.clock->Now();
          return store::ClaimDue(db, now, now + claim, ClampLimit(limit),
                                 without);
        });
  }
  Task<absl::StatusOr<Backlog>> GetBacklog() override {
    return Read<Backlog>([clock = options_.clock](sql::Sqlite& db) {
      return store::GetBacklog(db, clock->Now());
    });
  }
  Task<absl::StatusOr<std::vector<ConnectionCount>>> CountConnections()
      override {
    return Read<std::vector<ConnectionCount>>(store::CountConnections);
  }
  Task<absl::StatusOr<std::vector<ConnectionGroup>>> GroupConnections(
      std::string application, std::string provider) override {
    return Read<std::vector<ConnectionGroup>>([=](sql::Sqlite& db) {
      return store::GroupConnections(db, application, provider);
    });
  }
  Task<absl::StatusOr<int>> DeleteExpiredAuthorizations(absl::Time before,
                                                        int limit) override {
    return Write<int>([=](sql::Sqlite& db) {
      return store::DeleteExpiredAuthorizations(db, before, ClampLimit(limit));
    });
  }

  Task<absl::StatusOr<std::vector<Event>>> ReadEvents(
      std::int64_t after, int limit, std::string application) override {
    return Read<std::vector<Event>>([=](sql::Sqlite& db) {
      return store::ReadEvents(db, after, ClampLimit(limit), application);
    });
  }
  Task<absl::StatusOr<std::vector<Event>>> ReadEventsBack(EventFilter filter,
                                                          std::int64_t before,
                                                          int limit) override {
    return Read<std::vector<Event>>([=](sql::Sqlite& db) {
      return store::ReadEventsBack(db, filter, before, ClampLimit(limit));
    });
  }
  Task<absl::StatusOr<EventRange>> GetEventRange() override {
    return Read<EventRange>(store::GetEventRange);
  }
  Task<absl::StatusOr<std::vector<Event>>> ReadUnpublished(int limit) override {
    return Read<std::vector<Event>>([limit](sql::Sqlite& db) {
      return store::ReadUnpublished(db, ClampLimit(limit));
    });
  }
  Task<absl::Status> MarkPublished(
      std::vector<std::int64_t> sequences) override {
    auto done = co_await Write<Nothing>(
        [sequences =
             std::move(sequences)](sql::Sqlite& db) -> absl::StatusOr<Nothing> {
          VK_RETURN_IF_ERROR(store::MarkPublished(db, sequences));
          return Nothing();
        });
    co_return done.status();
  }
  Task<absl::StatusOr<int>> TrimEvents(absl::Time before, std::int64_t keep,
                                       int limit) override {
    return Write<int>([=](sql::Sqlite& db) {
      return store::TrimEvents(db, before, keep, ClampLimit(limit));
    });
  }

  Task<absl::StatusOr<AddedDefinitions>> ListDefinitions() override {
    return Read<AddedDefinitions>(store::ListDefinitions);
  }

  Task<absl::StatusOr<std::int64_t>> Beat(Replica replica,
                                          absl::Duration keep) override {
    return Write<std::int64_t>(
        [clock = options_.clock, replica = std::move(replica),
         keep](sql::Sqlite& db) -> absl::StatusOr<std::int64_t> {
          VK_RETURN_IF_ERROR(store::Beat(db, replica, clock->Now(), keep));
          return DefinitionsRevision(db);
        });
  }
  Task<absl::StatusOr<std::vector<Replica>>> ListReplicas() override {
    return Read<std::vector<Replica>>(store::ListReplicas);
  }

  Task<absl::Status> CheckWritable() override {
    auto done = co_await Write<Nothing>(
        [clock = options_.clock](sql::Sqlite& db) -> absl::StatusOr<Nothing> {
          VK_RETURN_IF_ERROR(store::CheckWritable(db, clock->Now()));
          return Nothing();
        });
    co_return done.status();
  }

  const std::string& id() const override { return id_; }
  bool exclusive() const override { return true; }
  std::int64_t commits() const override { return writer_.commits(); }
  void SetCommitListener(
      std::function<void(const std::vector<Event>&)> listener) override {
    writer_.SetListener(std::move(listener));
  }

 private:
  // A call and its pool, from a coroutine of its own so that the arguments
  // live in its frame.
  template <class Call, class Pool>
  auto Await(std::shared_ptr<Call> call, Pool& pool, absl::Duration timeout)
      -> Task<decltype(call->TakeResult())> {
    sql::CallWaiter waiter(call);
    if (!pool.Push(call)) {
      co_return MakeError(
          Reason::kStoreUnavailable,
          absl::StrCat("database ", options_.path, ": too many calls wait"), {},
          absl::Seconds(1));
    }
    if (!co_await waiter.Wait(timeout)) {
      co_return MakeError(Reason::kStoreUnavailable,
                          absl::StrCat("database ", options_.path,
                                       ": the call had to wait longer than ",
                                       absl::FormatDuration(timeout)),
                          {}, absl::Seconds(1));
    }
    co_return call->TakeResult();
  }

  template <class T>
  Task<absl::StatusOr<T>> Read(typename FunctionCall<T>::Function function) {
    return Await(std::make_shared<FunctionCall<T>>(std::move(function)),
                 readers_, options_.read_timeout);
  }

  template <class T>
  Task<absl::StatusOr<T>> Write(typename FunctionCall<T>::Function function) {
    return Await(std::make_shared<FunctionCall<T>>(std::move(function)),
                 writer_, options_.write_timeout);
  }

  template <class T>
  Task<absl::StatusOr<std::optional<T>>> Get(std::string name) {
    return Read<std::optional<T>>([name = std::move(name)](sql::Sqlite& db)
                                      -> absl::StatusOr<std::optional<T>> {
      VK_ASSIGN_OR_RETURN(Loaded<T> loaded, Load<T>(db, name));
      return std::move(loaded.record);
    });
  }

  const SqliteStoreOptions options_;
  // Before the threads: the last connection closes while the lock is held.
  const LockFile lock_;
  const std::string id_;
  SqliteWriter writer_;
  SqliteReaders readers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> NewSqliteStore(
    SqliteStoreOptions options) {
  VK_RETURN_IF_ERROR(MakeDatabaseFile(options.path));
  VK_ASSIGN_OR_RETURN(LockFile lock,
                      LockFile::Acquire(absl::StrCat(options.path, ".lock")));
  VK_ASSIGN_OR_RETURN(auto db, OpenWriter(options.path));
  VK_RETURN_IF_ERROR(CheckAndMigrate(
      *db, options.path, options.max_checked_bytes, *options.random));
  VK_ASSIGN_OR_RETURN(std::string id, ReadStoreId(*db));
  return std::make_unique<SqliteStoreImpl>(std::move(options), std::move(lock),
                                           std::move(db), std::move(id));
}

}  // namespace valetkey::store
