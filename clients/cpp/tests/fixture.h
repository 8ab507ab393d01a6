// A fake server, and a client of it whose time stands still until a test moves
// it.

#ifndef VALETKEY_CLIENT_TESTS_FIXTURE_H_
#define VALETKEY_CLIENT_TESTS_FIXTURE_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "src/mutex.h"
#include "src/new_client.h"
#include "tests/manual_scheduler.h"
#include "valetkey/client.h"
#include "valetkey/testing/fake_valetkey.h"

namespace valetkey::client {

constexpr std::chrono::seconds kPatience(10);

// What a callback will bring.
template <typename T>
class Pending {
 public:
  // To be given to the call; at most one.
  Callback<T> Done() {
    return [state = state_](absl::StatusOr<T> result) {
      const internal::MutexLock lock(state->mutex);
      state->result = std::move(result);
      state->changed.SignalAll();
    };
  }
  bool IsDone() const {
    const internal::MutexLock lock(state_->mutex);
    return state_->result.has_value();
  }
  // The result; DATA_LOSS if it does not come.
  absl::StatusOr<T> Await() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const internal::MutexLock lock(state_->mutex);
    while (!state_->result.has_value()) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return absl::DataLossError("waited in vain");
      }
      state_->changed.WaitUntil(state_->mutex, deadline);
    }
    return *state_->result;
  }

 private:
  struct State {
    internal::Mutex mutex;
    internal::CondVar changed;
    std::optional<absl::StatusOr<T>> result ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// True once the condition is, which is looked at again and again.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class FakeTest : public testing::Test {
 protected:
  explicit FakeTest(FakeOptions options = {})
      : fake_(WithTime(std::move(options))), client_(NewClient()) {}

  // A client on the test's time.
  Client NewClient() { return NewClient(fake_.client_options()); }
  Client NewClient(const ClientOptions& options) {
    auto client = internal::NewClient(
        options, [](const char*) { return std::nullopt; }, scheduler_);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  TokenSource NewSource(absl::string_view name = "c-7",
                        TokenSourceOptions options = {}) {
    auto source = client_.NewTokenSource(name, std::move(options));
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  static Pending<Token> Read(const TokenSource& source,
                             const CallOptions& options = {}) {
    Pending<Token> pending;
    source.Get(options, pending.Done());
    return pending;
  }
  // The access token that a reader gets, or the error.
  static std::string ReadText(const TokenSource& source) {
    const absl::StatusOr<Token> token = source.Get();
    return token.ok() ? token->access_token() : token.status().ToString();
  }
  static bool EventuallyReads(const TokenSource& source,
                              const std::string& text) {
    return Eventually([&] { return ReadText(source) == text; });
  }
  // A failure without a word of the server's, as of one that is not reached.
  static FakeFailure Unreached() {
    FakeFailure failure;
    failure.code = absl::StatusCode::kUnavailable;
    return failure;
  }
  static FakeFailure Failure(absl::StatusCode code) {
    FakeFailure failure;
    failure.code = code;
    return failure;
  }

  static FakeTokenOptions Lives(absl::Duration expires_in) {
    FakeTokenOptions options;
    options.expires_in = expires_in;
    return options;
  }
  static CallOptions Within(absl::Duration timeout) {
    CallOptions options;
    options.timeout = timeout;
    return options;
  }
  // So that only the timer and readers ask.
  void WithoutWatch() { fake_.Fail("WatchEvents", v1::RIGHT_MISSING, 100); }

  FakeOptions WithTime(FakeOptions options) {
    options.now = [scheduler = scheduler_] { return scheduler->Now(); };
    return options;
  }

  const std::shared_ptr<internal::ManualScheduler> scheduler_ =
      std::make_shared<internal::ManualScheduler>();
  FakeValetKey fake_;
  Client client_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_CLIENT_TESTS_FIXTURE_H_
