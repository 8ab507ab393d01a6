#include "service/web/session_cookie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/identity/person.h"
#include "service/web/failure_limiter.h"
#include "service/web/portal_test_support.h"
#include "service/web/same_origin.h"

namespace valetkey::web {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SessionCookieTest : public testing::Test {
 protected:
  static HttpHeaders With(absl::string_view cookie) {
    HttpHeaders headers;
    headers.Add("Cookie", cookie);
    return headers;
  }
  std::optional<Session> Read(absl::string_view set_cookie) const {
    return cookie_.Read(
        With(absl::StrCat("theme=dark; ", CookiePair(set_cookie), "; a=b")));
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  Sealer sealer_ = TestSealer();
  SessionCookie cookie_{sealer_, clock_, SessionOptions()};
};

TEST_F(SessionCookieTest, HoldsTheKeySealed) {
  const std::string set = cookie_.Begin(SecretString("vk_canary"));
  EXPECT_THAT(set, StartsWith("__Host-valetkey="));
  EXPECT_THAT(set, HasSubstr("; Path=/; Max-Age=1800; HttpOnly; "
                             "SameSite=Strict; Secure"));
  EXPECT_THAT(set, Not(HasSubstr("vk_canary")));
  const std::optional<Session> session = Read(set);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->api_key.Reveal(), "vk_canary");
  EXPECT_EQ(session->start, clock_.Now());
  EXPECT_EQ(session->last_use, clock_.Now());
}

TEST_F(SessionCookieTest, HoldsAPersonOfAnySizeThatIsAllowed) {
  const std::string person =
      absl::StrCat("{", std::string(identity::kMaxPersonSize - 2, 'p'), "}");
  const std::string set = cookie_.BeginFor(person);
  // What browsers keep (RFC 6265 section 6.1).
  EXPECT_LE(CookiePair(set).size(), 4096u);
  const std::optional<Session> session = Read(set);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->person, person);
  EXPECT_TRUE(session->api_key.empty());
  clock_.Advance(absl::Minutes(20));
  const std::optional<Session> renewed = Read(*cookie_.Renew(*session));
  ASSERT_TRUE(renewed.has_value());
  EXPECT_EQ(renewed->person, person);
  EXPECT_EQ(renewed->start, session->start);
}

TEST_F(SessionCookieTest, WithoutTlsItHasAnotherNameAndIsNotSecure) {
  const SessionCookie plain(sealer_, clock_, {.secure = false});
  const std::string set = plain.Begin(SecretString("vk_a"));
  EXPECT_THAT(set, StartsWith("valetkey-session="));
  EXPECT_THAT(set, Not(HasSubstr("Secure")));
  EXPECT_THAT(set, HasSubstr("; HttpOnly; SameSite=Strict"));
  EXPECT_TRUE(plain.Read(With(CookiePair(set))).has_value());
  // A sibling domain can set that name: it counts for nothing with https.
  EXPECT_FALSE(cookie_.IsIn(With(CookiePair(set))));
}

TEST_F(SessionCookieTest, EndsWhenIdle) {
  const std::string set = cookie_.Begin(SecretString("vk_a"));
  clock_.Advance(absl::Minutes(30) - absl::Seconds(1));
  EXPECT_TRUE(Read(set).has_value());
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(Read(set).has_value());
}

TEST_F(SessionCookieTest, UseKeepsItUntilItsAbsoluteEnd) {
  std::string set = cookie_.Begin(SecretString("vk_a"));
  const absl::Time end = clock_.Now() + absl::Hours(12);
  while (clock_.Now() + absl::Minutes(20) < end) {
    clock_.Advance(absl::Minutes(20));
    const std::optional<Session> session = Read(set);
    ASSERT_TRUE(session.has_value()) << end - clock_.Now();
    const std::optional<std::string> renewed = cookie_.Renew(*session);
    ASSERT_TRUE(renewed.has_value());
    set = *renewed;
  }
  EXPECT_EQ(cookie_.EndOf(*Read(set)), end);
  clock_.Set(end);
  EXPECT_FALSE(Read(set).has_value());
}

TEST_F(SessionCookieTest, IsRenewedOnceAMinuteOnly) {
  const Session session = *Read(cookie_.Begin(SecretString("vk_a")));
  clock_.Advance(absl::Seconds(59));
  EXPECT_FALSE(cookie_.Renew(session).has_value());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(cookie_.Renew(session).has_value());
}

TEST_F(SessionCookieTest, WhatIsNotOurMakingIsNone) {
  const std::string pair = CookiePair(cookie_.Begin(SecretString("vk_a")));
  for (std::size_t i = pair.find('=') + 1; i < pair.size(); i += 7) {
    std::string forged = pair;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(cookie_.Read(With(forged)).has_value()) << i;
  }
  const Sealer other = TestSealer('o');
  const SessionCookie theirs(other, clock_, {});
  const std::string foreign = CookiePair(theirs.Begin(SecretString("vk_a")));
  const std::string unbound = absl::StrCat(
      "__Host-valetkey=",
      Base64UrlEncode(sealer_.Seal(SecretString("1800000000 1800000000 vk_a"),
                                   "authorizations/a#verifier")));
  for (const std::string& value :
       {std::string("__Host-valetkey="), std::string("__Host-valetkey=a b"),
        "__Host-valetkey=" + std::string(5000, 'A'), foreign, unbound,
        std::string("__Host-valetkey"), std::string(";;=;")}) {
    EXPECT_FALSE(cookie_.Read(With(value)).has_value()) << value;
  }
  // Two of one name: nobody could say whose the second is.
  EXPECT_FALSE(cookie_.Read(With(pair + "; " + pair)).has_value());
}

TEST_F(SessionCookieTest, ClearTakesItAway) {
  EXPECT_THAT(cookie_.Clear(), StartsWith("__Host-valetkey=; Path=/; "
                                          "Max-Age=0; HttpOnly; "));
  EXPECT_THAT(cookie_.Clear(), HasSubstr("; Secure"));
}

bool Ours(absl::string_view method, const std::vector<Header>& headers,
          bool tls = false) {
  ServerRequest request = MakeRequest(method, "/", headers);
  request.tls = tls;
  return IsFromOurPages(request, "https://tokens.example.com");
}

TEST(SameOriginTest, FetchMetadataDecides) {
  EXPECT_TRUE(Ours("POST", {{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(Ours("GET", {{"Sec-Fetch-Site", "none"}}));
  EXPECT_FALSE(Ours("POST", {{"Sec-Fetch-Site", "none"}}));
  for (const char* site : {"same-site", "cross-site", "", "SAME-ORIGIN x"}) {
    EXPECT_FALSE(Ours("POST", {{"Sec-Fetch-Site", site}})) << site;
    EXPECT_FALSE(Ours("GET", {{"Sec-Fetch-Site", site},
                              {"Origin", "https://tokens.example.com"}}))
        << site;
  }
}

TEST(SameOriginTest, ElseTheOrigin) {
  EXPECT_TRUE(Ours("POST", {{"Origin", "https://tokens.example.com"}}));
  EXPECT_TRUE(
      Ours("POST", {{"Origin", "http://[::1]:8801"}, {"Host", "[::1]:8801"}}));
  EXPECT_TRUE(Ours(
      "POST", {{"Origin", "https://a.example"}, {"Host", "a.example"}}, true));
  // The same host by another scheme or port is another origin.
  EXPECT_FALSE(
      Ours("POST", {{"Origin", "https://a.example"}, {"Host", "a.example"}}));
  EXPECT_FALSE(
      Ours("POST", {{"Origin", "http://a.example:81"}, {"Host", "a.example"}}));
  for (const char* origin :
       {"null", "", "https://tokens.example.com.evil.example",
        "https://evil.example", "http://tokens.example.com"}) {
    EXPECT_FALSE(Ours("POST", {{"Origin", origin}})) << origin;
    EXPECT_FALSE(Ours("GET", {{"Origin", origin}, {"Host", ""}})) << origin;
  }
}

TEST(SameOriginTest, WithoutEitherOnlyReadingPasses) {
  EXPECT_TRUE(Ours("GET", {}));
  EXPECT_TRUE(Ours("HEAD", {}));
  EXPECT_FALSE(Ours("POST", {}));
  EXPECT_FALSE(Ours("DELETE", {}));
}

class FailureLimiterTest : public testing::Test {
 protected:
  void Fail(absl::string_view peer, int times) {
    for (int i = 0; i < times; ++i) limiter_.Failed(peer);
  }
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  FailureLimiter limiter_{
      clock_,
      {.free_failures = 3, .interval = absl::Seconds(6), .max_addresses = 4}};
};

TEST_F(FailureLimiterTest, SomeAreFreeThenOneEachInterval) {
  Fail("192.0.2.1:1", 2);
  EXPECT_EQ(limiter_.Wait("192.0.2.1:2"), absl::ZeroDuration());
  Fail("192.0.2.1:3", 1);
  EXPECT_EQ(limiter_.Wait("192.0.2.1:2"), absl::Seconds(6));
  EXPECT_EQ(limiter_.Wait("192.0.2.2:2"), absl::ZeroDuration());
  clock_.Advance(absl::Seconds(6));
  EXPECT_EQ(limiter_.Wait("192.0.2.1:2"), absl::ZeroDuration());
  Fail("192.0.2.1:3", 1);
  EXPECT_EQ(limiter_.Wait("192.0.2.1:2"), absl::Seconds(6));
  clock_.Advance(absl::Minutes(1));
  Fail("192.0.2.1:3", 2);
  EXPECT_EQ(limiter_.Wait("192.0.2.1:2"), absl::ZeroDuration());
}

TEST_F(FailureLimiterTest, AnIpv6NetworkIsOneAddress) {
  Fail("[2001:db8::1]:1", 1);
  Fail("[2001:db8::2]:1", 1);
  Fail("[2001:db8::ffff:3]:1", 1);
  EXPECT_GT(limiter_.Wait("[2001:db8::9]:1"), absl::ZeroDuration());
  EXPECT_EQ(limiter_.Wait("[2001:db8:0:1::1]:1"), absl::ZeroDuration());
}

TEST_F(FailureLimiterTest, ManyAddressesTakeBoundedRoom) {
  for (int i = 0; i < 1000; ++i) Fail(absl::StrCat("192.0.2.", i, ":1"), 3);
  EXPECT_GT(limiter_.Wait("192.0.2.999:1"), absl::ZeroDuration());
  EXPECT_EQ(limiter_.Wait("192.0.2.1:1"), absl::ZeroDuration());
}

}  // namespace
}  // namespace valetkey::web
