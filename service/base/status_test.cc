#include "service/base/status.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(StatusTest, EveryReasonHasItsOwnNameAndACode) {
  std::set<std::string> names;
  for (int i = 1; i <= static_cast<int>(kLastReason); ++i) {
    const Reason reason = static_cast<Reason>(i);
    const std::string name(ReasonName(reason));
    EXPECT_FALSE(name.empty()) << i;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(ReasonFromName(name), reason) << name;
    EXPECT_NE(CodeOf(reason), absl::StatusCode::kOk) << name;
    EXPECT_EQ(MakeError(reason, "x").code(), CodeOf(reason)) << name;
    EXPECT_EQ(ReasonOf(MakeError(reason, "x")), reason) << name;
  }
  EXPECT_EQ(ReasonName(Reason::kNone), "");
  EXPECT_EQ(ReasonFromName("NO_SUCH_REASON"), Reason::kNone);
  EXPECT_EQ(ReasonFromName(""), Reason::kNone);
}

TEST(StatusTest, CodesFollowTheContract) {
  EXPECT_EQ(CodeOf(Reason::kApiKeyInvalid), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CodeOf(Reason::kRightMissing), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(Reason::kEtagMismatch), absl::StatusCode::kAborted);
  EXPECT_EQ(CodeOf(Reason::kWatchLagged), absl::StatusCode::kAborted);
  EXPECT_EQ(CodeOf(Reason::kCursorExpired), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(CodeOf(Reason::kProviderThrottled), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(Reason::kReauthorizationRequired),
            absl::StatusCode::kFailedPrecondition);
}

TEST(StatusTest, CarriesMetadataAndDelay) {
  const std::string odd("1:\0,\"", 5);
  const absl::Status status = MakeError(
      Reason::kProviderThrottled, "the provider answered 429",
      {{"provider", "p"}, {"", ""}, {"odd", odd}}, absl::Milliseconds(1500));
  EXPECT_EQ(status.message(), "the provider answered 429");
  EXPECT_THAT(MetadataOf(status), ElementsAre(Pair("provider", "p"),
                                              Pair("", ""), Pair("odd", odd)));
  EXPECT_EQ(RetryAfterOf(status), absl::Milliseconds(1500));
}

TEST(StatusTest, OthersHaveNoParts) {
  for (const absl::Status& status :
       {absl::OkStatus(), absl::InternalError("x"), absl::Status()}) {
    EXPECT_EQ(ReasonOf(status), Reason::kNone);
    EXPECT_THAT(MetadataOf(status), IsEmpty());
    EXPECT_EQ(RetryAfterOf(status), absl::ZeroDuration());
  }
}

TEST(StatusTest, InvalidFieldNamesTheField) {
  const absl::Status status = InvalidField("name", "applications/{a}");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "name: expected applications/{a}");
  EXPECT_THAT(
      MetadataOf(status),
      ElementsAre(Pair("field", "name"), Pair("expected", "applications/{a}")));
}

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return InvalidField("n", "an even number");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  VK_ASSIGN_OR_RETURN(const int half, Half(n));
  VK_RETURN_IF_ERROR(Half(half).status());
  return Half(half);
}

TEST(StatusTest, MacrosPassErrorsOn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(ReasonOf(Quarter(7).status()), Reason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(Quarter(6).status()), Reason::kFieldInvalid);
}

}  // namespace
}  // namespace valetkey
