#include "service/net/sql/postgres_connection.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/async/promise.h"
#include "service/net/sql/postgres_connect.h"
#include "service/net/sql/postgres_error.h"

namespace valetkey::sql {
namespace {

// A connection that ends sooner does not count as recovery: the next pause is
// longer.
constexpr absl::Duration kSteady = absl::Seconds(1);

// Sets what the server is to hold the connection to.
PostgresStatement Settings(const PostgresOptions& options) {
  auto milliseconds = [](absl::Duration time) {
    return absl::StrCat(
        std::max<std::int64_t>(1, absl::ToInt64Milliseconds(time)));
  };
  std::vector<std::pair<std::string, std::string>> settings = {
      {"statement_timeout", milliseconds(options.statement_timeout)},
      {"lock_timeout", milliseconds(options.lock_timeout)},
      {"idle_in_transaction_session_timeout",
       milliseconds(options.idle_in_transaction_timeout)},
      // What the atomicity of a batch is to mean, whatever the role's default.
      {"default_transaction_isolation", "read committed"},
  };
  settings.insert(settings.end(), options.settings.begin(),
                  options.settings.end());
  PostgresStatement statement;
  statement.prepared = false;
  statement.text = "SELECT ";
  for (const auto& [name, value] : settings) {
    const std::size_t next = statement.values.size() + 1;
    absl::StrAppend(&statement.text, next == 1 ? "" : ", ", "set_config($",
                    next, ", $", next + 1, ", false)");
    statement.values.push_back(PostgresValue::Text(name));
    statement.values.push_back(PostgresValue::Text(value));
  }
  // What is committed is to last; stronger settings stay.
  statement.text +=
      ", CASE current_setting('synchronous_commit') WHEN 'off' THEN "
      "set_config('synchronous_commit', 'on', false) END";
  return statement;
}

}  // namespace

bool PostgresCall::Begin() {
  MutexLock lock(mutex_);
  if (state_ != State::kQueued) return false;
  state_ = State::kSent;
  return true;
}

void PostgresCall::End(std::optional<PostgresLink::Results> results) {
  {
    MutexLock lock(mutex_);
    if (state_ == State::kWithdrawn) return;
    state_ = results ? State::kDone : State::kNotSent;
    results_ = std::move(results);
  }
  signal_->Notify();
}

PostgresCall::Outcome PostgresCall::outcome() {
  MutexLock lock(mutex_);
  if (state_ == State::kDone) return Outcome::kDone;
  return state_ == State::kNotSent ? Outcome::kNotSent : Outcome::kOpen;
}

PostgresLink::Results PostgresCall::TakeResults() {
  MutexLock lock(mutex_);
  return *std::move(results_);
}

bool PostgresCall::Withdraw() {
  MutexLock lock(mutex_);
  if (state_ != State::kQueued) return false;
  state_ = State::kWithdrawn;
  return true;
}

struct PostgresConnection::State
    : std::enable_shared_from_this<PostgresConnection::State> {
  State(asio::any_io_executor e, const PostgresOptions& o,
        std::function<void()> c)
      : executor(e), options(o), changed(std::move(c)) {}

  const asio::any_io_executor executor;
  const PostgresOptions& options;
  const std::function<void()> changed;
  std::atomic<bool> healthy{false};
  std::atomic<bool> closed{false};
  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::int64_t> connects{0};
  mutable Mutex mutex;
  absl::Status trouble VK_GUARDED_BY(mutex);
  // The executor's; only while connected.
  std::shared_ptr<PostgresLink> link;

  void SetTrouble(absl::Status status) {
    MutexLock lock(mutex);
    trouble = std::move(status);
  }
  void Begin(std::shared_ptr<PostgresCall> call);
  // Makes a new link fit for use.
  Task<absl::Status> SetUp(std::shared_ptr<PostgresLink> made);
  // Connects once; the reason why that failed or ended.
  Task<absl::Status> Serve();
  static Task<void> Run(std::shared_ptr<State> self);
};

void PostgresConnection::State::Begin(std::shared_ptr<PostgresCall> call) {
  if (link != nullptr && link->lost()->is_set()) healthy = false;
  if (link == nullptr || !healthy) {
    --in_flight;
    return call->End(std::nullopt);
  }
  if (!call->Begin()) {
    --in_flight;
    return;
  }
  link->Send(call->batch(),
             [self = shared_from_this(), call](PostgresLink::Results results) {
               --self->in_flight;
               call->End(std::move(results));
             });
}

Task<absl::Status> PostgresConnection::State::SetUp(
    std::shared_ptr<PostgresLink> made) {
  made->Start();
  auto ready = std::make_shared<Promise<absl::Status>>(executor);
  made->Send({Settings(options)}, [ready](PostgresLink::Results results) {
    ready->Set(results.status());
  });
  if (!co_await WaitFor(ready, options.connect_timeout)) {
    co_return DatabaseError(options.url.Endpoint(),
                            "no answer after the connection was made");
  }
  co_return ready->value();
}

Task<absl::Status> PostgresConnection::State::Serve() {
  auto handle = co_await ConnectPostgres(options);
  if (!handle.ok()) co_return handle.status();
  auto made =
      std::make_shared<PostgresLink>(executor, *std::move(handle), options);
  absl::Status status = co_await SetUp(made);
  if (closed) status = DatabaseError(options.url.Endpoint(), "closed");
  if (!status.ok()) {
    made->Fail(status);
    co_return status;
  }
  link = made;
  SetTrouble(absl::OkStatus());
  ++connects;
  healthy = true;
  changed();
  while (!made->lost()->is_set()) {
    if (!co_await WaitFor(made->lost(), absl::InfiniteDuration()) && closed) {
      made->Fail(DatabaseError(options.url.Endpoint(), "closed"));
    }
  }
  healthy = false;
  link = nullptr;
  co_return made->lost()->value();
}

Task<void> PostgresConnection::State::Run(std::shared_ptr<State> self) {
  const PostgresOptions& options = self->options;
  absl::Duration pause = options.min_backoff;
  while (!self->closed) {
    const std::int64_t connects_before = self->connects;
    const absl::Time start = absl::Now();
    absl::Status status = co_await self->Serve();
    if (self->closed) break;
    const bool was_connected = self->connects != connects_before;
    if (was_connected && absl::Now() - start > kSteady) {
      pause = options.min_backoff;
    }
    self->SetTrouble(std::move(status));
    self->changed();
    co_await SleepFor(pause * (0.5 + 0.5 * options.random->Unit()));
    pause = std::min(pause * 2, options.max_backoff);
  }
}

PostgresConnection::PostgresConnection(asio::any_io_executor executor,
                                       const PostgresOptions& options,
                                       std::function<void()> changed)
    : state_(std::make_shared<State>(executor, options, std::move(changed))) {}

PostgresConnection::~PostgresConnection() { Join(); }

void PostgresConnection::Open() {
  scope_.Spawn(state_->executor, "database connection", State::Run(state_));
}

void PostgresConnection::Join() {
  Close();
  scope_.Close();
  // Looking up a host cannot be interrupted: that may take a while.
  scope_.Join(absl::Minutes(1));
}

void PostgresConnection::Start(std::shared_ptr<PostgresCall> call) {
  ++state_->in_flight;
  asio::dispatch(state_->executor, [state = state_, call = std::move(call)] {
    state->Begin(call);
  });
}

bool PostgresConnection::healthy() const { return state_->healthy; }
std::size_t PostgresConnection::in_flight() const { return state_->in_flight; }
std::int64_t PostgresConnection::connects() const { return state_->connects; }

absl::Status PostgresConnection::trouble() const {
  MutexLock lock(state_->mutex);
  return CopyError(state_->trouble);
}

void PostgresConnection::Close() {
  state_->closed = true;
  asio::dispatch(state_->executor, [state = state_] {
    state->healthy = false;
    if (state->link != nullptr) {
      state->link->Fail(DatabaseError(state->options.url.Endpoint(), "closed"));
    }
  });
}

}  // namespace valetkey::sql
