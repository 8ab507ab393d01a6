#include "valetkey/watch.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fixture.h"
#include "valetkey/v1/event_service.grpc.pb.h"

namespace valetkey::client {
namespace {

class WatchTest : public FakeTest {
 protected:
  Watch NewWatch(const v1::WatchEventsRequest& request = {}) {
    auto watch = client_.WatchEvents(request);
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }
  static std::string Next(Watch& watch) { return Text(watch.Next()); }
  static std::string Text(
      const absl::StatusOr<v1::WatchEventsResponse>& message) {
    if (!message.ok()) return std::string(message.status().message());
    if (message->has_event()) {
      return v1::EventType_Name(message->event().type()).substr(11) +
             std::to_string(message->event().generation());
    }
    return message->has_connection() ? message->connection().name().substr(30)
                                     : "checkpoint";
  }
  Pending<v1::WatchEventsResponse> NextLater(Watch& watch,
                                             const CallOptions& options = {}) {
    Pending<v1::WatchEventsResponse> pending;
    watch.Next(options, pending.Done());
    return pending;
  }
  // Moves the time until the stream has been opened so often.
  void Resume(int calls) {
    ASSERT_TRUE(Eventually([&] {
      scheduler_->Advance(absl::Milliseconds(10));
      return fake_.Calls("WatchEvents") >= calls;
    }));
  }
};

TEST_F(WatchTest, YieldsEventsWithCursors) {
  Watch watch = NewWatch();
  EXPECT_EQ(Next(watch), "checkpoint");
  fake_.SetToken("c-7", "secret-1");
  fake_.SetToken("c-7", "secret-2");
  fake_.Revoke("c-7");
  const auto message = watch.Next();
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->event().type(), v1::EVENT_TYPE_CONNECTED);
  EXPECT_EQ(message->cursor(), "fake-1");
  EXPECT_EQ(Next(watch), "REFRESHED2");
  EXPECT_EQ(Next(watch), "REVOKED3");
  fake_.Checkpoint();
  EXPECT_EQ(Next(watch), "checkpoint");
}

TEST_F(WatchTest, ShortNamesAndFiltersAreSent) {
  v1::WatchEventsRequest request;
  request.set_connection("c-7");
  Watch watch = NewWatch(request);
  EXPECT_EQ(Next(watch), "checkpoint");
  EXPECT_EQ(fake_.WatchRequests().front().parent(), "applications/shop");
  EXPECT_EQ(fake_.WatchRequests().front().connection(),
            "applications/shop/connections/c-7");
  fake_.SetToken("c-8", "other");
  fake_.SetToken("c-7", "secret");
  EXPECT_EQ(Next(watch), "CONNECTED1");
}

TEST_F(WatchTest, ResumesAfterTheLastCursorThatWasYielded) {
  Watch watch = NewWatch();
  EXPECT_EQ(Next(watch), "checkpoint");
  fake_.SetToken("c-7", "secret-1");
  fake_.SetToken("c-7", "secret-2");
  EXPECT_EQ(Next(watch), "CONNECTED1");
  fake_.EndWatches(Unreached());
  ASSERT_TRUE(fake_.AwaitWatches(0));
  fake_.SetToken("c-7", "secret-3");
  // Whatever was read ahead, each comes once and in order.
  const auto second = NextLater(watch);
  Resume(2);
  EXPECT_EQ(second.Await()->event().generation(), 2);
  EXPECT_EQ(Next(watch), "REFRESHED3");
  const auto requests = fake_.WatchRequests();
  EXPECT_TRUE(requests.back().cursor() == "fake-1" ||
              requests.back().cursor() == "fake-2")
      << requests.back().cursor();
}

TEST_F(WatchTest, LaggingIsNotNoticed) {
  Watch watch = NewWatch();
  EXPECT_EQ(Next(watch), "checkpoint");
  const auto next = NextLater(watch);
  fake_.Lag();
  ASSERT_TRUE(fake_.AwaitWatches(0));
  fake_.SetToken("c-7", "secret-1");
  Resume(2);
  EXPECT_EQ(next.Await()->event().generation(), 1);
}

TEST_F(WatchTest, ASnapshotIsFollowedByEvents) {
  fake_.SetToken("c-1", "a");
  fake_.SetToken("c-2", "b");
  v1::WatchEventsRequest request;
  request.set_snapshot(true);
  Watch watch = NewWatch(request);
  EXPECT_EQ(Next(watch), "c-1");
  EXPECT_EQ(Next(watch), "c-2");
  EXPECT_EQ(Next(watch), "checkpoint");
  const auto next = NextLater(watch);
  fake_.EndWatches(Unreached());
  ASSERT_TRUE(fake_.AwaitWatches(0));
  fake_.SetToken("c-1", "c");
  Resume(2);
  EXPECT_EQ(next.Await()->event().generation(), 2);
  EXPECT_FALSE(fake_.WatchRequests().back().snapshot());
}

// Each call sends a part of a snapshot, and breaks; the last is whole.
class BreakingServer final : public v1::EventService::Service {
 public:
  BreakingServer() {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~BreakingServer() override { server_->Shutdown(); }
  const std::string& address() const { return address_; }

  grpc::Status WatchEvents(
      grpc::ServerContext*, const v1::WatchEventsRequest* request,
      grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    const int call = ++calls_;
    v1::WatchEventsResponse message;
    if (!request->snapshot() || !request->cursor().empty()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "not a snapshot"};
    }
    for (int i = 1; i <= call; ++i) {
      message.mutable_connection()->set_name(
          absl::StrCat("applications/shop/connections/c-", i));
      writer->Write(message);
    }
    if (call < 3) return {grpc::StatusCode::UNAVAILABLE, "broken"};
    message.mutable_checkpoint();
    message.set_cursor("1");
    writer->Write(message);
    return {grpc::StatusCode::INTERNAL, "the end"};
  }

 private:
  std::atomic<int> calls_{0};
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(WatchTest, ABreakWithinASnapshotBeginsItAnew) {
  BreakingServer server;
  ClientOptions options = fake_.client_options();
  options.address = server.address();
  Client client = NewClient(options);
  v1::WatchEventsRequest request;
  request.set_snapshot(true);
  Watch watch = *client.WatchEvents(request);
  std::vector<std::string> seen;
  while (seen.empty() || seen.back() != "the end") {
    const Pending<v1::WatchEventsResponse> next = NextLater(watch);
    ASSERT_TRUE(Eventually([&] {
      scheduler_->Advance(absl::Milliseconds(10));
      return next.IsDone();
    }));
    seen.push_back(Text(next.Await()));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"c-1", "c-1", "c-2", "c-1", "c-2",
                                            "c-3", "checkpoint", "the end"}));
}

TEST_F(WatchTest, OtherErrorsEndIt) {
  v1::WatchEventsRequest request;
  request.set_cursor("fake-0");
  fake_.SetToken("c-7", "secret-1");
  fake_.TrimEvents();
  Watch expired = NewWatch(request);
  EXPECT_TRUE(IsCursorExpired(expired.Next().status()));
  EXPECT_TRUE(IsCursorExpired(expired.Next().status())) << "and again";
  EXPECT_EQ(fake_.Calls("WatchEvents"), 1);
  fake_.Fail("WatchEvents", v1::RIGHT_MISSING);
  Watch refused = NewWatch();
  EXPECT_EQ(KindOf(refused.Next().status()), ErrorKind::kPermissionDenied);
  request.set_cursor("nonsense");
  Watch damaged = NewWatch(request);
  EXPECT_EQ(GetError(damaged.Next().status()).reason, "CURSOR_INVALID");
}

TEST_F(WatchTest, GivingUpLosesNoMessage) {
  Watch watch = NewWatch();
  EXPECT_EQ(Next(watch), "checkpoint");
  CallOptions options;
  options.timeout = absl::Seconds(1);
  const auto late = NextLater(watch, options);
  scheduler_->Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.Await().status()));
  CallOptions cancelled;
  cancelled.cancellation.emplace();
  const auto gone = NextLater(watch, cancelled);
  cancelled.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(gone.Await().status()));
  fake_.SetToken("c-7", "secret-1");
  EXPECT_EQ(Next(watch), "CONNECTED1");
}

TEST_F(WatchTest, CloseEndsIt) {
  Watch watch = NewWatch();
  EXPECT_EQ(Next(watch), "checkpoint");
  const auto next = NextLater(watch);
  watch.Close();
  watch.Close();
  EXPECT_TRUE(absl::IsCancelled(next.Await().status()));
  EXPECT_TRUE(absl::IsCancelled(watch.Next().status()));
  EXPECT_TRUE(fake_.AwaitWatches(0));
  {
    Watch gone = NewWatch();
    EXPECT_EQ(Next(gone), "checkpoint");
  }
  EXPECT_TRUE(fake_.AwaitWatches(0));
  Watch other = NewWatch();
  client_.Close();
  EXPECT_TRUE(absl::IsCancelled(other.Next().status()));
}

}  // namespace
}  // namespace valetkey::client
