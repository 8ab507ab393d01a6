// Redis never brings back an old token.

#include "service/broker/coherence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "service/async/task_scope.h"
#include "service/base/status.h"
#include "service/broker/broker_harness.h"
#include "service/cache/fake_remote_cache.h"
#include "service/events/fake_event_stream.h"

namespace valetkey::broker {
namespace {

constexpr char kName[] = "applications/shop/connections/c-1";

class CoherenceTest : public ::testing::Test {
 protected:
  store::Event EventOf(store::EventType type, std::int64_t generation) {
    store::Event event;
    event.type = type;
    event.application = "applications/shop";
    event.connection = kName;
    event.generation = generation;
    return event;
  }
  void Put(std::int64_t generation, const std::string& sealed) {
    EXPECT_TRUE(
        harness
            .Run(remote.Put(kName, {.generation = generation, .sealed = sealed},
                            absl::Hours(1), absl::Now() + absl::Seconds(5)))
            .ok());
  }
  std::string Kept() {
    auto entry = harness.Run(remote.Get(kName, absl::Now() + absl::Seconds(5)));
    return entry.ok() && *entry ? (*entry)->sealed : "";
  }
  absl::Status Append(std::vector<store::Event> events) {
    return harness.Run(
        coherence.Append(std::move(events), absl::Now() + absl::Seconds(5)));
  }

  BrokerHarness harness;
  cache::FakeRemoteServer server{harness.clock};
  cache::FakeRemoteCache remote{server, "a"};
  events::FakeEventStream stream;
  std::atomic<int> trusted{-1};  // -1: not told yet
  Coherence coherence{
      stream, remote, harness.store,
      [this](bool trust, Coherence::Time) { trusted = trust ? 1 : 0; }};
};

TEST_F(CoherenceTest, APublishedChangeRemovesWhatIsOlder) {
  Put(4, "old");
  ASSERT_TRUE(Append({EventOf(store::EventType::kRefreshed, 5)}).ok());
  EXPECT_EQ(Kept(), "");
  Put(4, "late");
  EXPECT_EQ(Kept(), "");
  Put(5, "new");
  EXPECT_EQ(Kept(), "new");
  // The same event again, as at-least-once has it, takes nothing away.
  ASSERT_TRUE(Append({EventOf(store::EventType::kRefreshed, 5)}).ok());
  EXPECT_EQ(Kept(), "new");
}

TEST_F(CoherenceTest, ARevocationRemovesItsOwnGenerationToo) {
  Put(5, "token");
  ASSERT_TRUE(Append({EventOf(store::EventType::kRevoked, 5)}).ok());
  EXPECT_EQ(Kept(), "");
  Put(5, "late");
  EXPECT_EQ(Kept(), "");
}

TEST_F(CoherenceTest, AFailedPublicationEndsTheTrust) {
  stream.SetDown(true);
  EXPECT_FALSE(Append({EventOf(store::EventType::kRefreshed, 5)}).ok());
  EXPECT_EQ(trusted, 0);
  stream.SetDown(false);
  server.SetDown(true);
  trusted = 1;
  EXPECT_FALSE(Append({EventOf(store::EventType::kRefreshed, 5)}).ok());
  EXPECT_EQ(trusted, 0);
}

TEST_F(CoherenceTest, TrustComesOnceEverythingIsPublished) {
  (void)harness.Connect();  // one event in the outbox
  TaskScope scope;
  scope.Spawn(harness.reactors.At(0).executor(), "coherence", coherence.Run());
  EXPECT_TRUE(BrokerHarness::Eventually([&] { return trusted == 0; }));
  auto events = harness.Run(harness.store.ReadUnpublished(100));
  ASSERT_TRUE(events.ok());
  ASSERT_FALSE(events->empty());
  std::vector<std::int64_t> sequences;
  for (const store::Event& event : *events) {
    sequences.push_back(event.sequence);
  }
  ASSERT_TRUE(harness.Run(harness.store.MarkPublished(sequences)).ok());
  EXPECT_TRUE(BrokerHarness::Eventually([&] { return trusted == 1; }));
  server.SetDown(true);
  EXPECT_TRUE(BrokerHarness::Eventually([&] { return trusted == 0; }));
  scope.Close();
  EXPECT_TRUE(scope.Join(absl::Seconds(10)));
}

}  // namespace
}  // namespace valetkey::broker
