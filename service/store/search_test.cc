#include "service/store/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Connection Ann() {
  Connection connection;
  connection.name = "applications/shop/connections/c-7";
  connection.subject = "User-42";
  connection.account_id = "9001";
  connection.account_display_name = "Ann's B\xc3\xa4kery";
  connection.labels = {{"team", "Red"}, {"zone", "eu"}};
  return connection;
}

TEST(SearchTest, LooksThroughWhatPeopleRemember) {
  EXPECT_EQ(SearchText(Ann()),
            "c-7\nuser-42\n9001\nann's b\xc3\xa4kery\nred\neu");
  EXPECT_EQ(SearchText(Connection()), "");
}

TEST(SearchTest, ALongNameIsCut) {
  Connection connection = Ann();
  connection.account_display_name = std::string(100'000, 'A');
  for (int i = 0; i < 32; ++i) {
    connection.labels[std::string(2, static_cast<char>('a' + i))] =
        std::string(255, 'x');
  }
  EXPECT_LT(SearchText(connection).size(), 1400u);
}

TEST(SearchTest, AllWordsHaveToFit) {
  EXPECT_THAT(QueryWords("  Ann  RED "), ElementsAre("ann", "red"));
  EXPECT_THAT(QueryWords("  "), IsEmpty());
  EXPECT_THAT(QueryWords("a%_'b"), SizeIs(1));
  EXPECT_TRUE(FitsSearch(QueryWords("Ann RED"), Ann()));
  EXPECT_TRUE(FitsSearch(QueryWords("ser-4"), Ann()));
  EXPECT_TRUE(FitsSearch(QueryWords("B\xc3\xa4K"), Ann()));
  EXPECT_TRUE(FitsSearch({}, Ann()));
  EXPECT_FALSE(FitsSearch(QueryWords("ann blue"), Ann()));
  EXPECT_FALSE(FitsSearch(QueryWords("team"), Ann()));  // a label's key
  EXPECT_FALSE(FitsSearch(QueryWords("shop"), Ann()));  // the application
}

TEST(SearchTest, WhatNeedsAttention) {
  using S = ConnectionState;
  Connection connection = Ann();
  EXPECT_FALSE(NeedsAttention(connection));
  connection.expiring_announced = true;
  EXPECT_TRUE(NeedsAttention(connection));
  connection.expiring_announced = false;
  connection.state = S::kReauthorizationRequired;
  EXPECT_TRUE(NeedsAttention(connection));
  connection.last_failure = Failure{.reason = "PROVIDER_UNAVAILABLE"};
  for (const S state : {S::kActive, S::kRevoking}) {
    connection.state = state;
    EXPECT_TRUE(NeedsAttention(connection));
  }
  connection.state = S::kRevoked;
  EXPECT_FALSE(NeedsAttention(connection));
  connection.state = S::kRevoking;
  connection.last_failure.reset();
  EXPECT_FALSE(NeedsAttention(connection));
}

}  // namespace
}  // namespace valetkey::store
