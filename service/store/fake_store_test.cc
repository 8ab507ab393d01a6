#include "service/store/fake_store.h"

#include <atomic>

#include "gtest/gtest.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Fake, StoreContract,
                         testing::Values(StoreFactory{[](const Clock& clock) {
                           return std::make_shared<FakeStore>(clock);
                         }}));

absl::Status PutApplication(Rows& rows) {
  rows.application.emplace();
  rows.application->name = AppName("a");
  return absl::OkStatus();
}

TEST(FakeStore, FailsBeforeTheCommit) {
  FakeStore store;
  store.FailUpdates(1);
  int heard = 0;
  store.SetCommitListener([&](const auto&) { ++heard; });
  auto change = [](Rows& rows) {
    rows.events.push_back(MakeEvent("a", "c"));
    return PutApplication(rows);
  };
  auto failed = RunSync(store.Update(ApplicationKey(AppName("a")), change));
  EXPECT_EQ(ReasonOf(failed.status()), Reason::kStoreUnavailable);
  EXPECT_EQ(heard, 0);
  EXPECT_FALSE(RunSync(store.GetApplication(AppName("a")))->has_value());
  EXPECT_TRUE(RunSync(store.Update(ApplicationKey(AppName("a")), change)).ok());
  EXPECT_EQ(heard, 1);
}

TEST(FakeStore, FailsAfterTheCommit) {
  FakeStore store;
  store.FailUpdates(1, FakeStore::kAfterCommit);
  auto failed =
      RunSync(store.Update(ApplicationKey(AppName("a")), PutApplication));
  EXPECT_EQ(ReasonOf(failed.status()), Reason::kStoreUnavailable);
  EXPECT_TRUE(RunSync(store.GetApplication(AppName("a")))->has_value());
  EXPECT_EQ(store.updates(), 1);
}

TEST(FakeStore, IsDownUntilItIsUp) {
  FakeStore store;
  store.SetDown(true);
  EXPECT_FALSE(RunSync(store.CheckWritable()).ok());
  EXPECT_FALSE(
      RunSync(store.Update(ApplicationKey(AppName("a")), PutApplication)).ok());
  store.SetDown(false);
  EXPECT_TRUE(RunSync(store.CheckWritable()).ok());
  store.FailReads(1);
  EXPECT_FALSE(RunSync(store.GetConnection("x")).ok());
  EXPECT_TRUE(RunSync(store.GetConnection("x")).ok());
}

std::vector<std::string>& HookCalls() {
  static std::vector<std::string> calls;
  return calls;
}

Task<void> RecordCall(std::string call) {
  HookCalls().push_back(std::move(call));
  co_return;
}

TEST(FakeStore, AwaitsTheHook) {
  FakeStore store;
  store.SetHook(RecordCall);
  ASSERT_TRUE(
      RunSync(store.Update(ApplicationKey(AppName("a")), PutApplication)).ok());
  ASSERT_TRUE(RunSync(store.GetConnection("x")).ok());
  EXPECT_THAT(HookCalls(), testing::ElementsAre("Update", "Update committed",
                                                "GetConnection"));
}

}  // namespace
}  // namespace valetkey::store
