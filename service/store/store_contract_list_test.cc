// What store.h promises of lists.

#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreContract, DeletesExpiredAuthorizations) {
  AddBasics();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(AddAuthorization(absl::StrCat(i), "a", "p", "c",
                                 AuthorizationStatus::kPending,
                                 absl::Minutes(i))
                    .ok());
  }
  const absl::Time before = TestStart() + absl::Minutes(3);
  EXPECT_EQ(*RunSync(store_->DeleteExpiredAuthorizations(before, 2)), 2);
  EXPECT_EQ(*RunSync(store_->DeleteExpiredAuthorizations(before, 2)), 1);
  EXPECT_EQ(*RunSync(store_->DeleteExpiredAuthorizations(before, 2)), 0);
  EXPECT_FALSE(RunSync(store_->GetAuthorization("2"))->has_value());
  EXPECT_TRUE(RunSync(store_->GetAuthorization("3"))->has_value());
}

TEST_P(StoreContract, ListsInPagesByName) {
  for (const char* id : {"b", "a", "c", "a-1", "ab"}) {
    ASSERT_TRUE(AddApplication(id).ok());
  }
  auto first = RunSync(store_->ListApplications("", 2));
  ASSERT_EQ(first->items.size(), 2u);
  EXPECT_EQ(first->items[0].name, "applications/a");
  EXPECT_EQ(first->items[1].name, "applications/a-1");
  EXPECT_EQ(first->next, "applications/a-1");
  auto second = RunSync(store_->ListApplications(first->next, 3));
  ASSERT_EQ(second->items.size(), 3u);
  EXPECT_EQ(second->items[2].name, "applications/c");
  EXPECT_EQ(second->next, "");  // nothing follows a full last page
  EXPECT_THAT(RunSync(store_->ListApplications("applications/c", 3))->items,
              IsEmpty());
  for (const char* id : {"p2", "p1", "p3"}) {
    ASSERT_TRUE(AddProvider("a", id).ok());
    ASSERT_TRUE(AddKey("a", id, id).ok());
  }
  ASSERT_TRUE(AddProvider("a-1", "p0").ok());
  auto providers = RunSync(store_->ListProviders(AppName("a"), "", 2));
  EXPECT_EQ(providers->items[1].name, ProviderName("a", "p2"));
  EXPECT_EQ(providers->next, ProviderName("a", "p2"));
  EXPECT_EQ(
      RunSync(store_->ListProviders(AppName("a"), providers->next, 2))->next,
      "");
  EXPECT_EQ(RunSync(store_->ListKeys(AppName("a"), "", 9))->items.size(), 3u);
}

TEST_P(StoreContract, FiltersConnections) {
  AddBasics();
  ASSERT_TRUE(AddProvider("a", "q").ok());
  ASSERT_TRUE(AddApplication("b").ok());
  ASSERT_TRUE(AddProvider("b", "p").ok());
  auto add = [&](const char* app, const char* id, const char* provider,
                 const char* subject, ConnectionState state, Labels labels) {
    ASSERT_TRUE(AddConnection(app, id, provider, [&](Connection& row) {
                  row.subject = subject;
                  row.state = state;
                  row.labels = labels;
                }).ok());
  };
  using S = ConnectionState;
  add("a", "1", "p", "u1", S::kActive, {{"team", "x"}, {"env", "dev"}});
  add("a", "2", "p", "u2", S::kActive, {{"team", "x"}, {"env", "prod"}});
  add("a", "3", "q", "u1", S::kRevoked, {{"team", "y"}});
  add("a", "4", "q", "u1", S::kActive, {{"x", "team"}});
  add("b", "5", "p", "u1", S::kActive, {{"team", "x"}});

  ConnectionFilter filter;
  filter.application = AppName("a");
  EXPECT_THAT(*ListNames(filter, 1), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(*ListNames(filter, 3), ElementsAre("1", "2", "3", "4"));
  filter.provider = ProviderName("a", "q");
  EXPECT_THAT(*ListNames(filter), ElementsAre("3", "4"));
  filter.state = S::kActive;
  EXPECT_THAT(*ListNames(filter), ElementsAre("4"));
  filter = {};
  filter.application = AppName("a");
  filter.subject = "u1";
  EXPECT_THAT(*ListNames(filter, 2), ElementsAre("1", "3", "4"));
  filter.subject = "";
  EXPECT_THAT(*ListNames(filter), IsEmpty());
  filter.subject.reset();
  filter.labels = {{"team", "x"}};
  EXPECT_THAT(*ListNames(filter, 1), ElementsAre("1", "2"));
  filter.labels["env"] = "prod";
  EXPECT_THAT(*ListNames(filter), ElementsAre("2"));
  filter.subject = "u1";
  EXPECT_THAT(*ListNames(filter), IsEmpty());
  filter = {};
  filter.labels = {{"team", "x"}};  // of any application
  EXPECT_THAT(*ListNames(filter), ElementsAre("1", "2", "5"));

  // Labels that change are found by what they are now.
  ASSERT_TRUE(Update(ConnectionKey(ConnectionName("a", "1")), [](Rows& rows) {
                rows.connection->labels = {{"team", "y"}};
                return absl::OkStatus();
              }).ok());
  ASSERT_TRUE(Delete(ConnectionKey(ConnectionName("a", "2"))).ok());
  filter.application = AppName("a");
  EXPECT_THAT(*ListNames(filter), IsEmpty());
  filter.labels = {{"team", "y"}};
  EXPECT_THAT(*ListNames(filter), ElementsAre("1", "3"));
}

TEST_P(StoreContract, ListsWhatIsDueTheLongestOverdueFirst) {
  AddBasics();
  auto add = [&](const char* id, std::optional<absl::Duration> due) {
    ASSERT_TRUE(AddConnection("a", id, "p", [&](Connection& row) {
                  if (due) row.due_time = TestStart() + *due;
                }).ok());
  };
  add("never", std::nullopt);
  add("later", absl::Seconds(30));
  add("b", absl::Seconds(10));
  add("a", absl::Seconds(10));
  add("first", absl::Seconds(5));
  const auto claim = [&](int limit, std::vector<std::string> without = {}) {
    std::vector<std::string> names;
    auto claimed =
        RunSync(store_->ClaimDue(limit, absl::Seconds(30), std::move(without)));
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    for (const DueConnection& due : *claimed) names.push_back(due.name);
    return names;
  };
  EXPECT_THAT(claim(10), IsEmpty());
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(claim(10, {ProviderName("a", "p")}), IsEmpty());
  EXPECT_THAT(
      claim(2, {ProviderName("a", "q"), ProviderName("b", "p")}),
      ElementsAre(ConnectionName("a", "first"), ConnectionName("a", "a")));
  EXPECT_EQ(
      (*RunSync(store_->GetConnection(ConnectionName("a", "a"))))->due_time,
      clock_.Now() + absl::Seconds(30));
  EXPECT_EQ(
      (*RunSync(store_->GetConnection(ConnectionName("a", "a"))))->revision, 1);
  // What is claimed is not given again, unless it is written.
  EXPECT_THAT(claim(10), ElementsAre(ConnectionName("a", "b")));
  EXPECT_THAT(claim(10), IsEmpty());
  ASSERT_TRUE(
      Update(ConnectionKey(ConnectionName("a", "first")), [](Rows& rows) {
        rows.connection->due_time = rows.now;
        return absl::OkStatus();
      }).ok());
  ASSERT_TRUE(Update(ConnectionKey(ConnectionName("a", "a")), [](Rows& rows) {
                rows.connection->due_time.reset();
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(claim(10), ElementsAre(ConnectionName("a", "first")));
  // When the claim is over.
  clock_.Advance(absl::Seconds(30));
  EXPECT_THAT(claim(10), ElementsAre(ConnectionName("a", "later"),
                                     ConnectionName("a", "b"),
                                     ConnectionName("a", "first")));
}

TEST_P(StoreContract, TellsTheBacklog) {
  AddBasics();
  EXPECT_EQ(*RunSync(store_->GetBacklog()), Backlog());
  for (int i = 1; i < 5; ++i) {
    ASSERT_TRUE(AddConnection("a", absl::StrCat(i), "p", [&](Connection& row) {
                  row.due_time = TestStart() + absl::Seconds(10 * i);
                }).ok());
  }
  ASSERT_TRUE(AddEvents("a", 3).ok());
  ASSERT_TRUE(RunSync(store_->MarkPublished({2})).ok());
  clock_.Advance(absl::Seconds(30));
  const auto backlog = RunSync(store_->GetBacklog());
  ASSERT_TRUE(backlog.ok()) << backlog.status();
  EXPECT_EQ(backlog->due, 3);
  EXPECT_EQ(backlog->oldest_due, TestStart() + absl::Seconds(10));
  EXPECT_EQ(backlog->unpublished, 2);
}

TEST_P(StoreContract, KnowsTheReplicasThatLive) {
  EXPECT_THAT(*RunSync(store_->ListReplicas()), IsEmpty());
  const auto beat = [&](const std::string& instance, std::string status) {
    Replica replica;
    replica.instance = instance;
    replica.host = "host-" + instance;
    replica.version = "1.2.3";
    replica.start_time = TestStart() - absl::Hours(1);
    replica.beat_time = absl::InfiniteFuture();
    replica.status = std::move(status);
    return RunSync(store_->Beat(replica, absl::Seconds(20)));
  };
  ASSERT_TRUE(beat("b", std::string("\0\xff", 2)).ok());
  clock_.Advance(absl::Seconds(15));
  ASSERT_TRUE(beat("a", "").ok());
  auto replicas = *RunSync(store_->ListReplicas());
  ASSERT_EQ(replicas.size(), 2u);
  EXPECT_EQ(replicas[0].instance, "a");
  EXPECT_EQ(replicas[0].beat_time, clock_.Now());
  EXPECT_EQ(replicas[1].host, "host-b");
  EXPECT_EQ(replicas[1].version, "1.2.3");
  EXPECT_EQ(replicas[1].start_time, TestStart() - absl::Hours(1));
  EXPECT_EQ(replicas[1].beat_time, TestStart());
  EXPECT_EQ(replicas[1].status, std::string("\0\xff", 2));
  clock_.Advance(absl::Seconds(6));
  ASSERT_TRUE(beat("a", "well").ok());
  replicas = *RunSync(store_->ListReplicas());
  ASSERT_EQ(replicas.size(), 1u);
  EXPECT_EQ(replicas[0].status, "well");
}

TEST_P(StoreContract, CountsConnectionsByState) {
  AddBasics();
  EXPECT_THAT(*RunSync(store_->CountConnections()), IsEmpty());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(AddConnection("a", absl::StrCat(i), "p", [&](Connection& row) {
                  if (i > 2) row.state = ConnectionState::kRevoked;
                }).ok());
  }
  auto counts = RunSync(store_->CountConnections());
  ASSERT_EQ(counts->size(), 2u);
  EXPECT_EQ((*counts)[0].state, ConnectionState::kActive);
  EXPECT_EQ((*counts)[0].count, 3);
  EXPECT_EQ((*counts)[1].count, 2);
}

}  // namespace
}  // namespace valetkey::store
