// What every RemoteCache must do: instantiated for the fake and for Redis.
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Fake, RemoteCacheContract, FakeFixture);
//
// A fixture has a() and b(), two replicas over one server, started and
// listening to each other once ready() is true; Flush(), which makes the
// server forget; Pass(time), after which so much time has passed; and Skip(),
// the reason why there is no such server here, or "".

#ifndef VALETKEY_CACHE_REMOTE_CACHE_CONTRACT_H_
#define VALETKEY_CACHE_REMOTE_CACHE_CONTRACT_H_

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "service/async/reactor.h"
#include "service/base/mutex.h"
#include "service/cache/remote_cache.h"

namespace valetkey::cache {

// What a listener heard.
class Heard {
 public:
  std::function<void(const Invalidation&)> Listener() {
    return [this](const Invalidation& invalidation) {
      MutexLock lock(mutex_);
      heard_.push_back(invalidation);
    };
  }
  // Those of one name.
  std::vector<Invalidation> Of(const std::string& name) const {
    MutexLock lock(mutex_);
    std::vector<Invalidation> found;
    for (const Invalidation& each : heard_) {
      if (each.name == name) found.push_back(each);
    }
    return found;
  }
  bool WaitFor(const std::string& name, std::size_t count) const {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (Of(name).size() < count) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Invalidation> heard_ VK_GUARDED_BY(mutex_);
};

template <class Fixture>
class RemoteCacheContract : public ::testing::Test {
 protected:
  using Entry = std::optional<RemoteEntry>;

  void SetUp() override {
    if (!fixture_.Skip().empty()) GTEST_SKIP() << fixture_.Skip();
    fixture_.a().SetListener(heard_a_.Listener());
    fixture_.b().SetListener(heard_b_.Listener());
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (!fixture_.ready() && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(2));
    }
    ASSERT_TRUE(fixture_.ready());
  }

  template <class T>
  T Run(Task<T> task) {
    return asio::co_spawn(reactor_.executor(), std::move(task),
                          asio::use_future)
        .get();
  }
  static absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

  Entry Get(RemoteCache& cache, const std::string& name) {
    auto entry = Run(cache.Get(name, Soon()));
    EXPECT_TRUE(entry.ok()) << entry.status();
    return entry.ok() ? *entry : std::nullopt;
  }
  void Put(RemoteCache& cache, const std::string& name, std::int64_t generation,
           const std::string& sealed, absl::Duration ttl = absl::Minutes(1)) {
    const absl::Status status =
        Run(cache.Put(name, {generation, sealed}, ttl, Soon()));
    EXPECT_TRUE(status.ok()) << status;
  }
  void ExpectKept(const std::string& name, std::int64_t generation,
                  const std::string& sealed) {
    Entry entry = Get(fixture_.a(), name);
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->generation, generation);
    EXPECT_EQ(entry->sealed, sealed);
  }

  Reactor reactor_{99};
  Heard heard_a_, heard_b_;
  Fixture fixture_;  // the listeners go first
};

TYPED_TEST_SUITE_P(RemoteCacheContract);

TYPED_TEST_P(RemoteCacheContract, WhatOneReplicaPutsTheOtherGets) {
  const std::string name = "applications/a/connections/c";
  EXPECT_FALSE(this->Get(this->fixture_.b(), name).has_value());
  const std::string sealed("\0\xff\r\n binary", 11);
  this->Put(this->fixture_.a(), name, 7, sealed);
  auto entry = this->Get(this->fixture_.b(), name);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->generation, 7);
  EXPECT_EQ(entry->sealed, sealed);
  this->fixture_.Flush();
  EXPECT_FALSE(this->Get(this->fixture_.b(), name).has_value());
}

TYPED_TEST_P(RemoteCacheContract, OnlyNewerGenerationsReplace) {
  RemoteCache& a = this->fixture_.a();
  this->Put(a, "n", 5, "five");
  this->Put(a, "n", 4, "four");
  this->ExpectKept("n", 5, "five");
  this->Put(a, "n", 5, "five again");
  this->ExpectKept("n", 5, "five again");
  // Each byte of the generation counts, also as an unsigned one.
  const std::int64_t ascending[] = {6,
                                    127,
                                    128,
                                    255,
                                    256,
                                    65535,
                                    65536,
                                    std::int64_t{1} << 53,
                                    (std::int64_t{1} << 53) + 1,
                                    INT64_MAX - 1,
                                    INT64_MAX};
  std::int64_t before = 5;
  for (std::int64_t generation : ascending) {
    this->Put(a, "n", generation, "newer");
    this->ExpectKept("n", generation, "newer");
    this->Put(a, "n", before, "older");
    this->ExpectKept("n", generation, "newer");
    before = generation;
  }
}

TYPED_TEST_P(RemoteCacheContract, ATombstoneKeepsTheOldOut) {
  RemoteCache& a = this->fixture_.a();
  this->Put(a, "n", 5, "five");
  this->Put(a, "n", 4, "");
  this->ExpectKept("n", 5, "five");
  this->Put(a, "n", 5, "");
  this->ExpectKept("n", 5, "");
  this->Put(a, "n", 5, "five");
  this->ExpectKept("n", 5, "");
  this->Put(a, "n", 4, "four");
  this->ExpectKept("n", 5, "");
  this->Put(a, "n", 6, "six");
  this->ExpectKept("n", 6, "six");
}

TYPED_TEST_P(RemoteCacheContract, EntriesAndTombstonesExpire) {
  this->Put(this->fixture_.a(), "n", 5, "five", absl::Milliseconds(1));
  this->Put(this->fixture_.a(), "t", 5, "", absl::Milliseconds(1));
  this->Put(this->fixture_.a(), "z", 5, "five", absl::ZeroDuration());
  this->Put(this->fixture_.a(), "f", 5, "five", absl::InfiniteDuration());
  this->fixture_.Pass(absl::Milliseconds(20));
  EXPECT_FALSE(this->Get(this->fixture_.a(), "n").has_value());
  EXPECT_FALSE(this->Get(this->fixture_.a(), "t").has_value());
  EXPECT_FALSE(this->Get(this->fixture_.a(), "z").has_value());
  EXPECT_TRUE(this->Get(this->fixture_.a(), "f").has_value());
  this->Put(this->fixture_.a(), "n", 1, "one");
  this->ExpectKept("n", 1, "one");
}

TYPED_TEST_P(RemoteCacheContract, ChangesAreAnnouncedToTheOthersOnly) {
  RemoteCache& a = this->fixture_.a();
  this->Put(a, "n", 5, "five");
  this->Put(a, "n", 4, "four");        // refused: nothing to say
  this->Put(a, "n", 5, "five again");  // the others may keep theirs
  this->Put(a, "n", 6, "six");
  this->Put(a, "n", 6, "");  // what they hold of 6 has to go
  this->Put(a, "last", 1, "one");
  ASSERT_TRUE(this->heard_b_.WaitFor("last", 1));
  const std::vector<Invalidation> heard = this->heard_b_.Of("n");
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_EQ(heard[0].generation, 5);
  EXPECT_EQ(heard[1].generation, 6);
  EXPECT_EQ(heard[2].generation, 7);
  EXPECT_FALSE(heard[0].origin.empty());
  EXPECT_EQ(heard[0].origin, heard[2].origin);
  // Its own come back to nobody. b's tell when a has heard all.
  this->Put(this->fixture_.b(), "from b", 1, "one");
  ASSERT_TRUE(this->heard_a_.WaitFor("from b", 1));
  EXPECT_TRUE(this->heard_a_.Of("n").empty());
  EXPECT_TRUE(this->heard_b_.Of("from b").empty());
}

REGISTER_TYPED_TEST_SUITE_P(RemoteCacheContract, WhatOneReplicaPutsTheOtherGets,
                            OnlyNewerGenerationsReplace,
                            ATombstoneKeepsTheOldOut,
                            EntriesAndTombstonesExpire,
                            ChangesAreAnnouncedToTheOthersOnly);

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_REMOTE_CACHE_CONTRACT_H_
