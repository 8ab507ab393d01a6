// The state of a token source.
//
// At most one fetch is under way ("flight"), whoever wants its result. Readers
// wait for it, each until its own deadline. Its phases:
//
//   idle -> opening (the application's watch is being opened; only the first
//   time) -> calling (GetToken) -> idle
//                               -> waiting (after UNAVAILABLE) -> calling ...
//
// It goes on as long as a reader waits for it, or the background wants it.

#ifndef VALETKEY_CLIENT_SRC_SOURCE_H_
#define VALETKEY_CLIENT_SRC_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/backoff.h"
#include "src/core.h"
#include "src/mutex.h"
#include "src/retrying_call.h"
#include "src/snapshot.h"
#include "valetkey/call_options.h"
#include "valetkey/token.h"
#include "valetkey/token_source.h"
#include "valetkey/v1/event_service.pb.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client::internal {

class WatchHub;

// Thread-safe. Its lock goes before the hub's, the call's and the core's.
class Source final : public Closable,
                     public std::enable_shared_from_this<Source> {
 public:
  // Closed from the start if the client is.
  static std::shared_ptr<Source> Create(std::shared_ptr<Core> core,
                                        std::string name,
                                        TokenSourceOptions options);

  const std::string& name() const { return name_; }
  // The held token if a reader may have it; takes no lock.
  std::shared_ptr<const TokenData> Peek() const;
  void Get(const CallOptions& options, Callback<Token> done);
  void Invalidate(std::int64_t generation);
  void Close() override;

  // Of the application's watch.
  void OnWatchReady();
  // It begins now, without a cursor: what was before it is not told.
  void OnWatchBegan();
  void OnEvent(const v1::Event& event);

 private:
  enum class Phase { kIdle, kOpening, kCalling, kWaiting };
  struct Reader {
    std::uint64_t id = 0;
    absl::Duration deadline;  // of Elapsed()
    Scheduler::TimerId timer = 0;
    std::optional<Cancellation> cancellation;
    std::uint64_t registration = 0;
    Callback<Token> done;
  };
  // Done without the lock, after it.
  using Actions = std::vector<absl::AnyInvocable<void()>>;

  Source(std::shared_ptr<Core> core, std::string name,
         TokenSourceOptions options);

  absl::Duration Elapsed() const { return core_->scheduler().Elapsed(); }

  // Readers.
  void AddReader(Reader reader, absl::Duration timeout, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndReader(std::uint64_t id, bool cancelled);
  void Answer(Reader reader, absl::StatusOr<Token> result, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnswerAll(const absl::StatusOr<Token>& result, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status DeadlineError() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The flight.
  void JoinFlight() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FetchInBackground() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CallNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Call() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndFlight() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnCallTimer(std::uint64_t flight);
  void OnAnswer(std::uint64_t flight, const absl::Status& status,
                const v1::GetTokenResponse& response);
  void OnToken(std::shared_ptr<const TokenData> token, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnUnavailable(absl::Status status, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnError(const absl::Status& status, Actions& actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // What is held.
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(std::int64_t generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetRefreshTimer(bool again) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRefreshTimer();

  const std::shared_ptr<Core> core_;
  const std::string name_;
  const TokenSourceOptions options_;
  Snapshot<TokenData> snapshot_;  // held_, unless it was refused

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<WatchHub> hub_
      ABSL_GUARDED_BY(mutex_);  // from the first read

  std::shared_ptr<const TokenData> held_ ABSL_GUARDED_BY(mutex_);
  // Nothing older is accepted.
  std::int64_t lowest_ ABSL_GUARDED_BY(mutex_) = 0;
  // The generation that the provider refused, while it is the held one.
  std::int64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
  // The generation that an event told of, until it is held.
  std::int64_t wanted_ ABSL_GUARDED_BY(mutex_) = 0;
  // Events of the connection, and those of them that dropped the token: an
  // answer to a question from before them may be out of date.
  std::uint64_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t drops_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status remembered_ ABSL_GUARDED_BY(mutex_);
  absl::Duration remembered_until_ ABSL_GUARDED_BY(mutex_);
  Scheduler::TimerId refresh_timer_ ABSL_GUARDED_BY(mutex_) = 0;

  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kIdle;
  // The background wants the result, whether a reader waits or not.
  bool background_ ABSL_GUARDED_BY(mutex_) = false;
  // The background wants another after this one.
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t flight_ ABSL_GUARDED_BY(mutex_) = 0;  // the call's number
  // As it was when the call under way was made.
  struct Asked {
    std::uint64_t events = 0;
    std::uint64_t drops = 0;
    std::int64_t rejected = 0;
    std::int64_t wanted = 0;
  } asked_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<RetryingCall> call_ ABSL_GUARDED_BY(mutex_);
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  absl::Status unavailable_ ABSL_GUARDED_BY(mutex_);  // of this flight, or OK
  absl::Duration next_call_ ABSL_GUARDED_BY(mutex_);
  Scheduler::TimerId call_timer_ ABSL_GUARDED_BY(mutex_) = 0;

  std::list<Reader> readers_ ABSL_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> last_reader_{0};
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_SOURCE_H_
