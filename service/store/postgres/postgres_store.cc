#include "service/store/postgres/postgres_store.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "service/base/status.h"
#include "service/net/sql/postgres.h"
#include "service/store/postgres/change.h"
#include "service/store/postgres/definitions.h"
#include "service/store/postgres/queries.h"
#include "service/store/postgres/schema.h"
#include "service/store/postgres/sequencer.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"

namespace valetkey::store {
namespace {

using postgres::Batch;
using sql::PostgresResult;
using sql::PostgresStatement;
using sql::PostgresValue;
using SteadyClock = std::chrono::steady_clock;
using Results = absl::StatusOr<std::vector<PostgresResult>>;

// Between tries of what others keep getting in the way of: at random up to a
// time that doubles, so that they do not meet again.
constexpr absl::Duration kMinPause = absl::Milliseconds(2);
constexpr absl::Duration kMaxPause = absl::Milliseconds(64);

SteadyClock::time_point After(absl::Duration time) {
  return SteadyClock::now() + absl::ToChronoNanoseconds(time);
}

absl::Duration Left(SteadyClock::time_point deadline) {
  return std::max(absl::ZeroDuration(),
                  absl::FromChrono(deadline - SteadyClock::now()));
}

// Runs a task on the calling thread.
template <class T>
T RunHere(Task<T> task) {
  asio::io_context context(1);
  std::optional<T> result;
  asio::co_spawn(context, std::move(task),
                 [&result](std::exception_ptr error, T value) {
                   if (error) std::rethrow_exception(error);
                   result.emplace(std::move(value));
                 });
  context.run();
  return *std::move(result);
}

class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresStoreOptions options,
                std::unique_ptr<sql::PostgresPool> pool,
                PostgresStoreState state)
      : options_(std::move(options)),
        id_(std::move(state.id)),
        pool_(std::move(pool)),
        sequencer_(*pool_, options_.reactors->At(0).executor(),
                   MakeSequencerOptions(), state.newest) {}

  ~PostgresStore() override {
    sequencer_.Close();
    pool_->Close();  // what is under way fails instead of being waited for
  }

  Task<absl::StatusOr<Rows>> Update(RowKeys keys, Change change) override;

  Task<absl::StatusOr<std::optional<Application>>> GetApplication(
      std::string name) override {
    return GetOne<Application>(postgres::GetRow<Application>(name));
  }
  Task<absl::StatusOr<std::optional<Provider>>> GetProvider(
      std::string name) override {
    return GetOne<Provider>(postgres::GetRow<Provider>(name));
  }
  Task<absl::StatusOr<std::optional<Authorization>>> GetAuthorization(
      std::string name) override {
    return GetOne<Authorization>(postgres::GetRow<Authorization>(name));
  }
  Task<absl::StatusOr<std::optional<Connection>>> GetConnection(
      std::string name) override {
    return GetOne<Connection>(postgres::GetRow<Connection>(name));
  }
  Task<absl::StatusOr<std::optional<ApiKey>>> FindKey(
      std::string digest) override {
    return GetOne<ApiKey>(postgres::GetKeyByDigest(digest));
  }

  Task<absl::StatusOr<Page<Application>>> ListApplications(std::string after,
                                                           int limit) override {
    limit = ClampLimit(limit);
    return GetPage<Application>(postgres::SelectApplications(after, limit),
                                limit);
  }
  Task<absl::StatusOr<Page<ApiKey>>> ListKeys(std::string application,
                                              std::string after,
                                              int limit) override {
    limit = ClampLimit(limit);
    return GetPage<ApiKey>(
        postgres::SelectOfApplication<ApiKey>(application, after, limit),
        limit);
  }
  Task<absl::StatusOr<Page<Provider>>> ListProviders(std::string application,
                                                     std::string after,
                                                     int limit) override {
    limit = ClampLimit(limit);
    return GetPage<Provider>(
        postgres::SelectOfApplication<Provider>(application, after, limit),
        limit);
  }
  Task<absl::StatusOr<Page<Connection>>> ListConnections(
      ConnectionFilter filter, std::string after, int limit) override {
    limit = ClampLimit(limit);
    return GetPage<Connection>(
        postgres::SelectConnections(filter, after, limit), limit);
  }

  Task<absl::StatusOr<std::vector<DueConnection>>> ClaimDue(
      int limit, absl::Duration claim,
      std::vector<std::string> without) override {
    return WriteAs<std::vector<DueConnection>>(
        {postgres::TakeDue(Now(), ClampLimit(limit), claim, without)},
        postgres::DueOf);
  }
  Task<absl::StatusOr<Backlog>> GetBacklog() override {
    return ReadAs<Backlog>(postgres::SelectBacklog(Now()), postgres::BacklogOf);
  }
  Task<absl::StatusOr<std::vector<ConnectionCount>>> CountConnections()
      override {
    return ReadAs<std::vector<ConnectionCount>>(postgres::SelectCounts(),
                                                postgres::CountsOf);
  }
  Task<absl::StatusOr<std::vector<ConnectionGroup>>> GroupConnections(
      std::string application, std::string provider) override {
    return ReadAs<std::vector<ConnectionGroup>>(
        postgres::SelectGroups(application, provider), postgres::GroupsOf);
  }
  Task<absl::StatusOr<int>> DeleteExpiredAuthorizations(absl::Time before,
                                                        int limit) override {
    return WriteAs<int>({postgres::DeleteExpired(before, ClampLimit(limit))},
                        Affected);
  }

  Task<absl::StatusOr<std::vector<Event>>> ReadEvents(
      std::int64_t after, int limit, std::string application) override {
    return GetEvents(
        postgres::SelectEvents(after, ClampLimit(limit), application));
  }
  Task<absl::StatusOr<std::vector<Event>>> ReadEventsBack(EventFilter filter,
                                                          std::int64_t before,
                                                          int limit) override {
    return GetEvents(
        postgres::SelectEventsBack(filter, before, ClampLimit(limit)));
  }
  Task<absl::StatusOr<EventRange>> GetEventRange() override {
    return ReadAs<EventRange>(postgres::SelectEventRange(),
                              postgres::EventRangeOf);
  }
  Task<absl::StatusOr<std::vector<Event>>> ReadUnpublished(int limit) override {
    return GetEvents(postgres::SelectUnpublished(ClampLimit(limit)));
  }
  Task<absl::Status> MarkPublished(
      std::vector<std::int64_t> sequences) override {
    return WriteOnly({postgres::Publish(sequences)});
  }
  Task<absl::StatusOr<int>> TrimEvents(absl::Time before, std::int64_t keep,
                                       int limit) override {
    return WriteAs<int>({postgres::Trim(before, keep, ClampLimit(limit))},
                        Affected);
  }

  Task<absl::StatusOr<AddedDefinitions>> ListDefinitions() override {
    Results results = co_await Read(postgres::SelectDefinitions());
    if (!results.ok()) co_return results.status();
    co_return postgres::DefinitionsOf((*results)[0]);
  }
  Task<absl::StatusOr<std::int64_t>> Beat(Replica replica,
                                          absl::Duration keep) override {
    Batch batch = postgres::WriteBeat(Now(), replica, keep);
    batch.push_back(postgres::SelectDefinitionsRevision());
    Results results = co_await Write(std::move(batch));
    if (!results.ok()) co_return results.status();
    co_return results->back().Int(0, 0);
  }
  Task<absl::StatusOr<std::vector<Replica>>> ListReplicas() override {
    return ReadAs<std::vector<Replica>>(postgres::SelectReplicas(),
                                        postgres::ReplicasOf);
  }
  Task<absl::Status> CheckWritable() override {
    return WriteOnly({postgres::WriteCheck()});
  }

  const std::string& id() const override { return id_; }
  bool exclusive() const override { return false; }
  void SetCommitListener(
      std::function<void(const std::vector<Event>&)> listener) override {
    sequencer_.SetListener(std::move(listener));
  }

 private:
  static int Affected(const PostgresResult& result) {
    return static_cast<int>(result.affected());
  }

  postgres::SequencerOptions MakeSequencerOptions() {
    postgres::SequencerOptions made;
    made.timeout = options_.write_timeout;
    made.clock = [this](const PostgresResult& carrier, absl::Time now) {
      TellTime(carrier, now);
    };
    return made;
  }

  void TellTime(const PostgresResult& carrier, absl::Time now) const {
    if (options_.on_time) options_.on_time(carrier.sent, carrier.received, now);
  }

  // The test's clock as a parameter; null for the server's.
  PostgresValue Now() const {
    if (options_.clock == nullptr) return PostgresValue::Int(std::nullopt);
    return PostgresValue::Int(EncodeTime(options_.clock->Now()));
  }

  // Before the next try, the first being 0.
  absl::Duration Pause(int attempt) const {
    const absl::Duration most =
        std::min(kMaxPause, kMinPause * (1 << std::min(attempt, 10)));
    return most * options_.random->Unit();
  }

  Task<Results> Read(PostgresStatement statement) {
    return ReadBefore(After(options_.read_timeout), std::move(statement));
  }

  Task<Results> ReadBefore(SteadyClock::time_point deadline,
                           PostgresStatement statement) {
    Results results = co_await pool_->Run({statement}, Left(deadline));
    // A connection that was lost is not the store: there are others.
    if (!results.ok() && !sql::PostgresErrorOf(results.status()) &&
        Left(deadline) > absl::ZeroDuration()) {
      results = co_await pool_->Run({std::move(statement)}, Left(deadline));
    }
    co_return results;
  }

  // REQUIRES: the batch may be tried again.
  Task<Results> Write(Batch batch) {
    const auto deadline = After(options_.write_timeout);
    for (int attempt = 0;; ++attempt) {
      Results results = co_await pool_->Run(batch, Left(deadline));
      if (results.ok() || !postgres::IsTransient(results.status()) ||
          Left(deadline) == absl::ZeroDuration()) {
        co_return results;
      }
      co_await SleepFor(Pause(attempt));
    }
  }

  template <class T>
  Task<absl::StatusOr<std::optional<T>>> GetOne(PostgresStatement statement) {
    Results results = co_await Read(std::move(statement));
    if (!results.ok()) co_return results.status();
    VK_CO_ASSIGN_OR_RETURN(std::vector<T> rows,
                           postgres::ReadAll<T>((*results)[0]));
    if (rows.empty()) co_return std::nullopt;
    co_return std::move(rows[0]);
  }

  template <class T>
  Task<absl::StatusOr<Page<T>>> GetPage(PostgresStatement statement,
                                        int limit) {
    Results results = co_await Read(std::move(statement));
    if (!results.ok()) co_return results.status();
    co_return postgres::TakePage<T>((*results)[0], limit);
  }

  Task<absl::StatusOr<std::vector<Event>>> GetEvents(
      PostgresStatement statement) {
    Results results = co_await Read(std::move(statement));
    if (!results.ok()) co_return results.status();
    co_return postgres::ReadAll<Event>((*results)[0]);
  }

  template <class T>
  Task<absl::StatusOr<T>> ReadAs(PostgresStatement statement,
                                 T (*take)(const PostgresResult&)) {
    Results results = co_await Read(std::move(statement));
    if (!results.ok()) co_return results.status();
    co_return take((*results)[0]);
  }

  template <class T>
  Task<absl::StatusOr<T>> WriteAs(Batch batch,
                                  T (*take)(const PostgresResult&)) {
    Results results = co_await Write(std::move(batch));
    if (!results.ok()) co_return results.status();
    co_return take((*results)[0]);
  }

  Task<absl::Status> WriteOnly(Batch batch) {
    Results results = co_await Write(std::move(batch));
    co_return results.status();
  }

  // Reads the rows and runs the change.
  Task<absl::StatusOr<Rows>> ReadAndChange(SteadyClock::time_point deadline,
                                           const RowKeys& keys,
                                           const Change& change,
                                           postgres::Before* before);
  // Sets the events' numbers, as far as they are there in time.
  Task<void> Number(const std::vector<PostgresResult>& results, int first,
                    std::vector<Event>* events);

  const PostgresStoreOptions options_;
  const std::string id_;
  const std::unique_ptr<sql::PostgresPool> pool_;
  postgres::Sequencer sequencer_;
};

Task<absl::StatusOr<Rows>> PostgresStore::ReadAndChange(
    SteadyClock::time_point deadline, const RowKeys& keys, const Change& change,
    postgres::Before* before) {
  Results read = co_await ReadBefore(deadline, postgres::ReadRows(keys));
  if (!read.ok()) co_return read.status();
  VK_CO_ASSIGN_OR_RETURN(*before, postgres::TakeRows(keys, (*read)[0]));
  TellTime((*read)[0], before->now);
  const absl::Time now = RoundTime(
      options_.clock != nullptr ? options_.clock->Now() : before->now);
  Rows rows;
  rows.now = now;
  rows.application = before->application.record;
  rows.key = before->key.record;
  rows.provider = before->provider.record;
  rows.authorization = before->authorization.record;
  rows.connection = before->connection.record;
  rows.definition = before->definition.record;
  VK_CO_RETURN_IF_ERROR(change(rows));
  rows.now = now;
  VK_CO_RETURN_IF_ERROR(CheckChanged(keys, rows));
  RoundTimes(&rows);
  co_return rows;
}

Task<void> PostgresStore::Number(const std::vector<PostgresResult>& results,
                                 int first, std::vector<Event>* events) {
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < events->size(); ++i) {
    ids.push_back(results[static_cast<std::size_t>(first) + i].Int(0, 0));
  }
  const std::vector<std::int64_t> numbers =
      co_await sequencer_.NumbersOf(std::move(ids), options_.number_timeout);
  for (std::size_t i = 0; i < events->size(); ++i) {
    (*events)[i].sequence = numbers[i];
  }
}

Task<absl::StatusOr<Rows>> PostgresStore::Update(RowKeys keys, Change change) {
  const auto deadline = After(options_.write_timeout);
  for (int attempt = 0;; ++attempt) {
    postgres::Before before;
    auto changed = co_await ReadAndChange(deadline, keys, change, &before);
    if (!changed.ok()) co_return changed.status();
    Rows rows = *std::move(changed);
    postgres::Write write = postgres::WriteRows(keys, before, &rows);
    if (write.batch.empty()) co_return rows;
    Results done = co_await pool_->Run(std::move(write.batch), Left(deadline));
    if (done.ok()) {
      if (!rows.events.empty()) {
        co_await Number(*done, write.first_event, &rows.events);
      }
      co_return rows;
    }
    bool again = false;
    absl::Status status =
        postgres::ExplainWrite(write.steps, done.status(), &again);
    if (!again) co_return status;
    if (Left(deadline) == absl::ZeroDuration()) {
      co_return sql::DatabaseError(
          pool_->endpoint(), "others have always written these rows first");
    }
    co_await SleepFor(Pause(attempt));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> NewPostgresStore(
    PostgresStoreOptions options) {
  sql::PostgresOptions connection = options.connection;
  VK_ASSIGN_OR_RETURN(connection.url, sql::ParsePostgresUrl(options.url));
  connection.random = options.random;
  PostgresStoreState state;
  {
    // With limits of its own: a migration may take long.
    sql::PostgresOptions patient = connection;
    patient.connections = 1;
    patient.statement_timeout = options.open_timeout;
    patient.stall_timeout = 2 * options.open_timeout;
    sql::PostgresPool pool(*options.reactors, std::move(patient));
    VK_ASSIGN_OR_RETURN(state, RunHere(PreparePostgres(pool, *options.random,
                                                       options.open_timeout)));
  }
  connection.connections = options.connections;
  // Every statement here has an index. Plans made while a table was empty are
  // kept, and would read all of it when it is not.
  connection.settings.emplace_back("enable_seqscan", "off");
  auto pool = std::make_unique<sql::PostgresPool>(*options.reactors,
                                                  std::move(connection));
  VK_RETURN_IF_ERROR(RunHere(pool->WaitUntilConnected(options.open_timeout)));
  return std::make_unique<PostgresStore>(std::move(options), std::move(pool),
                                         std::move(state));
}

}  // namespace valetkey::store
