#include "service/events/follower.h"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/base/mutex.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::events {
namespace {

using Steady = std::chrono::steady_clock;
using ::testing::ElementsAre;

class FollowerTest : public testing::Test {
 protected:
  FollowerTest() { options_.interval = absl::Milliseconds(5); }
  ~FollowerTest() override {
    scope_.Close();
    EXPECT_TRUE(scope_.Join(absl::Seconds(30)));
  }

  void Start() {
    FollowerListener listener;
    listener.on_events = [this](const std::vector<store::Event>& events) {
      MutexLock lock(mutex_);
      for (const store::Event& event : events) heard_.push_back(event.sequence);
    };
    listener.on_caught_up = [this](Steady::time_point time) {
      MutexLock lock(mutex_);
      caught_up_ = time;
    };
    listener.on_missed = [this] {
      MutexLock lock(mutex_);
      ++missed_;
    };
    follower_ = std::make_unique<Follower>(store_, listener, options_);
    ASSERT_TRUE(scope_.Spawn(reactor_.executor(), "follow", follower_->Run()));
  }

  void Commit(int count) {
    ASSERT_TRUE(store_
                    .UpdateNow({},
                               [&](store::Rows& rows) {
                                 for (int i = 0; i < count; ++i) {
                                   rows.events.emplace_back();
                                   rows.events.back().application =
                                       "applications/a";
                                 }
                                 return absl::OkStatus();
                               })
                    .ok());
  }

  std::vector<std::int64_t> Heard() {
    MutexLock lock(mutex_);
    return heard_;
  }
  int Missed() {
    MutexLock lock(mutex_);
    return missed_;
  }
  // Waits until all of before now has been told of.
  bool CatchesUp() {
    const auto now = Steady::now();
    return Eventually([&] {
      MutexLock lock(mutex_);
      return caught_up_ >= now;
    });
  }
  static bool Eventually(const std::function<bool()>& is_so) {
    for (int i = 0; i < 20'000; ++i) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  Mutex mutex_;
  std::vector<std::int64_t> heard_ VK_GUARDED_BY(mutex_);
  Steady::time_point caught_up_ VK_GUARDED_BY(mutex_);
  int missed_ VK_GUARDED_BY(mutex_) = 0;
  FollowerOptions options_;
  store::FakeStore store_;
  std::unique_ptr<Follower> follower_;
  ReactorPool reactors_{1};
  Reactor& reactor_ = reactors_.At(0);
  TaskScope scope_;
};

TEST_F(FollowerTest, TellsOfWhatComesAfterItBegan) {
  Commit(3);
  Start();
  ASSERT_TRUE(CatchesUp());
  EXPECT_THAT(Heard(), ElementsAre());
  Commit(2);
  ASSERT_TRUE(CatchesUp());
  EXPECT_THAT(Heard(), ElementsAre(4, 5));
  // What was in memory before it began is not to be relied upon.
  EXPECT_EQ(Missed(), 1);
}

TEST_F(FollowerTest, ALongBacklogIsReadInSlices) {
  options_.batch = 2;
  Start();
  ASSERT_TRUE(CatchesUp());
  Commit(5);
  ASSERT_TRUE(CatchesUp());
  EXPECT_THAT(Heard(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(FollowerTest, IsNotCaughtUpWhileTheStoreIsAway) {
  Start();
  ASSERT_TRUE(CatchesUp());
  store_.SetDown(true);
  absl::SleepFor(absl::Milliseconds(20));
  Steady::time_point before;
  {
    MutexLock lock(mutex_);
    before = caught_up_;
  }
  Commit(1);
  absl::SleepFor(absl::Milliseconds(50));
  {
    MutexLock lock(mutex_);
    EXPECT_EQ(caught_up_, before);
  }
  EXPECT_THAT(Heard(), ElementsAre());
  store_.SetDown(false);
  ASSERT_TRUE(CatchesUp());
  EXPECT_THAT(Heard(), ElementsAre(1));
}

TEST_F(FollowerTest, SaysThatItMissedWhatWasTrimmed) {
  Start();
  ASSERT_TRUE(CatchesUp());
  store_.SetDown(true);
  absl::SleepFor(absl::Milliseconds(20));
  Commit(4);
  store_.SetDown(false);
  ASSERT_TRUE(RunSync(store_.TrimEvents(absl::InfiniteFuture(), 1, 100)).ok());
  ASSERT_TRUE(CatchesUp());
  const std::size_t heard = Heard().size();  // it may have been quicker
  EXPECT_EQ(Missed(), heard == 4 ? 1 : 2);
  Commit(1);
  ASSERT_TRUE(CatchesUp());
  EXPECT_EQ(Heard().back(), 5);
}

TEST_F(FollowerTest, IsWokenBeforeItsTime) {
  options_.interval = absl::Hours(1);
  Start();
  ASSERT_TRUE(Eventually([&] { return Missed() == 1; }));
  Commit(1);
  follower_->Wake();
  EXPECT_TRUE(Eventually([&] { return Heard().size() == 1; }));
}

}  // namespace
}  // namespace valetkey::events
