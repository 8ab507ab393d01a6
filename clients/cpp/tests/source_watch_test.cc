// TokenSource and the application's watch.

#include <vector>

#include "tests/fixture.h"

namespace valetkey::client {
namespace {

class SourceWatchTest : public FakeTest {
 protected:
  // A source that holds a token, with its watch open.
  TokenSource ReadySource(const char* name = "c-7") {
    fake_.SetToken(name, "secret-1");
    TokenSource source = NewSource(name);
    EXPECT_EQ(ReadText(source), "secret-1");
    EXPECT_TRUE(fake_.AwaitWatches(1));
    return source;
  }
  // Lets the stream come back after a break.
  void Resume(int calls) {
    ASSERT_TRUE(Eventually([&] {
      scheduler_->Advance(absl::Milliseconds(10));
      return fake_.Calls("WatchEvents") >= calls;
    }));
    ASSERT_TRUE(fake_.AwaitWatches(1));
  }
  static v1::Event Event(v1::EventType type, std::int64_t generation,
                         const char* connection = "c-7") {
    v1::Event event;
    event.set_type(type);
    event.set_connection(connection);
    event.set_generation(generation);
    return event;
  }
};

TEST_F(SourceWatchTest, OneStreamForAnApplication) {
  std::vector<TokenSource> sources;
  for (const char* name : {"c-1", "c-2", "c-3"}) {
    sources.push_back(ReadySource(name));
  }
  EXPECT_EQ(fake_.Calls("WatchEvents"), 1);
  const auto request = fake_.WatchRequests().front();
  EXPECT_EQ(request.parent(), "applications/shop");
  EXPECT_EQ(request.cursor(), "");
  EXPECT_FALSE(request.snapshot());
  std::vector<int> types(request.types().begin(), request.types().end());
  std::sort(types.begin(), types.end());
  EXPECT_EQ(types, (std::vector<int>{
                       v1::EVENT_TYPE_REAUTHORIZED, v1::EVENT_TYPE_REFRESHED,
                       v1::EVENT_TYPE_REAUTHORIZATION_REQUIRED,
                       v1::EVENT_TYPE_REVOKED, v1::EVENT_TYPE_DELETED}));
  sources.pop_back();
  EXPECT_EQ(ReadText(sources.front()), "secret-1");
  EXPECT_EQ(fake_.Watches(), 1);
  sources.clear();
  EXPECT_TRUE(fake_.AwaitWatches(0));
}

TEST_F(SourceWatchTest, TheFirstFetchWaitsForTheStream) {
  fake_.SetToken("c-7", "secret-1");
  fake_.Hold("WatchEvents");
  const TokenSource source = NewSource();
  const auto reader = Read(source);
  ASSERT_TRUE(fake_.AwaitCalls("WatchEvents", 1));
  EXPECT_EQ(fake_.Calls("GetToken"), 0);
  fake_.Release("WatchEvents");
  EXPECT_EQ(reader.Await()->access_token(), "secret-1");
}

TEST_F(SourceWatchTest, TheFirstFetchWaitsASecondAtMost) {
  fake_.SetToken("c-7", "secret-1");
  fake_.Hold("WatchEvents");
  const TokenSource source = NewSource();
  const auto reader = Read(source);
  ASSERT_TRUE(fake_.AwaitCalls("WatchEvents", 1));
  scheduler_->Advance(absl::Milliseconds(999));
  EXPECT_EQ(fake_.Calls("GetToken"), 0);
  scheduler_->Advance(absl::Milliseconds(1));
  EXPECT_EQ(reader.Await()->access_token(), "secret-1");
  // When it comes at last, what was before it has to be asked for.
  fake_.SetToken("c-7", "secret-2");
  fake_.Release("WatchEvents");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

TEST_F(SourceWatchTest, ARefusedStreamIsTriedAgainAfterFiveMinutes) {
  fake_.SetToken("c-7", "secret-1", {absl::InfiniteDuration(), {}});
  fake_.Fail("WatchEvents", v1::RIGHT_MISSING);
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-1");
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Minutes(5)));
  scheduler_->Advance(absl::Minutes(5) - absl::Milliseconds(1));
  EXPECT_EQ(fake_.Calls("WatchEvents"), 1);
  fake_.SetToken("c-7", "secret-2");
  scheduler_->Advance(absl::Milliseconds(1));
  EXPECT_TRUE(fake_.AwaitWatches(1));
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

TEST_F(SourceWatchTest, ANewGenerationIsFetchedInTheBackground) {
  const TokenSource source = ReadySource();
  fake_.Hold("GetToken");
  fake_.SetToken("c-7", "secret-2");
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  EXPECT_EQ(fake_.TokenRequests().back().min_generation(), 2);
  EXPECT_EQ(ReadText(source), "secret-1") << "readers must not wait";
  fake_.Release("GetToken");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(SourceWatchTest, AKnownGenerationIsNotFetched) {
  const TokenSource source = ReadySource();
  const TokenSource other = ReadySource("c-8");
  fake_.Emit(Event(v1::EVENT_TYPE_REFRESHED, 1));
  fake_.Emit(Event(v1::EVENT_TYPE_REAUTHORIZATION_REQUIRED, 1));
  fake_.Emit(Event(v1::EVENT_TYPE_REFRESHED, 7, "c-9"));
  // What follows shows that those were seen.
  fake_.SetToken("c-8", "secret-2");
  EXPECT_TRUE(EventuallyReads(other, "secret-2"));
  EXPECT_EQ(ReadText(source), "secret-1");
  EXPECT_EQ(fake_.Calls("GetToken"), 3);
}

TEST_F(SourceWatchTest, AnEventDuringAFetchIsNotLost) {
  const TokenSource source = ReadySource();
  fake_.Hold("GetToken");
  fake_.SetToken("c-7", "secret-2");
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 2));
  fake_.Emit(Event(v1::EVENT_TYPE_REFRESHED, 2));
  fake_.Release("GetToken");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  fake_.SetToken("c-7", "secret-3");
  EXPECT_TRUE(EventuallyReads(source, "secret-3"));
}

TEST_F(SourceWatchTest, RevokedDropsTheTokenAtOnce) {
  const TokenSource source = ReadySource();
  fake_.Revoke("c-7");
  EXPECT_TRUE(
      Eventually([&] { return IsConnectionRevoked(source.Get().status()); }));
  const int calls = fake_.Calls("GetToken");
  EXPECT_TRUE(IsConnectionRevoked(source.Get().status()));
  EXPECT_EQ(fake_.Calls("GetToken"), calls) << "remembered";
  // The person consents again.
  fake_.SetToken("c-7", "secret-3");
  EXPECT_TRUE(EventuallyReads(source, "secret-3"));
}

TEST_F(SourceWatchTest, DeletedDropsTheTokenAtOnce) {
  const TokenSource source = ReadySource();
  fake_.Delete("c-7");
  EXPECT_TRUE(
      Eventually([&] { return absl::IsNotFound(source.Get().status()); }));
}

TEST_F(SourceWatchTest, AnOldRevocationDropsNothing) {
  const TokenSource other = ReadySource("c-8");
  fake_.SetToken("c-7", "secret-1");
  fake_.SetToken("c-7", "secret-2");
  fake_.SetToken("c-7", "secret-3");
  const TokenSource source = NewSource();
  EXPECT_EQ(ReadText(source), "secret-3");
  const int calls = fake_.Calls("GetToken");
  fake_.Emit(Event(v1::EVENT_TYPE_REVOKED, 2));
  fake_.SetToken("c-8", "secret-2");
  EXPECT_TRUE(EventuallyReads(other, "secret-2"));
  EXPECT_EQ(ReadText(source), "secret-3");
  EXPECT_EQ(fake_.Calls("GetToken"), calls + 1);
}

TEST_F(SourceWatchTest, ATokenAskedForBeforeARevocationIsNotTaken) {
  const TokenSource source = ReadySource();
  const TokenSource other = ReadySource("c-8");
  const int calls = fake_.Calls("GetToken");
  // The answer of a server that has not heard of the revocation.
  fake_.Hold("GetToken");
  source.Invalidate(1);
  const auto reader = Read(source);
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", calls + 1));
  fake_.Emit(Event(v1::EVENT_TYPE_REVOKED, 9));
  fake_.SetToken("c-8", "secret-2");
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", calls + 2)) << "both seen";
  fake_.Release("GetToken");
  // It is asked again; the fake's generations are below the revoked one.
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", calls + 3));
  EXPECT_TRUE(EventuallyReads(other, "secret-2"));
  EXPECT_FALSE(reader.IsDone());
}

TEST_F(SourceWatchTest, AnEventForgetsARememberedError) {
  const TokenSource source = ReadySource();
  fake_.Revoke("c-7");
  EXPECT_TRUE(
      Eventually([&] { return IsConnectionRevoked(source.Get().status()); }));
  fake_.SetToken("c-7", "secret-3");  // REAUTHORIZED
  EXPECT_TRUE(EventuallyReads(source, "secret-3")) << "no time has passed";
}

TEST_F(SourceWatchTest, ABrokenStreamIsResumedFromItsCursor) {
  const TokenSource source = ReadySource();
  fake_.SetToken("c-7", "secret-2");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  const int calls = fake_.Calls("GetToken");
  scheduler_->SetRandom(0.5);
  fake_.EndWatches(Unreached());
  ASSERT_TRUE(fake_.AwaitWatches(0));
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
  fake_.SetToken("c-7", "secret-3");  // nobody watches
  Resume(2);
  EXPECT_EQ(fake_.WatchRequests().back().cursor(), "fake-2");
  EXPECT_TRUE(EventuallyReads(source, "secret-3"));
  EXPECT_EQ(fake_.Calls("GetToken"), calls + 1);
}

TEST_F(SourceWatchTest, LaggingIsResumedToo) {
  const TokenSource source = ReadySource();
  fake_.Lag();
  ASSERT_TRUE(fake_.AwaitWatches(0));
  fake_.SetToken("c-7", "secret-2");
  Resume(2);
  EXPECT_NE(fake_.WatchRequests().back().cursor(), "");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

TEST_F(SourceWatchTest, AfterAnExpiredCursorItBeginsAnewAndAsksOnce) {
  const TokenSource source = ReadySource();
  fake_.EndWatches(Unreached());
  ASSERT_TRUE(fake_.AwaitWatches(0));
  fake_.SetToken("c-7", "secret-2");
  fake_.TrimEvents();
  Resume(3);
  EXPECT_NE(fake_.WatchRequests()[1].cursor(), "");
  EXPECT_EQ(fake_.WatchRequests()[2].cursor(), "");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  EXPECT_EQ(fake_.Calls("GetToken"), 2);
}

TEST_F(SourceWatchTest, TheWaitsOfTheStreamGrow) {
  const TokenSource source = ReadySource();
  scheduler_->SetRandom(0.5);
  fake_.Fail("WatchEvents", Unreached(), 3);
  fake_.EndWatches(Unreached());
  for (const int wait : {100, 200, 400, 800}) {
    ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(wait))) << wait;
    scheduler_->Advance(absl::Milliseconds(wait));
  }
  // A stream that came resets them.
  fake_.SetToken("c-7", "secret-2");
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
  fake_.EndWatches(Unreached());
  ASSERT_TRUE(scheduler_->AwaitTimer(absl::Milliseconds(100)));
}

TEST_F(SourceWatchTest, AServerThatComesBackIsNoticedByTheStream) {
  const TokenSource source = ReadySource();
  fake_.Stop();
  fake_.SetToken("c-7", "secret-2");
  fake_.Start();
  Resume(2);
  EXPECT_TRUE(EventuallyReads(source, "secret-2"));
}

TEST_F(SourceWatchTest, ClosingTheClientEndsTheStream) {
  const TokenSource source = ReadySource();
  fake_.Hold("GetToken");
  source.Invalidate(1);
  const auto reader = Read(source);
  client_.Close();
  client_.Close();
  EXPECT_TRUE(absl::IsCancelled(reader.Await().status()));
  EXPECT_TRUE(absl::IsCancelled(source.Get().status()));
  EXPECT_TRUE(fake_.AwaitWatches(0));
  fake_.Release("GetToken");
}

}  // namespace
}  // namespace valetkey::client
