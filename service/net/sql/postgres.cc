#include "service/net/sql/postgres.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/log.h"

namespace valetkey::sql {
namespace {

absl::Duration Left(std::chrono::steady_clock::time_point deadline) {
  return std::max(
      absl::ZeroDuration(),
      absl::FromChrono(deadline - std::chrono::steady_clock::now()));
}

}  // namespace

PostgresPool::PostgresPool(ReactorPool& reactors, PostgresOptions options)
    : reactors_(reactors), options_(std::move(options)) {
  for (int i = 0; i < std::max(1, options_.connections); ++i) {
    connections_.push_back(std::make_unique<PostgresConnection>(
        reactors_.At(i % reactors_.size()).executor(), options_,
        [this] { OnChange(); }));
  }
  // Only now, for each of them looks at all.
  for (auto& connection : connections_) connection->Open();
}

PostgresPool::~PostgresPool() {
  Close();
  for (auto& connection : connections_) connection->Join();
}

void PostgresPool::Close() {
  for (auto& connection : connections_) connection->Close();
}

PostgresConnection* PostgresPool::Choose() {
  const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
  PostgresConnection* best = nullptr;
  std::size_t least = 0;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    PostgresConnection& candidate =
        *connections_[(first + i) % connections_.size()];
    if (!candidate.healthy()) continue;
    const std::size_t load = candidate.in_flight();
    if (best == nullptr || load < least) {
      best = &candidate;
      least = load;
    }
  }
  return best;
}

void PostgresPool::OnChange() {
  std::vector<std::shared_ptr<WakeSignal>> waiting;
  {
    MutexLock lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& signal : waiting) signal->Notify();
  LogChange();
}

void PostgresPool::LogChange() {
  const bool up = connected() > 0;
  const absl::Status trouble = Trouble();
  MutexLock lock(mutex_);
  const bool was_up = std::exchange(up_, up);
  if (up) {
    if (was_up) return;
    logged_.clear();
    Log(LogLevel::kInfo, "database connected", {{"endpoint", endpoint()}});
  } else if (was_up || logged_ != trouble.message()) {
    // One line for each new reason, not for each try.
    logged_ = std::string(trouble.message());
    Log(LogLevel::kWarning, "database not reachable",
        {{"endpoint", endpoint()}, {"error", trouble}});
  }
}

Task<bool> PostgresPool::WaitForChange(absl::Duration timeout) {
  auto signal = std::make_shared<WakeSignal>();
  {
    MutexLock lock(mutex_);
    if (waiting_.size() >= options_.max_in_flight) co_return false;
    waiting_.push_back(signal);
  }
  // It may have come up in between.
  if (connected() > 0) co_return true;
  co_await WakeSignal::WaitUncancelled(signal, timeout);
  co_return true;
}

absl::Status PostgresPool::Trouble() const {
  for (const auto& connection : connections_) {
    absl::Status trouble = connection->trouble();
    if (!trouble.ok()) return trouble;
  }
  return DatabaseError(endpoint(), "not connected");
}

Task<absl::Status> PostgresPool::WaitUntilConnected(absl::Duration timeout) {
  const auto deadline = Clock::now() + absl::ToChronoNanoseconds(timeout);
  while (connected() == 0) {
    if (Left(deadline) == absl::ZeroDuration()) co_return Trouble();
    if (!co_await WaitForChange(Left(deadline))) {
      co_return DatabaseError(endpoint(), "too many calls wait");
    }
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<PostgresResult>>> PostgresPool::Run(
    std::vector<PostgresStatement> batch, absl::Duration timeout) {
  const auto deadline = Clock::now() + absl::ToChronoNanoseconds(timeout);
  const auto wait_until =
      std::min(deadline,
               Clock::now() + absl::ToChronoNanoseconds(options_.connect_wait));
  for (;;) {
    PostgresConnection* connection = Choose();
    if (connection == nullptr) {
      if (Left(wait_until) == absl::ZeroDuration()) co_return Trouble();
      if (!co_await WaitForChange(Left(wait_until))) {
        co_return DatabaseError(endpoint(), "too many calls wait");
      }
      continue;
    }
    if (connection->in_flight() >= options_.max_in_flight) {
      co_return DatabaseError(endpoint(), "too many calls wait");
    }
    auto call = std::make_shared<PostgresCall>(std::move(batch));
    connection->Start(call);
    while (call->outcome() == PostgresCall::Outcome::kOpen &&
           Left(deadline) > absl::ZeroDuration()) {
      co_await WakeSignal::WaitUncancelled(call->signal(), Left(deadline));
    }
    if (call->outcome() == PostgresCall::Outcome::kDone) {
      co_return call->TakeResults();
    }
    const bool unsent = call->outcome() == PostgresCall::Outcome::kNotSent;
    if (unsent && Left(wait_until) > absl::ZeroDuration()) {
      batch = call->batch();
      continue;
    }
    const std::string time = absl::FormatDuration(timeout);
    if (unsent || call->Withdraw()) {
      co_return DatabaseError(endpoint(),
                              absl::StrCat("could not be asked within ", time));
    }
    if (call->outcome() == PostgresCall::Outcome::kDone) {
      co_return call->TakeResults();
    }
    co_return DatabaseError(endpoint(),
                            absl::StrCat("no answer within ", time,
                                         ": it may have been done or not"));
  }
}

int PostgresPool::connected() const {
  return static_cast<int>(
      std::count_if(connections_.begin(), connections_.end(),
                    [](const auto& it) { return it->healthy(); }));
}

std::int64_t PostgresPool::connects() const {
  std::int64_t sum = 0;
  for (const auto& connection : connections_) sum += connection->connects();
  return sum;
}

}  // namespace valetkey::sql
