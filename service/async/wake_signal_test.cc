#include "service/async/wake_signal.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace valetkey {
namespace {

Task<void> WaitInto(std::shared_ptr<WakeSignal> signal, absl::Duration timeout,
                    bool* result) {
  *result = co_await WakeSignal::Wait(signal, timeout);
}

// Waits on a loop of its own.
bool WaitHere(std::shared_ptr<WakeSignal> signal, absl::Duration timeout) {
  asio::io_context context(1);
  bool result = false;
  asio::co_spawn(context, WaitInto(std::move(signal), timeout, &result),
                 [](std::exception_ptr) {});
  context.run();
  return result;
}

Task<void> WaitTwice(std::shared_ptr<WakeSignal> signal,
                     std::vector<bool>* results) {
  co_await asio::this_coro::throw_if_cancelled(false);
  results->push_back(
      co_await WakeSignal::Wait(signal, absl::InfiniteDuration()));
  results->push_back(
      co_await WakeSignal::WaitUncancelled(signal, absl::InfiniteDuration()));
}

TEST(WakeSignal, RemembersOneSignal) {
  auto signal = std::make_shared<WakeSignal>();
  signal->Notify();
  signal->Notify();
  EXPECT_TRUE(WaitHere(signal, absl::InfiniteDuration()));
  EXPECT_FALSE(WaitHere(signal, absl::Milliseconds(1)));
}

TEST(WakeSignal, WakesFromAnotherThread) {
  auto signal = std::make_shared<WakeSignal>();
  for (int i = 0; i < 100; ++i) {
    std::thread thread([&] { signal->Notify(); });
    EXPECT_TRUE(WaitHere(signal, absl::InfiniteDuration()));
    thread.join();
  }
}

TEST(WakeSignal, CancellingEndsTheWaitThatAllowsIt) {
  asio::io_context context(1);
  auto signal = std::make_shared<WakeSignal>();
  std::vector<bool> results;
  asio::cancellation_signal cancellation;
  asio::co_spawn(context, WaitTwice(signal, &results),
                 asio::bind_cancellation_slot(cancellation.slot(),
                                              [](std::exception_ptr) {}));
  for (int i = 0; i < 3; ++i) {
    context.restart();
    context.poll();
    cancellation.emit(asio::cancellation_type::terminal);
  }
  EXPECT_EQ(results, std::vector<bool>{false});
  signal->Notify();
  context.restart();
  context.run();
  EXPECT_EQ(results, (std::vector<bool>{false, true}));
}

TEST(WakeSignal, TheLoopMayGoWhileItIsNotified) {
  auto signal = std::make_shared<WakeSignal>();
  for (int i = 0; i < 200; ++i) {
    auto context = std::make_unique<asio::io_context>(1);
    asio::co_spawn(*context, WakeSignal::Wait(signal, absl::InfiniteDuration()),
                   [](std::exception_ptr, bool) {});
    context->poll();
    std::thread thread([&] { signal->Notify(); });
    context.reset();
    thread.join();
    // Used up by the next, whether or not that one was waiting.
    EXPECT_TRUE(WaitHere(signal, absl::InfiniteDuration()));
  }
}

}  // namespace
}  // namespace valetkey
