// TokenSource while ValetKey is away.

#include "tests/fixture.h"

namespace valetkey::client {
namespace {

class SourceAwayTest : public FakeTest {};

TEST_F(SourceAwayTest, AwayAndNothingHeldIsUnavailableWithADelay) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  scheduler_->SetRandom(0.5);
  fake_.Fail("GetToken", Unreached(), 3);
  const auto patient = Read(source, Within(absl::Seconds(10)));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
  // One whose deadline is before the next try has no reason to wait.
  const auto hasty = source.Get(Within(absl::Milliseconds(60)));
  EXPECT_TRUE(absl::IsUnavailable(hasty.status())) << hasty.status();
  EXPECT_EQ(RetryDelayOf(hasty.status()), absl::Milliseconds(100));
  // One whose deadline comes before the next but one fails when that is known.
  const auto middling = Read(source, Within(absl::Milliseconds(250)));
  scheduler_->Advance(absl::Milliseconds(100));
  EXPECT_EQ(RetryDelayOf(middling.Await().status()), absl::Milliseconds(200));
  EXPECT_FALSE(patient.IsDone());
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(200)));
  scheduler_->Advance(absl::Milliseconds(200));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(400)));
  scheduler_->Advance(absl::Milliseconds(400));
  EXPECT_EQ(patient.Await()->access_token(), "secret-1");
  EXPECT_EQ(fake_.Calls("GetToken"), 4);
}

TEST_F(SourceAwayTest, TheDeadlineAfterAFailedTryIsThatFailure) {
  WithoutWatch();
  const TokenSource source = NewSource();
  fake_.Fail("GetToken", Unreached());
  const auto reader = Read(source, Within(absl::Seconds(5)));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
  fake_.Hold("GetToken");
  scheduler_->Advance(absl::Milliseconds(100));
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  scheduler_->Advance(absl::Seconds(5));
  EXPECT_TRUE(absl::IsUnavailable(reader.Await().status()));
  EXPECT_EQ(RetryDelayOf(reader.Await().status()), absl::Milliseconds(100));
  fake_.Release("GetToken");
}

TEST_F(SourceAwayTest, WhileValetKeyIsAwayTheTokenIsServedToItsEnd) {
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(100)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.Stop();
  scheduler_->Advance(absl::Seconds(80));  // the background begins to ask
  for (int i = 0; i < 17; ++i) {
    EXPECT_EQ(ReadText(source), "secret-1");
    scheduler_->Advance(absl::Seconds(1));
  }
  scheduler_->Advance(absl::Seconds(2));
  // It lives for less than 2 s now: asked for anew, and served all the same.
  EXPECT_EQ(ReadText(source), "secret-1");
  scheduler_->Advance(absl::Seconds(1));
  const auto late = source.Get(Within(absl::Milliseconds(1)));
  EXPECT_TRUE(absl::IsUnavailable(late.status())) << late.status();
  EXPECT_TRUE(RetryDelayOf(late.status()).has_value());
  fake_.SetToken("c-7", "secret-2");
  fake_.Start();
  // The background goes on asking, and readers find what it brought.
  EXPECT_TRUE(Eventually([&] {
    scheduler_->Advance(absl::Milliseconds(10));
    return fake_.Calls("GetToken") >= 2;
  }));
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

TEST_F(SourceAwayTest, ARejectedTokenIsNotServedToItsEnd) {
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(100)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.Stop();
  source.Invalidate(1);
  const auto refused = source.Get(Within(absl::Milliseconds(1)));
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
}

TEST_F(SourceAwayTest, BackgroundFetchesBackOff) {
  WithoutWatch();
  scheduler_->SetRandom(0.5);
  FakeTokenOptions options = Lives(absl::Seconds(1000));
  options.refresh_in = absl::Seconds(600);
  fake_.SetToken("c-7", "secret-1", options);
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.Fail("GetToken", Unreached(), 2);
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 1, absl::Seconds(30));
  scheduler_->Advance(absl::Seconds(620));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
  scheduler_->Advance(absl::Milliseconds(100));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(200)));
  scheduler_->Advance(absl::Milliseconds(200));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(30)));
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.SetToken("c-7", "secret-2", options);
  scheduler_->Advance(absl::Seconds(30));
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

}  // namespace
}  // namespace valetkey::client
