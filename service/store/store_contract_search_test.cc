// What store.h promises of searching, of counting, and of looking back.

#include <limits>

#include "service/store/search.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using S = ConnectionState;

TEST_P(StoreContract, FindsConnectionsByWords) {
  AddBasics();
  ASSERT_TRUE(AddProvider("a", "q").ok());
  ASSERT_TRUE(AddApplication("a-1").ok());
  ASSERT_TRUE(AddProvider("a-1", "p").ok());
  const auto add = [&](const char* app, const char* id, const char* provider,
                       std::string subject, std::string account,
                       Labels labels) {
    ASSERT_TRUE(AddConnection(app, id, provider, [&](Connection& row) {
                  row.subject = subject;
                  row.account_display_name = account;
                  row.labels = labels;
                }).ok());
  };
  add("a", "one", "p", "User-1", "Ann Baker", {{"team", "Red"}});
  add("a", "three", "q", "100%", "", {{"team", "Red"}, {"env", "dev"}});
  add("a", "two", "p", "user_2", "Ann-Marie\xff", {{"team", "blue"}});
  add("a-1", "one", "p", "user-1", "Ann Baker", {});

  ConnectionFilter filter;
  filter.application = AppName("a");
  const auto find = [&](absl::string_view query, int page_size = 100) {
    filter.words = QueryWords(query);
    return *ListNames(filter, page_size);
  };
  EXPECT_THAT(find("user"), ElementsAre("one", "two"));
  EXPECT_THAT(find("user", 1), ElementsAre("one", "two"));
  EXPECT_THAT(find("ANN"), ElementsAre("one", "two"));
  EXPECT_THAT(find("ann bak"), ElementsAre("one"));
  EXPECT_THAT(find("t"), ElementsAre("three", "two"));
  EXPECT_THAT(find("%"), ElementsAre("three"));
  EXPECT_THAT(find("_"), ElementsAre("two"));
  EXPECT_THAT(find("' OR 1=1 --"), IsEmpty());
  EXPECT_THAT(find("connections"), IsEmpty());
  EXPECT_THAT(find("nobody"), IsEmpty());
  // Together with other filters.
  filter.labels = {{"team", "Red"}};
  EXPECT_THAT(find("e"), ElementsAre("one", "three"));
  filter.labels["env"] = "dev";
  EXPECT_THAT(find("e"), ElementsAre("three"));
  filter.provider = ProviderName("a", "p");
  EXPECT_THAT(find("e"), IsEmpty());
  filter.labels.clear();
  EXPECT_THAT(find("e"), ElementsAre("one", "two"));
  filter.subject = "User-1";
  EXPECT_THAT(find("e"), ElementsAre("one"));
  filter = {};
  EXPECT_THAT(find("ann"), ElementsAre("one", "one", "two"));  // of any

  // By what it is now.
  filter.application = AppName("a");
  ASSERT_TRUE(Update(ConnectionKey(ConnectionName("a", "one")), [](Rows& rows) {
                rows.connection->account_display_name = "Zoe";
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(find("baker"), IsEmpty());
  EXPECT_THAT(find("zoe"), ElementsAre("one"));
  ASSERT_TRUE(Delete(ConnectionKey(ConnectionName("a", "one"))).ok());
  EXPECT_THAT(find("zoe"), IsEmpty());
}

TEST_P(StoreContract, GroupsConnectionsAndFindsThoseThatNeedAttention) {
  AddBasics();
  ASSERT_TRUE(AddProvider("a", "q").ok());
  ASSERT_TRUE(AddApplication("b").ok());
  ASSERT_TRUE(AddProvider("b", "p").ok());
  const auto add = [&](const char* app, const char* id, const char* provider,
                       S state, bool failing) {
    ASSERT_TRUE(AddConnection(app, id, provider, [&](Connection& row) {
                  row.state = state;
                  if (failing) row.last_failure = Failure{.reason = "X"};
                }).ok());
  };
  const auto groups = [&](const std::string& provider = "") {
    return *RunSync(store_->GroupConnections(AppName("a"), provider));
  };
  EXPECT_THAT(groups(), IsEmpty());
  add("a", "1", "p", S::kActive, false);
  add("a", "2", "p", S::kActive, false);
  add("a", "3", "p", S::kActive, true);
  add("a", "4", "p", S::kRevoked, true);
  add("a", "5", "q", S::kReauthorizationRequired, false);
  add("a", "6", "q", S::kRevoking, true);
  add("b", "7", "p", S::kActive, true);
  const std::string p = ProviderName("a", "p");
  const std::string q = ProviderName("a", "q");
  using G = ConnectionGroup;
  EXPECT_THAT(groups(),
              ElementsAre(G{p, S::kActive, false, 2}, G{p, S::kActive, true, 1},
                          G{p, S::kRevoked, false, 1},
                          G{q, S::kReauthorizationRequired, true, 1},
                          G{q, S::kRevoking, true, 1}));
  EXPECT_THAT(groups(q), ElementsAre(G{q, S::kReauthorizationRequired, true, 1},
                                     G{q, S::kRevoking, true, 1}));

  ConnectionFilter filter;
  filter.application = AppName("a");
  filter.needs_attention = true;
  EXPECT_THAT(*ListNames(filter), ElementsAre("3", "5", "6"));
  EXPECT_THAT(*ListNames(filter, 1), ElementsAre("3", "5", "6"));
  filter.provider = q;
  EXPECT_THAT(*ListNames(filter), ElementsAre("5", "6"));
  filter.state = S::kRevoking;
  filter.words = {"6"};
  EXPECT_THAT(*ListNames(filter), ElementsAre("6"));

  const auto change = [&](const char* id, const std::function<void(Rows&)>& f) {
    ASSERT_TRUE(Update(ConnectionKey(ConnectionName("a", id)), [&](Rows& rows) {
                  f(rows);
                  return absl::OkStatus();
                }).ok());
  };
  change("3", [](Rows& rows) { rows.connection->last_failure.reset(); });
  change("5", [](Rows& rows) { rows.connection->state = S::kActive; });
  change("2", [](Rows& rows) { rows.connection->expiring_announced = true; });
  filter = {};
  filter.application = AppName("a");
  filter.needs_attention = true;
  EXPECT_THAT(*ListNames(filter), ElementsAre("2", "6"));
}

TEST_P(StoreContract, ReadsEventsBackwards) {
  AddBasics();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Update(ApplicationKey(AppName("a")), [](Rows& rows) {
                  rows.events = {MakeEvent("a", "c"), MakeEvent("b", "c"),
                                 MakeEvent("a", "d", EventType::kRefreshed)};
                  return absl::OkStatus();
                }).ok());
  }
  // As in a fleet, numbers may be given a moment later.
  while (Range().newest < 9) RunSync(store_->CheckWritable()).IgnoreError();
  const auto back = [&](const std::string& connection, std::int64_t before,
                        int limit) {
    std::vector<std::int64_t> sequences;
    const auto events = RunSync(store_->ReadEventsBack(
        {.application = AppName("a"), .connection = connection}, before,
        limit));
    for (const Event& event : *events) {
      EXPECT_EQ(event.application, AppName("a"));
      sequences.push_back(event.sequence);
    }
    return sequences;
  };
  const std::int64_t end = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(back("", end, 100), ElementsAre(9, 7, 6, 4, 3, 1));
  EXPECT_THAT(back("", end, 2), ElementsAre(9, 7));
  EXPECT_THAT(back("", 7, 2), ElementsAre(6, 4));
  EXPECT_THAT(back("", 1, 2), IsEmpty());
  const std::string c = ConnectionName("a", "c");
  EXPECT_THAT(back(c, end, 2), ElementsAre(7, 4));
  EXPECT_THAT(back(c, 4, 2), ElementsAre(1));
  // Another application's connection is nobody's here.
  EXPECT_THAT(back(ConnectionName("b", "c"), end, 9), IsEmpty());
}

}  // namespace
}  // namespace valetkey::store
