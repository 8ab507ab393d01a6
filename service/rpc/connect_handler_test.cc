// The Connect protocol byte by byte, over a writer that records.

#include "service/rpc/connect_handler.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "service/async/reactor.h"
#include "service/base/mutex.h"
#include "service/rpc/fake_service.h"
#include "service/rpc/rpc_test_support.h"

namespace valetkey::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

// Records what was answered. Its members are used on one reactor; the test
// reads them when the handler has returned.
class FakeWriter final : public ResponseWriter {
 public:
  Task<absl::Status> Send(HttpResponse response) override {
    sent = std::move(response);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Start(int status, HttpHeaders headers,
                           std::optional<std::uint64_t>) override {
    sent.emplace();
    sent->status = status;
    sent->headers = std::move(headers);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Write(std::string data) override {
    ++writes;
    if (gone) co_return absl::UnavailableError("gone");
    sent->body += data;
    co_return absl::OkStatus();
  }
  Task<absl::Status> Finish() override {
    finished = true;
    co_return absl::OkStatus();
  }
  void OnStop(std::function<void(StopReason)> callback) override {
    stop = std::move(callback);
    if (stop_at_once) stop(StopReason::kDraining);
  }
  bool disconnected() const override { return gone; }
  bool draining() const override { return false; }

  std::optional<HttpResponse> sent;
  std::function<void(StopReason)> stop;
  bool stop_at_once = false;
  bool finished = false;
  bool gone = false;
  std::atomic<int> writes{0};
};

class ConnectHandlerTest : public testing::Test {
 protected:
  ConnectHandlerTest() {
    service_.Register(methods_);
    frontend_.emplace(methods_, authenticator_, nullptr, metrics_);
    ConnectHandlerOptions options;
    options.max_message = 10'000;
    handler_.emplace(*frontend_, options);
    key_ = AddKey(store_, "applications/shop", kAllRights, "good");
  }

  ServerRequest NewRequest(const std::string& path, const std::string& type,
                           const std::string& body) {
    ServerRequest request;
    request.method = "POST";
    request.path = path;
    request.headers.Add("Content-Type", type);
    request.headers.Add("Authorization", key_);
    request.body = body;
    return request;
  }

  std::future<void> Begin(ServerRequest request) {
    return asio::co_spawn(reactor_.executor(),
                          handler_->Serve(std::move(request), writer_),
                          asio::use_future);
  }
  HttpResponse Serve(ServerRequest request) {
    Begin(std::move(request)).get();
    EXPECT_TRUE(writer_.sent.has_value());
    EXPECT_EQ(frontend_->in_flight(), 0);
    return writer_.sent.value_or(HttpResponse());
  }
  HttpResponse ServeJson(const std::string& body) {
    return Serve(NewRequest(FakeService::kGet, "application/json", body));
  }

  static google::protobuf::Struct Json(const std::string& text) {
    google::protobuf::Struct json;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &json).ok())
        << text;
    return json;
  }
  static std::string CodeOf(const HttpResponse& response) {
    return Json(response.body).fields().at("code").string_value();
  }

  // "0:{...}" for each envelope.
  static std::vector<std::string> Envelopes(absl::string_view body) {
    std::vector<std::string> out;
    while (body.size() >= 5) {
      const auto byte = [&](int i) {
        return static_cast<unsigned char>(body[i]);
      };
      const std::size_t size =
          byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
      EXPECT_LE(size, body.size() - 5);
      out.push_back(std::to_string(byte(0)) + ":" +
                    std::string(body.substr(5, size)));
      body.remove_prefix(5 + size);
    }
    EXPECT_TRUE(body.empty());
    return out;
  }
  static std::string Enveloped(const std::string& data) {
    return std::string(1, '\0') + std::string(2, '\0') +
           static_cast<char>(data.size() >> 8) +
           static_cast<char>(data.size() & 0xFF) + data;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  store::FakeStore store_{clock_};
  broker::Authenticator authenticator_{store_, clock_, {}};
  Metrics metrics_;
  FakeService service_;
  MethodTable methods_;
  std::optional<Frontend> frontend_;
  std::optional<ConnectHandler> handler_;
  FakeWriter writer_;
  std::string key_;
  Reactor reactor_{0};
};

TEST_F(ConnectHandlerTest, UnaryJson) {
  const HttpResponse response = ServeJson(R"({"name": "x"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(*response.headers.Find("content-type"), "application/json");
  EXPECT_EQ(*response.headers.Find("cache-control"), "no-store");
  const auto json = Json(response.body);
  EXPECT_EQ(json.fields()
                .at("connection")
                .struct_value()
                .fields()
                .at("name")
                .string_value(),
            "x");
}

TEST_F(ConnectHandlerTest, UnaryJsonByTheFastForm) {
  EXPECT_THAT(ServeJson(R"({"name": "fast:x"})").body,
              HasSubstr("\"subject\":\"fast\""));
}

TEST_F(ConnectHandlerTest, UnaryProto) {
  v1::GetConnectionRequest request;
  request.set_name("x");
  const HttpResponse response = Serve(NewRequest(
      FakeService::kGet, "application/proto", request.SerializeAsString()));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(*response.headers.Find("content-type"), "application/proto");
  v1::GetConnectionResponse answer;
  ASSERT_TRUE(answer.ParseFromString(response.body));
  EXPECT_EQ(answer.connection().name(), "x");
}

TEST_F(ConnectHandlerTest, MediaTypeParametersAndCaseDoNotMatter) {
  EXPECT_EQ(
      Serve(NewRequest(FakeService::kGet, "Application/JSON; charset=utf-8",
                       R"({"name": "x"})"))
          .status,
      200);
}

TEST_F(ConnectHandlerTest, ErrorsHaveTheirCodeAndDetails) {
  const HttpResponse response = ServeJson(R"({"name": "reason:21"})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(CodeOf(response), "failed_precondition");
  EXPECT_THAT(response.body, HasSubstr("REAUTHORIZATION_REQUIRED"));
  const HttpResponse fault = ServeJson(R"({"name": "fault"})");
  EXPECT_EQ(fault.status, 500);
  EXPECT_THAT(fault.body, Not(HasSubstr("hunter2")));
}

TEST_F(ConnectHandlerTest, UnknownFieldsAreNamed) {
  const HttpResponse response = ServeJson(R"({"nmae": "x"})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(CodeOf(response), "invalid_argument");
  EXPECT_THAT(response.body, HasSubstr("\"field\":\"nmae\""));
}

TEST_F(ConnectHandlerTest, ACallerWhoIsKnownNeedsNoHeader) {
  const auto serve = [this](std::uint32_t rights) {
    auto caller = std::make_shared<broker::Caller>();
    caller->application = "applications/shop";
    caller->rights = rights;
    ServerRequest request =
        NewRequest(FakeService::kGet, "application/json", "{\"name\": \"x\"}");
    request.headers = HttpHeaders();
    request.headers.Add("Content-Type", "application/json");
    asio::co_spawn(
        reactor_.executor(),
        handler_->Serve(std::move(request), writer_, std::move(caller)),
        asio::use_future)
        .get();
    return writer_.sent.value_or(HttpResponse());
  };
  EXPECT_NE(serve(~std::uint32_t{0}).status, 401);
  // Known or not, the method asks for its right.
  const HttpResponse refused = serve(0);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("RIGHT_MISSING"));
}

TEST_F(ConnectHandlerTest, WhatIsWrongAsHttp) {
  ServerRequest request =
      NewRequest("/no.such/Method", "application/json", "{}");
  EXPECT_EQ(Serve(request).status, 404);
  request = NewRequest(FakeService::kGet, "application/json", "{}");
  request.method = "GET";
  HttpResponse response = Serve(request);
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(*response.headers.Find("allow"), "POST");
  EXPECT_EQ(Serve(NewRequest(FakeService::kGet, "text/plain", "{}")).status,
            415);
  EXPECT_EQ(
      Serve(NewRequest(FakeService::kWatch, "application/json", "{}")).status,
      415);
  response = ServeJson("\"" + std::string(20'000, 'x') + "\"");
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(CodeOf(response), "resource_exhausted");
  request = NewRequest(FakeService::kGet, "application/json", "{}");
  request.headers.Add("Content-Encoding", "gzip");
  EXPECT_EQ(Serve(request).status, 501);
  request = NewRequest(FakeService::kGet, "application/json", "{}");
  request.headers.Add("Connect-Protocol-Version", "2");
  EXPECT_EQ(Serve(request).status, 400);
  request = NewRequest(FakeService::kGet, "application/json", "{}");
  request.headers.Add("Connect-Timeout-Ms", "soon");
  EXPECT_EQ(Serve(request).status, 400);
}

TEST_F(ConnectHandlerTest, NoKey) {
  ServerRequest request =
      NewRequest(FakeService::kGet, "application/json", "{}");
  request.headers = HttpHeaders();
  request.headers.Add("Content-Type", "application/json");
  const HttpResponse response = Serve(request);
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(CodeOf(response), "unauthenticated");
}

TEST_F(ConnectHandlerTest, StreamsInEnvelopes) {
  const HttpResponse response =
      Serve(NewRequest(FakeService::kWatch, "application/connect+json",
                       Enveloped(R"({"subject": "2"})")));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(*response.headers.Find("content-type"), "application/connect+json");
  EXPECT_TRUE(writer_.finished);
  const std::vector<std::string> envelopes = Envelopes(response.body);
  ASSERT_EQ(envelopes.size(), 3u);
  EXPECT_THAT(envelopes[0], HasSubstr("\"cursor\":\"0\""));
  EXPECT_THAT(envelopes[1], HasSubstr("\"cursor\":\"1\""));
  EXPECT_EQ(envelopes[2], "2:{}");
}

TEST_F(ConnectHandlerTest, StreamsInProtobuf) {
  v1::WatchEventsRequest request;
  request.set_subject("1");
  const HttpResponse response =
      Serve(NewRequest(FakeService::kWatch, "application/connect+proto",
                       Enveloped(request.SerializeAsString())));
  const std::vector<std::string> envelopes = Envelopes(response.body);
  ASSERT_EQ(envelopes.size(), 2u);
  v1::WatchEventsResponse message;
  ASSERT_TRUE(message.ParseFromString(envelopes[0].substr(2)));
  EXPECT_EQ(message.cursor(), "0");
  EXPECT_EQ(envelopes[1], "2:{}");
}

TEST_F(ConnectHandlerTest, StreamErrorsComeAtTheEnd) {
  for (const std::string& body :
       {Enveloped(R"({"subject": "x"})"), Enveloped("{"), std::string("ab"),
        Enveloped("{}") + "x", std::string(1, '\x02') + std::string(4, '\0')}) {
    writer_.finished = false;
    const HttpResponse response = Serve(
        NewRequest(FakeService::kWatch, "application/connect+json", body));
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(writer_.finished);
    const std::vector<std::string> envelopes = Envelopes(response.body);
    ASSERT_EQ(envelopes.size(), 1u);
    EXPECT_EQ(Json(envelopes[0].substr(2))
                  .fields()
                  .at("error")
                  .struct_value()
                  .fields()
                  .at("code")
                  .string_value(),
              "invalid_argument");
  }
}

TEST_F(ConnectHandlerTest, StreamsEndWhenTheServerStops) {
  std::future<void> done =
      Begin(NewRequest(FakeService::kWatch, "application/connect+json",
                       Enveloped(R"({"subject": "1", "connection": "wait"})")));
  while (writer_.writes < 1) std::this_thread::yield();
  frontend_->StopStreams();
  done.get();
  const std::vector<std::string> envelopes = Envelopes(writer_.sent->body);
  ASSERT_EQ(envelopes.size(), 2u);
  EXPECT_THAT(envelopes[1], HasSubstr("SERVER_SHUTTING_DOWN"));
  EXPECT_THAT(envelopes[1], HasSubstr("\"unavailable\""));
  EXPECT_EQ(service_.watching, 0);
}

TEST_F(ConnectHandlerTest, StreamsEndWhenTheCallerGoes) {
  std::future<void> done =
      Begin(NewRequest(FakeService::kWatch, "application/connect+json",
                       Enveloped(R"({"subject": "1", "connection": "wait"})")));
  while (writer_.writes < 1) std::this_thread::yield();
  asio::post(reactor_.executor(), [this] {
    writer_.gone = true;
    writer_.stop(StopReason::kDisconnected);
  });
  done.get();
  EXPECT_FALSE(writer_.finished);
  EXPECT_EQ(service_.watching, 0);
}

TEST_F(ConnectHandlerTest, StreamsStoppedBeforeTheyBegin) {
  writer_.stop_at_once = true;
  const HttpResponse response =
      Serve(NewRequest(FakeService::kWatch, "application/connect+json",
                       Enveloped(R"({"subject": "0", "connection": "wait"})")));
  EXPECT_THAT(Envelopes(response.body),
              testing::ElementsAre(HasSubstr("SERVER_SHUTTING_DOWN")));
  EXPECT_EQ(service_.watched, 0);
}

TEST_F(ConnectHandlerTest, StreamsObeyTheirTimeout) {
  ServerRequest request =
      NewRequest(FakeService::kWatch, "application/connect+json",
                 Enveloped(R"({"subject": "1", "connection": "wait"})"));
  request.headers.Add("Connect-Timeout-Ms", "50");
  const HttpResponse response = Serve(request);
  EXPECT_THAT(Envelopes(response.body).back(),
              HasSubstr("\"deadline_exceeded\""));
}

}  // namespace
}  // namespace valetkey::rpc
