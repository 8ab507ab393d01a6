// TokenSource: what its readers get, and what it asks for.

#include <thread>
#include <vector>

#include "tests/fixture.h"

namespace valetkey::client {
namespace {

class SourceTest : public FakeTest {};

TEST_F(SourceTest, MakingOneOpensNothing) {
  const TokenSource source = NewSource();
  EXPECT_EQ(source.name(), "applications/shop/connections/c-7");
  EXPECT_EQ(fake_.Calls("GetToken") + fake_.Calls("WatchEvents"), 0);
}

TEST_F(SourceTest, AFreshTokenIsReadFromMemory) {
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  for (int i = 0; i < 1000; ++i) {
    const auto token = source.Get();
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->access_token(), "secret-1");
    EXPECT_EQ(token->generation(), 1);
  }
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(SourceTest, AHundredFirstReadersShareOneCall) {
  fake_.SetToken("c-7", "secret-1");
  fake_.Hold("GetToken");
  const TokenSource source = NewSource();
  std::vector<Pending<Token>> readers;
  for (int i = 0; i < 100; ++i) readers.push_back(Read(source));
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 1));
  fake_.Release("GetToken");
  for (const auto& reader : readers) {
    const auto token = reader.Await();
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->access_token(), "secret-1");
  }
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(SourceTest, ManyThreadsShareOneCall) {
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  threads.reserve(20);
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] { served += ReadText(source) == "secret-1"; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 20);
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(SourceTest, OptionsAreAsked) {
  fake_.SetToken("c-7", "secret-1", {absl::Hours(1), {"pins:read"}});
  TokenSourceOptions options;
  options.required_scopes = {"pins:read", "pins:write"};
  const TokenSource source = NewSource("c-7", options);
  const absl::Status status = source.Get().status();
  EXPECT_TRUE(IsScopeNotGranted(status)) << status;
  EXPECT_EQ(GetError(status).missing_scopes,
            std::vector<std::string>{"pins:write"});
  TokenSourceOptions other;
  other.token = "user";
  EXPECT_EQ(GetError(NewSource("c-7", other).Get().status()).reason,
            "TOKEN_NOT_FOUND");
  EXPECT_EQ(fake_.TokenRequests().back().token(), "user");
}

TEST_F(SourceTest, ATokenIsGivenOutUntilTwoSecondsBeforeItsEnd) {
  WithoutWatch();
  FakeTokenOptions options = Lives(absl::Seconds(100));
  options.refresh_in = absl::Seconds(1000);  // no timer before the end
  fake_.SetToken("c-7", "secret-1", options);
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.Hold("GetToken");
  scheduler_->Advance(absl::Milliseconds(97'999));
  EXPECT_EQ(ReadText(source), "secret-1");
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
  scheduler_->Advance(absl::Milliseconds(2));
  const auto reader = Read(source);
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  fake_.SetToken("c-7", "secret-2");
  fake_.Release("GetToken");
  EXPECT_EQ(reader.Await()->access_token(), "secret-2");
}

TEST_F(SourceTest, AShortLivedTokenIsGivenToThoseWhoWaited) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(1)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  EXPECT_EQ(ReadText(source), "secret-1");
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(SourceTest, ATokenWithoutEndNeedsNoTimer) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1", Lives(absl::InfiniteDuration()));
  const TokenSource source = NewSource();
  EXPECT_EQ(source.Get()->expire_time(), absl::InfiniteFuture());
  scheduler_->Advance(absl::Minutes(4));
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(SourceTest, TheTimerFetchesAtTheRefreshTime) {
  WithoutWatch();
  scheduler_->SetRandom(0.5);
  FakeTokenOptions options = Lives(absl::Seconds(1000));
  options.refresh_in = absl::Seconds(600);
  fake_.SetToken("c-7", "secret-1", options);
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  // 600 s and half a tenth of the 400 s left then.
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(620)));
  fake_.SetToken("c-7", "secret-2", options);
  scheduler_->Advance(absl::Seconds(620));
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(SourceTest, TheTimerFetchesAtFourFifthsWithoutARefreshTime) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(1000)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(800)));
}

TEST_F(SourceTest, TheSameGenerationIsAskedForAgain) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(1000)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  scheduler_->Advance(absl::Seconds(800));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(20)));  // of 200
  scheduler_->Advance(absl::Seconds(20));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Seconds(18)));  // of 180
  EXPECT_EQ(fake_.Calls("GetToken"), 3);
  scheduler_->Advance(absl::Seconds(18));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(16'200)));
  EXPECT_EQ(ReadText(source), "secret-1");
}

TEST_F(SourceTest, TheTimerIsAtLeastASecond) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(10)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  scheduler_->Advance(absl::Seconds(8));
  EXPECT_TRUE(scheduler_->AwaitTimer(absl::Seconds(1)));
}

TEST_F(SourceTest, NeverBackAGeneration) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  FakeTokenOptions options = Lives(absl::Seconds(1000));
  fake_.SetToken("c-7", "old", options);
  fake_.SetToken("c-7", "new", options);
  const TokenSource source = NewSource();
  EXPECT_EQ(source.Get()->generation(), 2);
  // A server restored from a backup.
  fake_.Delete("c-7");
  fake_.SetToken("c-7", "old", options);
  scheduler_->Advance(absl::Seconds(800));
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  // Asked again, as if it were away.
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(50)));
  EXPECT_EQ(ReadText(source), "new");
}

TEST_F(SourceTest, InvalidateBringsAnotherGeneration) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  EXPECT_EQ(source.Get()->generation(), 1);
  source.Invalidate(2);  // not held
  source.Invalidate(0);
  EXPECT_EQ(source.Get()->generation(), 1);
  EXPECT_EQ(fake_.Calls("GetToken"), 1);

  source.Invalidate(1);
  source.Invalidate(1);
  fake_.Hold("GetToken");
  std::vector<Pending<Token>> readers;
  for (int i = 0; i < 10; ++i) readers.push_back(Read(source));
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  EXPECT_FALSE(readers.front().IsDone()) << "the refused token was given out";
  fake_.Release("GetToken");
  for (const auto& reader : readers) EXPECT_EQ(reader.Await()->generation(), 2);
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
  EXPECT_EQ(fake_.TokenRequests().back().rejected_generation(), 1);
  source.Invalidate(1);  // older than what is held
  EXPECT_EQ(source.Get()->generation(), 2);
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(SourceTest, InvalidateDuringAFetchAsksAgain) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(1000)));
  const TokenSource source = NewSource();
  EXPECT_EQ(source.Get()->generation(), 1);
  fake_.Hold("GetToken");
  scheduler_->Advance(absl::Seconds(800));
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  source.Invalidate(1);
  const auto reader = Read(source);
  fake_.Release("GetToken");
  // The call under way did not say that 1 was refused, and brought it.
  EXPECT_EQ(reader.Await()->generation(), 2);
  EXPECT_EQ(fake_.Calls("GetToken"), 3);
}

TEST_F(SourceTest, ErrorsAreRememberedForASecond) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1");
  fake_.Revoke("c-7");
  const TokenSource source = NewSource();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(IsConnectionRevoked(source.Get().status()));
  }
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
  scheduler_->Advance(absl::Milliseconds(999));
  EXPECT_TRUE(IsConnectionRevoked(source.Get().status()));
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
  scheduler_->Advance(absl::Milliseconds(1));
  EXPECT_TRUE(IsConnectionRevoked(source.Get().status()));
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
  const TokenSource missing = NewSource("c-8");
  EXPECT_TRUE(absl::IsNotFound(missing.Get().status()));
  EXPECT_TRUE(absl::IsNotFound(missing.Get().status()));
  EXPECT_EQ(fake_.Calls("GetToken"), 3);
}

TEST_F(SourceTest, OtherErrorsAreNotRemembered) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  fake_.Fail("GetToken", v1::INTERNAL_FAULT);
  EXPECT_EQ(source.Get().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReadText(source), "secret-1");

  const TokenSource other = NewSource();
  fake_.Fail("GetToken", v1::PROVIDER_UNAVAILABLE, 1, absl::Minutes(1));
  EXPECT_TRUE(absl::IsUnavailable(other.Get().status()));
  EXPECT_EQ(ReadText(other), "secret-1");
}

TEST_F(SourceTest, ARevokedConnectionIsNoticedWithoutAWatch) {
  WithoutWatch();
  scheduler_->SetRandom(0);
  fake_.SetToken("c-7", "secret-1", Lives(absl::Seconds(1000)));
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  fake_.Revoke("c-7");
  scheduler_->Advance(absl::Seconds(800));
  EXPECT_TRUE(
      Eventually([&] { return IsConnectionRevoked(source.Get().status()); }));
}

TEST_F(SourceTest, AReaderWhoGivesUpDoesNotCancelForOthers) {
  WithoutWatch();
  fake_.SetToken("c-7", "secret-1");
  fake_.Hold("GetToken");
  const TokenSource source = NewSource();
  CallOptions cancelled;
  cancelled.cancellation.emplace();
  const auto first = Read(source, cancelled);
  const auto second = Read(source, Within(absl::Seconds(1)));
  const auto third = Read(source);
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 1));
  cancelled.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(first.Await().status()));
  scheduler_->Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(second.Await().status()));
  EXPECT_FALSE(third.IsDone());
  fake_.Release("GetToken");
  EXPECT_EQ(third.Await()->access_token(), "secret-1");
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
  EXPECT_TRUE(absl::IsCancelled(NewSource("c-8").Get(cancelled).status()));
}

TEST_F(SourceTest, CloseEndsReadersAndTimers) {
  fake_.SetToken("c-7", "secret-1");
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  EXPECT_TRUE(fake_.AwaitWatches(1));
  source.Close();
  source.Close();
  EXPECT_TRUE(absl::IsCancelled(source.Get().status()));
  source.Invalidate(1);
  EXPECT_TRUE(fake_.AwaitWatches(0));
  EXPECT_TRUE(scheduler_->Delays().empty());

  const TokenSource waiting = NewSource();
  fake_.Hold("GetToken");
  const auto reader = Read(waiting);
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  waiting.Close();
  EXPECT_TRUE(absl::IsCancelled(reader.Await().status()));
  EXPECT_TRUE(scheduler_->Delays().empty());
  fake_.Release("GetToken");
}

TEST_F(SourceTest, TheLastCopyCloses) {
  fake_.SetToken("c-7", "secret-1");
  {
    const TokenSource source = NewSource();
    const TokenSource copy = source;  // NOLINT: the copy is the point
    EXPECT_EQ(ReadText(copy), "secret-1");
    EXPECT_TRUE(fake_.AwaitWatches(1));
  }
  EXPECT_TRUE(fake_.AwaitWatches(0));
}

}  // namespace
}  // namespace valetkey::client
