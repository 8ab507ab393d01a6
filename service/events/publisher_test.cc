#include "service/events/publisher.h"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/events/fake_event_stream.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::events {
namespace {

using ::testing::Each;

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    options_.batch = 10;
    options_.min_backoff = absl::Milliseconds(1);
    options_.max_backoff = absl::Milliseconds(5);
    options_.poll_interval = absl::Hours(1);  // only Wake wakes it
  }
  ~PublisherTest() override {
    scope_.Close();
    EXPECT_TRUE(scope_.Join(absl::Seconds(30)));
  }

  void Start() {
    publisher_ = std::make_unique<Publisher>(store_, stream_, options_);
    store_.SetCommitListener([this](const auto&) { publisher_->Wake(); });
    ASSERT_TRUE(
        scope_.Spawn(reactor_.executor(), "publish", publisher_->Run()));
  }

  void Commit(int count) {
    auto rows = store_.UpdateNow({}, [&](store::Rows& given) {
      for (int i = 0; i < count; ++i) {
        store::Event event;
        event.application = "applications/a";
        given.events.push_back(event);
      }
      return absl::OkStatus();
    });
    ASSERT_TRUE(rows.ok());
  }

  // Waits until it is so; gives up after a long while.
  static bool Eventually(const std::function<bool()>& is_so) {
    for (int i = 0; i < 20'000; ++i) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  bool AllMarked() { return RunSync(store_.ReadUnpublished(1))->empty(); }

  std::vector<std::int64_t> Published() {
    std::vector<std::int64_t> sequences;
    for (const store::Event& event : stream_.events()) {
      sequences.push_back(event.sequence);
    }
    return sequences;
  }

  Reactor reactor_{0};
  store::FakeStore store_;
  FakeEventStream stream_;
  PublisherOptions options_;
  std::unique_ptr<Publisher> publisher_;
  TaskScope scope_;
};

TEST_F(PublisherTest, PublishesWhatWasLeftInOrderAndInBatches) {
  Commit(35);
  Start();
  ASSERT_TRUE(Eventually([&] { return AllMarked(); }));
  const auto published = Published();
  ASSERT_EQ(published.size(), 35u);
  for (std::size_t i = 0; i < published.size(); ++i) {
    EXPECT_EQ(published[i], static_cast<std::int64_t>(i) + 1);
  }
  EXPECT_EQ(stream_.appends(), 4);
  EXPECT_EQ(publisher_->published(), 35);
}

TEST_F(PublisherTest, IsWokenByACommit) {
  Start();
  for (int i = 1; i <= 20; ++i) {
    Commit(1);
    ASSERT_TRUE(
        Eventually([&] { return Published().size() >= std::size_t(i); }));
  }
  EXPECT_TRUE(Eventually([&] { return AllMarked(); }));
}

TEST_F(PublisherTest, TriesAgainUntilTheStreamIsBack) {
  stream_.SetDown(true);
  Start();
  Commit(3);
  ASSERT_TRUE(Eventually([&] { return stream_.appends() >= 3; }));
  EXPECT_TRUE(publisher_->failing());
  EXPECT_FALSE(AllMarked());
  stream_.SetDown(false);
  ASSERT_TRUE(Eventually([&] { return AllMarked(); }));
  EXPECT_THAT(Published(), testing::ElementsAre(1, 2, 3));
  EXPECT_TRUE(Eventually([&] { return !publisher_->failing(); }));
}

TEST_F(PublisherTest, RepeatsWhatMayHaveBeenAppended) {
  stream_.SetDown(true, /*partly=*/2);
  Commit(3);
  Start();
  ASSERT_TRUE(Eventually([&] { return stream_.appends() >= 1; }));
  stream_.SetDown(false);
  ASSERT_TRUE(Eventually([&] { return AllMarked(); }));
  const auto published = Published();
  EXPECT_GE(published.size(), 5u);
  const std::vector<std::int64_t> last(published.end() - 3, published.end());
  EXPECT_THAT(last, testing::ElementsAre(1, 2, 3));
}

TEST_F(PublisherTest, OutlivesAStoreThatIsDown) {
  store_.SetDown(true);
  Start();
  ASSERT_TRUE(Eventually([&] { return publisher_->failing(); }));
  store_.SetDown(false);
  Commit(2);
  EXPECT_TRUE(Eventually([&] { return AllMarked(); }));
}

TEST_F(PublisherTest, LosesNoneWhileCommitsRaceWithIt) {
  Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) Commit(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(Eventually([&] { return AllMarked(); }));
  const auto published = Published();
  ASSERT_EQ(published.size(), 300u);
  for (std::size_t i = 0; i < published.size(); ++i) {
    ASSERT_EQ(published[i], static_cast<std::int64_t>(i) + 1);
  }
}

}  // namespace
}  // namespace valetkey::events
