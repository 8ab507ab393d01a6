// valetkey watch, and valetkey connect, which watches.

#include <algorithm>

#include "absl/time/clock.h"
#include "service/cmd/valetkey/run_fixture.h"

namespace valetkey::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using WatchTest = RunTest;

v1::WatchEventsResponse EventMessage(v1::EventType type,
                                     const std::string& cursor) {
  v1::WatchEventsResponse message;
  message.mutable_event()->set_type(type);
  message.mutable_event()->set_connection("applications/shop/connections/c-7");
  message.mutable_event()->set_provider("applications/shop/providers/pin");
  message.mutable_event()->set_subject("ann");
  message.mutable_event()->set_generation(4);
  message.set_cursor(cursor);
  return message;
}

TEST_F(WatchTest, WatchGoesOnFromItsCursor) {
  std::vector<std::string> cursors;
  server_.watch_events = [&](const auto& request, auto& writer) {
    cursors.push_back(request.cursor());
    if (cursors.size() == 1) {
      EXPECT_TRUE(request.snapshot());
      v1::WatchEventsResponse connection;
      connection.mutable_connection()->set_name(
          "applications/shop/connections/c-7");
      writer.Write(connection);
      writer.Write(EventMessage(v1::EVENT_TYPE_REFRESHED, "one"));
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going down");
    }
    EXPECT_FALSE(request.snapshot());
    writer.Write(EventMessage(v1::EVENT_TYPE_REVOKED, "two"));
    return ReasonedError(grpc::StatusCode::OUT_OF_RANGE, "CURSOR_EXPIRED",
                         "trimmed", {}, 0);
  };
  const Ended ended = Valetkey({"watch", "--snapshot"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(cursors, ElementsAre("", "one"));
  EXPECT_THAT(ended.out, HasSubstr("REFRESHED"));
  EXPECT_THAT(ended.out, HasSubstr("REVOKED"));
  EXPECT_THAT(ended.err, HasSubstr("connected again"));
}

TEST_F(WatchTest, WatchPrintsOneJsonObjectALine) {
  server_.watch_events = [&](const auto&, auto& writer) {
    writer.Write(EventMessage(v1::EVENT_TYPE_REFRESHED, "one"));
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "enough");
  };
  const Ended ended = Valetkey({"watch", "--json"});
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 1);
  EXPECT_THAT(ended.out, StartsWith("{\"event\":{"));
  EXPECT_THAT(ended.out, HasSubstr("\"cursor\":\"one\"}\n"));
}

TEST_F(WatchTest, ConnectWatchesFromBeforeTheConsentBegan) {
  server_.list_connections = [](const auto&, auto& response) {
    response.set_cursor("before");
    return grpc::Status::OK;
  };
  server_.authorize = [](const auto& request, auto& response) {
    EXPECT_EQ(request.provider(), "applications/shop/providers/pinterest");
    EXPECT_EQ(request.subject(), "ann");
    EXPECT_EQ(request.labels().at("tier"), "gold");
    response.set_authorization_uri("https://provider.example/oauth?x=1");
    response.set_connection("applications/shop/connections/c-7");
    response.mutable_expire_time()->set_seconds(
        absl::ToUnixSeconds(absl::Now()) + 600);
    return grpc::Status::OK;
  };
  server_.watch_events = [](const auto& request, auto& writer) {
    EXPECT_EQ(request.cursor(), "before");
    EXPECT_EQ(request.connection(), "applications/shop/connections/c-7");
    writer.Write(EventMessage(v1::EVENT_TYPE_CONNECTED, "one"));
    return grpc::Status::OK;
  };
  server_.get_connection = [](const auto& request, auto& response) {
    response.mutable_connection()->set_name(request.name());
    response.mutable_connection()->mutable_account()->set_display_name(
        "Ann's pins");
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey(
      {"connect", "pinterest", "--subject", "ann", "--label", "tier=gold"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("https://provider.example/oauth?x=1"));
  EXPECT_THAT(ended.out, HasSubstr("c-7"));
  EXPECT_THAT(ended.out, HasSubstr("Ann's pins"));
}

TEST_F(WatchTest, ConnectGivesUpWhenTheUrlHasExpired) {
  server_.list_connections = [](const auto&, auto&) {
    return grpc::Status::OK;
  };
  server_.authorize = [](const auto&, auto& response) {
    response.mutable_expire_time()->set_seconds(
        absl::ToUnixSeconds(absl::Now()) - 1);
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey({"connect", "pinterest", "--subject", "ann"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err, HasSubstr("nobody finished the consent"));
}

TEST_F(WatchTest, ConnectWithoutWaitingPrintsTheUrlAlone) {
  server_.authorize = [](const auto&, auto& response) {
    response.set_authorization_uri("https://provider.example/oauth");
    return grpc::Status::OK;
  };
  EXPECT_EQ(
      Valetkey({"connect", "pinterest", "--subject", "ann", "--no-wait"}).out,
      "https://provider.example/oauth\n");
  EXPECT_EQ(Valetkey({"connect", "pinterest", "--no-wait"}).code, 1);
}

}  // namespace
}  // namespace valetkey::cli
