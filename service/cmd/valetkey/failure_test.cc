#include "service/cmd/valetkey/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/cmd/valetkey/test_server.h"

namespace valetkey::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(DetailsOf, ReadsReasonMetadataAndDelay) {
  const grpc::Status status = ReasonedError(
      grpc::StatusCode::UNAVAILABLE, "PROVIDER_THROTTLED", "slow down",
      {{"provider", "applications/shop/providers/pinterest"}}, 17);
  const FailureDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, v1::PROVIDER_THROTTLED);
  EXPECT_EQ(details.reason_name, "PROVIDER_THROTTLED");
  EXPECT_THAT(
      details.metadata,
      ElementsAre(Pair("provider", "applications/shop/providers/pinterest")));
  EXPECT_EQ(details.retry_after, absl::Seconds(17));
}

TEST(DetailsOf, KeepsAReasonThatItDoesNotKnow) {
  const FailureDetails details = DetailsOf(ReasonedError(
      grpc::StatusCode::FAILED_PRECONDITION, "NEW_IN_VERSION_9", "x", {}, 0));
  EXPECT_EQ(details.reason, v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(details.reason_name, "NEW_IN_VERSION_9");
}

TEST(DetailsOf, SurvivesDamage) {
  const std::string whole =
      ReasonedError(grpc::StatusCode::UNAVAILABLE, "PROVIDER_THROTTLED", "x",
                    {{"a", "b"}}, 17)
          .error_details();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    DetailsOf({grpc::StatusCode::UNAVAILABLE, "x", whole.substr(0, size)});
    std::string flipped = whole;
    flipped[size] = static_cast<char>(flipped[size] ^ 0xff);
    DetailsOf({grpc::StatusCode::UNAVAILABLE, "x", flipped});
  }
  EXPECT_EQ(
      DetailsOf({grpc::StatusCode::UNKNOWN, "x", "\xff\xff\xff"}).reason_name,
      "");
}

TEST(DescribeFailure, SaysWhatAndWhatToDo) {
  const Failure failure = DescribeFailure(ReasonedError(
      grpc::StatusCode::FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED",
      "the grant is dead at the provider",
      {{"connection", "applications/shop/connections/c-7"},
       {"provider", "applications/shop/providers/pinterest"}},
      0));
  EXPECT_EQ(failure.exit_code, kExitActionNeeded);
  EXPECT_EQ(failure.text,
            "valetkey: REAUTHORIZATION_REQUIRED: the grant is dead at the "
            "provider\n"
            "  the person must consent again: 'valetkey connect pinterest "
            "--connection c-7'\n");
}

TEST(DescribeFailure, TellsWhenToTryAgain) {
  EXPECT_THAT(DescribeFailure(ReasonedError(grpc::StatusCode::UNAVAILABLE,
                                            "PROVIDER_THROTTLED", "x", {}, 17))
                  .text,
              HasSubstr("try again in 17 s"));
}

TEST(DescribeFailure, CannotMoveTheCursor) {
  EXPECT_THAT(DescribeFailure({grpc::StatusCode::INTERNAL, "bad \x1b[2J"}).text,
              Not(HasSubstr("\x1b")));
}

TEST(ExitCodeOf, TellsScriptsWhatToDo) {
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::OK), 0);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::NOT_FOUND), 2);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::INVALID_ARGUMENT), 2);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::FAILED_PRECONDITION), 3);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::UNAVAILABLE), 4);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::ABORTED), 4);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::DEADLINE_EXCEEDED), 4);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::UNAUTHENTICATED), 5);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::PERMISSION_DENIED), 5);
  EXPECT_EQ(ExitCodeOf(grpc::StatusCode::INTERNAL), 6);
}

}  // namespace
}  // namespace valetkey::cli
