// The adapters: libcurl, and gRPC's call credentials.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "examples/http_server.h"
#include "tests/fixture.h"
#include "valetkey/curl.h"
#include "valetkey/grpc_credentials.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::client {
namespace {

// An API that takes some tokens and notes what it was sent.
class Api {
 public:
  Api()
      : server_(
            0, [this](const HttpRequest& request) { return Answer(request); }) {
  }

  const std::string& origin() const { return server_.origin(); }
  void Accept(const std::string& token) {
    const internal::MutexLock lock(mutex_);
    accepted_.insert("Bearer " + token);
  }
  void RedirectTo(const std::string& url) {
    const internal::MutexLock lock(mutex_);
    location_ = url;
  }
  std::vector<HttpRequest> requests() const {
    const internal::MutexLock lock(mutex_);
    return requests_;
  }

 private:
  HttpReply Answer(const HttpRequest& request) {
    const internal::MutexLock lock(mutex_);
    requests_.push_back(request);
    HttpReply reply;
    if (!location_.empty()) {
      reply.status = 302;
      reply.location = location_;
      return reply;
    }
    const auto token = request.headers.find("authorization");
    if (token == request.headers.end() || accepted_.count(token->second) == 0) {
      reply.status = 401;
      reply.body = "refused";
    } else {
      reply.body = "welcome";
    }
    return reply;
  }

  mutable internal::Mutex mutex_;
  std::set<std::string> accepted_ ABSL_GUARDED_BY(mutex_);
  std::string location_ ABSL_GUARDED_BY(mutex_);
  std::vector<HttpRequest> requests_ ABSL_GUARDED_BY(mutex_);
  HttpServer server_;
};

class CurlTest : public FakeTest {
 protected:
  CurlTest() : source_(SourceOf()), easy_(curl_easy_init()) {
    curl_easy_setopt(easy_, CURLOPT_URL,
                     absl::StrCat(api_.origin(), "/v5/pins").c_str());
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    request_.response_body = &body_;
  }
  ~CurlTest() override { curl_easy_cleanup(easy_); }

  TokenSource SourceOf() {
    fake_.SetToken("c-7", "secret-1");
    return NewSource();
  }
  CurlResult Send() {
    const auto result = Perform(easy_, source_, request_);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->code, CURLE_OK);
    return *result;
  }
  static std::string Authorization(const HttpRequest& request) {
    const auto found = request.headers.find("authorization");
    return found == request.headers.end() ? "" : found->second;
  }

  Api api_;
  TokenSource source_;
  CURL* const easy_;
  std::string body_;
  CurlRequest request_;
};

TEST_F(CurlTest, SendsTheTokenAndOtherHeaders) {
  api_.Accept("secret-1");
  curl_slist* const headers = curl_slist_append(nullptr, "X-Mine: 1");
  request_.headers = headers;
  const CurlResult result = Send();
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.generation, 1);
  EXPECT_FALSE(result.repeated);
  EXPECT_EQ(body_, "welcome");
  EXPECT_EQ(Authorization(api_.requests().front()), "Bearer secret-1");
  EXPECT_EQ(api_.requests().front().headers.at("x-mine"), "1");
  EXPECT_EQ(headers->next, nullptr);
  curl_slist_free_all(headers);
}

TEST_F(CurlTest, A401InvalidatesAndRepeatsOnce) {
  api_.Accept("fake-access-token-2");
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, "a=1");
  const CurlResult result = Send();
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.generation, 2);
  EXPECT_TRUE(result.repeated);
  EXPECT_EQ(body_, "welcome") << "the first answer's body is not in it";
  ASSERT_EQ(api_.requests().size(), 2u);
  EXPECT_EQ(api_.requests()[0].body, "a=1");
  EXPECT_EQ(api_.requests()[1].body, "a=1");
  EXPECT_EQ(fake_.TokenRequests().back().rejected_generation(), 1);
}

TEST_F(CurlTest, ASecond401IsTheResult) {
  const CurlResult result = Send();
  EXPECT_EQ(result.status, 401);
  EXPECT_EQ(api_.requests().size(), 2u);
  EXPECT_EQ(body_, "refused");
}

TEST_F(CurlTest, WithoutANewTokenThe401IsTheResult) {
  ASSERT_TRUE(source_.Get().ok());
  fake_.Fail("GetToken", v1::PROVIDER_CLIENT_REJECTED);
  const CurlResult result = Send();
  EXPECT_EQ(result.status, 401);
  EXPECT_EQ(result.generation, 1);
  EXPECT_EQ(body_, "refused");
  EXPECT_EQ(api_.requests().size(), 1u);
}

TEST_F(CurlTest, ABodyThatCannotBeSentAgainIsNot) {
  api_.Accept("fake-access-token-2");
  request_.repeatable = false;
  EXPECT_EQ(Send().status, 401);
  EXPECT_EQ(api_.requests().size(), 1u);
  // But the token was invalidated.
  EXPECT_EQ(source_.Get()->generation(), 2);
}

TEST_F(CurlTest, ARewoundBodyIsSentAgain) {
  api_.Accept("fake-access-token-2");
  std::string left = "streamed";
  curl_easy_setopt(easy_, CURLOPT_POST, 1L);
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, 8L);
  curl_easy_setopt(easy_, CURLOPT_READDATA, &left);
  curl_easy_setopt(
      easy_, CURLOPT_READFUNCTION,
      +[](char* out, std::size_t, std::size_t size, void* data) {
        auto* const text = static_cast<std::string*>(data);
        const std::size_t count = text->copy(out, size);
        text->erase(0, count);
        return count;
      });
  request_.repeatable = false;
  request_.rewind = [&] {
    left = "streamed";
    return true;
  };
  EXPECT_EQ(Send().status, 200);
  ASSERT_EQ(api_.requests().size(), 2u);
  EXPECT_EQ(api_.requests()[1].body, "streamed");

  source_.Invalidate(2);
  request_.rewind = [] { return false; };
  left = "streamed";
  EXPECT_EQ(Send().status, 401);
}

TEST_F(CurlTest, ARedirectToAnotherHostGetsNoToken) {
  Api other;
  api_.RedirectTo(absl::StrCat(other.origin(), "/elsewhere"));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy_, CURLOPT_UNRESTRICTED_AUTH, 1L);
  EXPECT_EQ(Send().status, 401);
  ASSERT_EQ(other.requests().size(), 1u);
  EXPECT_EQ(Authorization(other.requests().front()), "");
  // Nor does its 401 say anything about the token.
  EXPECT_EQ(source_.Get()->generation(), 1);
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(CurlTest, WithoutATokenNothingIsSent) {
  const TokenSource missing = NewSource("c-8");
  const auto result = Perform(easy_, missing, request_);
  EXPECT_TRUE(absl::IsNotFound(result.status()));
  EXPECT_TRUE(api_.requests().empty());
}

TEST_F(CurlTest, TheHandleKeepsNothing) {
  Send();
  const std::size_t before = api_.requests().size();
  body_.clear();
  curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  EXPECT_EQ(curl_easy_perform(easy_), CURLE_OK);
  EXPECT_EQ(Authorization(api_.requests()[before]), "");
}

// A provider that speaks gRPC, on a Unix socket.
class GrpcProvider final : public v1::TokenService::Service {
 public:
  GrpcProvider() : path_(absl::StrCat("/tmp/valetkey-", getpid(), ".sock")) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", path_),
                             grpc::experimental::LocalServerCredentials(UDS));
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~GrpcProvider() override {
    server_->Shutdown();
    server_->Wait();
  }
  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel(absl::StrCat("unix:", path_),
                               grpc::experimental::LocalCredentials(UDS));
  }
  void Accept(const std::string& token) {
    const internal::MutexLock lock(mutex_);
    accepted_ = "Bearer " + token;
  }
  std::vector<std::string> seen() const {
    const internal::MutexLock lock(mutex_);
    return seen_;
  }

  grpc::Status Revoke(grpc::ServerContext* context, const v1::RevokeRequest*,
                      v1::RevokeResponse*) override {
    const auto found = context->client_metadata().find("authorization");
    const std::string value =
        found == context->client_metadata().end()
            ? ""
            : std::string(found->second.data(), found->second.size());
    const internal::MutexLock lock(mutex_);
    seen_.push_back(value);
    return value == accepted_
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "refused");
  }

 private:
  const std::string path_;
  mutable internal::Mutex mutex_;
  std::string accepted_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> seen_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
};

class GrpcCredentialsTest : public FakeTest {
 protected:
  GrpcCredentialsTest()
      : stub_(v1::TokenService::NewStub(provider_.Channel())),
        source_(SourceOf()) {}
  TokenSource SourceOf() {
    fake_.SetToken("c-7", "secret-1");
    return NewSource();
  }
  grpc::Status Call(grpc::ClientContext* context) {
    v1::RevokeResponse response;
    return stub_->Revoke(context, {}, &response);
  }

  GrpcProvider provider_;
  std::unique_ptr<v1::TokenService::Stub> stub_;
  TokenSource source_;
};

TEST_F(GrpcCredentialsTest, CredentialsSendTheToken) {
  provider_.Accept("secret-1");
  const auto credentials = TokenCredentials(source_);
  EXPECT_FALSE(absl::StrContains(credentials->DebugString(), "secret"));
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    context.set_credentials(credentials);
    const grpc::Status status = Call(&context);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(fake_.Calls("GetToken"), 1);
}

TEST_F(GrpcCredentialsTest, WithoutATokenTheCallFails) {
  grpc::ClientContext context;
  context.set_credentials(TokenCredentials(NewSource("c-8")));
  EXPECT_FALSE(Call(&context).ok());
  EXPECT_TRUE(provider_.seen().empty());
}

TEST_F(GrpcCredentialsTest, UnauthenticatedInvalidatesAndRepeatsOnce) {
  provider_.Accept("fake-access-token-2");
  const auto call = [&](grpc::ClientContext* context) { return Call(context); };
  EXPECT_TRUE(CallWithToken(source_, call).ok());
  EXPECT_EQ(provider_.seen(),
            (std::vector<std::string>{"Bearer secret-1",
                                      "Bearer fake-access-token-2"}));
  provider_.Accept("another");
  EXPECT_EQ(CallWithToken(source_, call).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(provider_.seen().size(), 4u);

  fake_.Fail("GetToken", v1::REFRESH_UNSUPPORTED);
  EXPECT_EQ(CallWithToken(source_, call).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(provider_.seen().size(), 5u) << "there was no new token";
  EXPECT_EQ(CallWithToken(NewSource("c-8"), call).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace valetkey::client
