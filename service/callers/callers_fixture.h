// A policy in a folder of its own, an issuer with a fake URL, and tokens.

#ifndef VALETKEY_CALLERS_CALLERS_FIXTURE_H_
#define VALETKEY_CALLERS_CALLERS_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/base/status.h"
#include "service/callers/policy_keeper.h"
#include "service/callers/workload_authenticator.h"
#include "service/identity/test_tokens.h"
#include "service/net/http/fake_http_client.h"
#include "service/net/http/test_certificates.h"

namespace valetkey::callers {

// The client is the test's; the keeper would own it.
class BorrowedClient final : public HttpClient {
 public:
  explicit BorrowedClient(HttpClient& client) : client_(client) {}
  Task<HttpResult> Send(HttpRequest request, absl::Duration timeout) override {
    return client_.Send(std::move(request), timeout);
  }

 private:
  HttpClient& client_;
};

class CallersTest : public testing::Test {
 protected:
  static constexpr char kIss[] = "https://issuer.example";
  static constexpr char kRule[] = R"(rules {
  name: "web" jwt { issuer: "cluster" subject: "sa:shop:*" }
  grant { application: "applications/shop" rights: RIGHT_READ_TOKENS }
}
)";

  // An issuer whose keys are found as told.
  static std::string IssuerText(absl::string_view keys) {
    return absl::StrCat("issuers { name: \"cluster\" issuer: \"", kIss,
                        "\" audiences: \"valetkey\" ", keys, " }\n");
  }
  std::string FileIssuer() const {
    return IssuerText(
        absl::StrCat("jwks_file: \"", folder_.Path("jwks.json"), "\""));
  }
  static std::string UrlIssuer(absl::string_view more = "") {
    return IssuerText(
        absl::StrCat("jwks_url: \"https://keys.example/jwks\" ", more));
  }

  void WritePolicy(const std::string& text) {
    folder_.Write("policy.textproto", text);
  }
  // With the policy's file as it is; the error, if it is not good.
  absl::Status Open(bool certificates = true) {
    keeper_ = std::make_unique<PolicyKeeper>(
        PolicyKeeperOptions{.file = folder_.Path("policy.textproto"),
                            .certificates = certificates,
                            .poll_interval = absl::Milliseconds(1)},
        clock_, metrics_, reactors_.At(0).executor(),
        [this](const std::string& ca_file)
            -> absl::StatusOr<std::unique_ptr<HttpClient>> {
          ca_files_.push_back(ca_file);
          return std::make_unique<BorrowedClient>(http_);
        });
    VK_RETURN_IF_ERROR(keeper_->Open());
    callers_ =
        std::make_unique<WorkloadAuthenticator>(*keeper_, clock_, metrics_);
    return absl::OkStatus();
  }
  // The keeper's loop, until the test ends.
  void RunKeeper() { loops_.Spawn(keeper_->home(), "keeper", keeper_->Run()); }
  void TearDown() override {
    http_.ReleaseAll();
    loops_.Close();
    EXPECT_TRUE(loops_.Join(absl::Seconds(10)));
  }

  template <class T>
  T Run(Task<T> task, int reactor = 1) {
    return asio::co_spawn(reactors_.At(reactor).executor(), std::move(task),
                          asio::use_future)
        .get();
  }
  // As the RPC layer does.
  CallerOr Admit(const std::string& token, const std::string& pem = "") {
    const std::string header =
        token.empty() ? "" : absl::StrCat("Bearer ", token);
    std::optional<CallerOr> known = callers_->TryAuthenticate(header, pem);
    return known.has_value() ? *std::move(known)
                             : Run(callers_->Authenticate(header, pem));
  }
  Reason ReasonFor(const std::string& token, const std::string& pem = "") {
    const CallerOr caller = Admit(token, pem);
    return caller.ok() ? Reason::kNone : ReasonOf(caller.status());
  }
  bool Known(const std::string& token) const {
    return callers_->TryAuthenticate(absl::StrCat("Bearer ", token), "")
        .has_value();
  }

  std::string Token(const identity::TestSigner& signer,
                    absl::string_view subject = "sa:shop:web",
                    absl::Duration lifetime = absl::Hours(1)) const {
    return signer.Sign(
        identity::Algorithm::kEs256,
        absl::StrCat("{\"iss\":\"", kIss, "\",\"sub\":\"", subject,
                     "\",\"aud\":\"valetkey\",\"exp\":",
                     absl::ToUnixSeconds(clock_.Now() + lifetime), "}"));
  }
  // Waits for what another thread does.
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  Metrics metrics_;
  TestFolder folder_;
  FakeHttpClient http_;
  ReactorPool reactors_{2};
  std::vector<std::string> ca_files_;
  identity::TestSigner old_{identity::KeyType::kP256, "old"};
  identity::TestSigner new_{identity::KeyType::kP256, "new"};
  std::unique_ptr<PolicyKeeper> keeper_;
  std::unique_ptr<WorkloadAuthenticator> callers_;
  TaskScope loops_;
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_CALLERS_FIXTURE_H_
