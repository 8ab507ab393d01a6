#include "service/net/sql/blocking_call.h"

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace valetkey::sql {
namespace {

Task<void> WaitInto(std::shared_ptr<BlockingCall> call, absl::Duration timeout,
                    std::optional<bool>* result) {
  co_await asio::this_coro::throw_if_cancelled(false);
  CallWaiter waiter(call);
  *result = co_await waiter.Wait(timeout);
}

void Start(asio::io_context& context, Task<void> task) {
  asio::co_spawn(context, std::move(task), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
}

TEST(BlockingCall, WakesTheWaiterFromAnotherThread) {
  asio::io_context context(1);
  auto call = std::make_shared<BlockingCall>();
  std::optional<bool> result;
  int value = 0;  // written by the thread, read by the coroutine's
  Start(context, WaitInto(call, absl::InfiniteDuration(), &result));
  std::thread thread([&] {
    ASSERT_TRUE(call->Begin());
    value = 7;
    call->End();
  });
  context.run();
  EXPECT_EQ(result, true);
  EXPECT_EQ(value, 7);
  thread.join();
}

TEST(BlockingCall, MayEndBeforeItIsWaitedFor) {
  asio::io_context context(1);
  auto call = std::make_shared<BlockingCall>();
  ASSERT_TRUE(call->Begin());
  call->End();
  std::optional<bool> result;
  Start(context, WaitInto(call, absl::InfiniteDuration(), &result));
  context.run();
  EXPECT_EQ(result, true);
}

TEST(BlockingCall, IsWithdrawnWhenTheTimeIsOver) {
  asio::io_context context(1);
  auto call = std::make_shared<BlockingCall>();
  std::optional<bool> result;
  Start(context, WaitInto(call, absl::Milliseconds(1), &result));
  context.run();
  EXPECT_EQ(result, false);
  EXPECT_FALSE(call->Begin());
}

TEST(BlockingCall, IsWaitedForOnceItRuns) {
  asio::io_context context(1);
  auto call = std::make_shared<BlockingCall>();
  ASSERT_TRUE(call->Begin());
  std::optional<bool> result;
  Start(context, WaitInto(call, absl::ZeroDuration(), &result));
  context.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(result, std::nullopt);
  call->End();
  context.restart();
  context.run();
  EXPECT_EQ(result, true);
}

TEST(BlockingCall, CancellingTheWaiterChangesNothing) {
  asio::io_context context(1);
  auto call = std::make_shared<BlockingCall>();
  std::optional<bool> result;
  asio::cancellation_signal signal;
  asio::co_spawn(
      context, WaitInto(call, absl::InfiniteDuration(), &result),
      asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.restart();
  context.poll();
  EXPECT_EQ(result, std::nullopt);
  ASSERT_TRUE(call->Begin());
  call->End();
  context.restart();
  context.run();
  EXPECT_EQ(result, true);
}

TEST(BlockingCall, IsNotBegunForADestroyedCoroutine) {
  auto call = std::make_shared<BlockingCall>();
  std::optional<bool> result;
  {
    asio::io_context context(1);
    Start(context, WaitInto(call, absl::InfiniteDuration(), &result));
    context.poll();
  }
  EXPECT_EQ(result, std::nullopt);
  EXPECT_FALSE(call->Begin());
}

TEST(BlockingCall, ADestroyedCoroutineWaitsForItsWork) {
  auto call = std::make_shared<BlockingCall>();
  std::optional<bool> result;
  auto context = std::make_unique<asio::io_context>(1);
  Start(*context, WaitInto(call, absl::InfiniteDuration(), &result));
  context->poll();
  ASSERT_TRUE(call->Begin());
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ended = true;
    call->End();
  });
  context.reset();
  EXPECT_TRUE(ended);
  thread.join();
}

// Destroys loops at any instant while threads begin and end calls.
TEST(BlockingCall, LoopsMayGoAtAnyTime) {
  for (int round = 0; round < 200; ++round) {
    std::vector<std::shared_ptr<BlockingCall>> calls;
    for (int i = 0; i < 8; ++i) {
      calls.push_back(std::make_shared<BlockingCall>());
    }
    std::vector<std::optional<bool>> results(calls.size());
    auto context = std::make_unique<asio::io_context>(1);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      Start(*context,
            WaitInto(calls[i], absl::InfiniteDuration(), &results[i]));
    }
    context->poll();
    std::thread thread([&] {
      for (auto& call : calls) {
        if (call->Begin()) call->End();
      }
    });
    context->restart();
    for (int i = 0; i < round % 10; ++i) context->poll_one();
    context.reset();
    thread.join();
  }
}

}  // namespace
}  // namespace valetkey::sql
