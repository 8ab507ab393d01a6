#include <gtest/gtest.h>

#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

TEST(SoftLimit, AtFourFifthsWithJitter) {
  const absl::Time issue = TestNow();
  const absl::Time expire = issue + absl::Seconds(1000);
  const Definition plain = Define("");
  EXPECT_EQ(SoftLimit(plain, issue, expire, true, 0),
            issue + absl::Seconds(800));
  EXPECT_NEAR(absl::ToDoubleSeconds(
                  *SoftLimit(plain, issue, expire, true, 0.5) - issue),
              750, 0.001);
  EXPECT_NEAR(absl::ToDoubleSeconds(
                  *SoftLimit(plain, issue, expire, true, 0.999) - issue),
              700, 0.2);
  EXPECT_EQ(SoftLimit(plain, issue, expire, false, 0), std::nullopt);
  EXPECT_EQ(SoftLimit(plain, issue, std::nullopt, true, 0), std::nullopt);
  EXPECT_EQ(SoftLimit(plain, issue, issue, true, 0), issue);
  EXPECT_EQ(SoftLimit(Define("refresh { kind: REFRESH_KIND_NONE }"), issue,
                      expire, true, 0),
            std::nullopt);
}

TEST(SoftLimit, ExactOnlineHasAWindow) {
  const Definition exact = Define("refresh { window { seconds: 30 } }");
  const absl::Time issue = TestNow();
  const absl::Time expire = issue + absl::Seconds(600);
  for (const double unit : {0.0, 0.5, 0.99}) {
    const auto limit = SoftLimit(exact, issue, expire, true, unit);
    ASSERT_TRUE(limit.has_value());
    EXPECT_GT(*limit, expire - absl::Seconds(30));
    EXPECT_LT(*limit, expire - absl::Seconds(20));
  }
}

TEST(SoftLimit, InstagramHasAnAge) {
  const Definition instagram = Define("refresh { min_age { seconds: 86400 } }");
  const absl::Time issue = TestNow();
  EXPECT_EQ(SoftLimit(instagram, issue, issue + absl::Hours(25), true, 0),
            issue + absl::Hours(24));
  EXPECT_EQ(SoftLimit(instagram, issue, issue + absl::Hours(24 * 60), true, 0),
            issue + absl::Hours(24 * 48));
}

TEST(KeepAliveLimit, WellBeforeTheEnd) {
  const absl::Time issue = TestNow();
  const absl::Duration day = absl::Hours(24);
  const Definition pinterest = FromCatalog("pinterest");
  EXPECT_EQ(KeepAliveLimit(pinterest, issue, std::nullopt), issue + 50 * day);
  EXPECT_EQ(KeepAliveLimit(pinterest, issue, issue + 60 * day),
            issue + 50 * day);
  // The emulator's tokens live minutes.
  EXPECT_EQ(KeepAliveLimit(pinterest, issue, issue + absl::Minutes(10)),
            issue + absl::Minutes(5));
  EXPECT_EQ(KeepAliveLimit(pinterest, issue, issue - day), issue - day);
  const Definition plain = Define("");
  EXPECT_EQ(KeepAliveLimit(plain, issue, std::nullopt), std::nullopt);
  EXPECT_EQ(KeepAliveLimit(plain, issue, issue + 10 * day), issue + 8 * day);
}

TEST(KeepAliveLimit, NotWhereUseDoesNotHelp) {
  const absl::Time issue = TestNow();
  const absl::Time end = issue + absl::Hours(24);
  EXPECT_EQ(KeepAliveLimit(
                Define("lifetimes { refresh_absolute { seconds: 604800 } }"),
                issue, end),
            std::nullopt);
  EXPECT_EQ(KeepAliveLimit(Define("refresh { rotation: ROTATION_NEVER }"),
                           issue, end),
            std::nullopt);
  EXPECT_EQ(
      KeepAliveLimit(Define("refresh { kind: REFRESH_KIND_NONE }"), issue, end),
      std::nullopt);
}

}  // namespace
}  // namespace valetkey::oauth
