// Whose turn it is: one provider's trouble is not another's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/broker/broker_harness.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DueSetTest, ProvidersAreBusyFromSoManyOn) {
  DueSet set;
  EXPECT_THAT(set.Busy(1), IsEmpty());
  EXPECT_TRUE(set.Insert({.name = "a", .provider = "p"}));
  EXPECT_FALSE(set.Insert({.name = "a", .provider = "p"}));
  EXPECT_THAT(set.Busy(2), IsEmpty());
  EXPECT_TRUE(set.Insert({.name = "b", .provider = "p"}));
  EXPECT_TRUE(set.Insert({.name = "c", .provider = "q"}));
  EXPECT_THAT(set.Busy(2), ElementsAre("p"));
  set.Erase({.name = "a", .provider = "p"});
  EXPECT_THAT(set.Busy(2), IsEmpty());
  EXPECT_TRUE(set.Insert({.name = "a", .provider = "p"}));
  EXPECT_THAT(set.Busy(2), ElementsAre("p"));
}

// A copy of a connection that is there, of another provider if one is given.
void Copy(BrokerHarness& harness, const std::string& name,
          const std::string& as, const std::string& provider = "") {
  store::RowKeys keys;
  keys.connection = as;
  store::Connection row = harness.Stored(name);
  ASSERT_TRUE(
      harness.store
          .UpdateNow(keys,
                     [&](store::Rows& rows) {
                       row.name = as;
                       if (!provider.empty()) row.provider = provider;
                       for (store::TokenRecord& token : row.tokens) {
                         token.access_sealed = harness.sealer->Seal(
                             SecretString("access"),
                             AccessTokenAssociatedData(as, token.name));
                         token.refresh_sealed = harness.sealer->Seal(
                             SecretString(absl::StrCat("of ", as)),
                             RefreshTokenAssociatedData(as, token.name));
                       }
                       row.last_use_time = rows.now;
                       rows.connection = row;
                       return absl::OkStatus();
                     })
          .ok());
}

// More connections than the scheduler handles at once are due at a provider
// that does not answer, and all of them before the one of another.
TEST(SchedulerTest, AProviderThatDoesNotAnswerDelaysNoOther) {
  BrokerHarness harness(
      [](BrokerOptions& options) { options.max_parallel_per_client = 4; });
  const std::string name = harness.Connect();
  const std::string other =
      std::string(BrokerHarness::kApplication) + "/providers/other";
  store::RowKeys keys;
  keys.provider = other;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [&](store::Rows& rows) {
                               rows.provider = store::Provider{
                                   .name = other,
                                   .application = BrokerHarness::kApplication,
                                   .catalog_entry = "catalog/google",
                                   .client_id = "1234",
                                   .client_secret_sealed = harness.sealer->Seal(
                                       SecretString("s3cret"),
                                       ClientSecretAssociatedData(other))};
                               return absl::OkStatus();
                             })
                  .ok());
  for (int i = 0; i < 3000; ++i) {
    Copy(harness, name,
         absl::StrCat(BrokerHarness::kApplication, "/connections/c-", i));
  }
  const std::string patient =
      absl::StrCat(BrokerHarness::kApplication, "/connections/c-patient");
  Copy(harness, name, patient, other);
  keys = {};
  keys.connection = patient;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [](store::Rows& rows) {
                               *rows.connection->due_time += absl::Minutes(1);
                               return absl::OkStatus();
                             })
                  .ok());
  harness.clock.Advance(absl::Minutes(55));
  harness.http.Hold();
  harness.broker->Start();
  // Four of the provider that does not answer, and the one of the other.
  ASSERT_TRUE(harness.http.WaitForHeld(5, absl::Seconds(10)));
  int of_other = 0;
  for (const HttpRequest& request : harness.http.requests()) {
    if (absl::StrContains(request.url, "googleapis.com")) ++of_other;
  }
  EXPECT_EQ(of_other, 1);
  EXPECT_LE(harness.broker->status().handling, 2048);
  harness.broker->Shutdown(absl::ZeroDuration());
}

}  // namespace
}  // namespace valetkey::broker
