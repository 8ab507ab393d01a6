#include "service/web/connect_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/base/status.h"
#include "service/web/portal_test_support.h"

namespace valetkey::web {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kState(43, 's');  // NOLINT: of a test

broker::ConsentOffer Offer() {
  broker::ConsentOffer offer;
  offer.authorization_uri =
      "https://www.pinterest.com/oauth/?scope=a&state=" + kState;
  offer.application_display_name = "Shop";
  offer.provider_display_name = "Pinterest";
  offer.scopes = {{"boards:read", "read board data"}, {"odd:scope", ""}};
  return offer;
}

TEST(ConnectPathTest, StatesAloneAreLookedUp) {
  EXPECT_EQ(ReadConnectPath("/connect/" + kState).state, kState);
  EXPECT_FALSE(ReadConnectPath("/connect/" + kState).cancel);
  EXPECT_EQ(ReadConnectPath("/connect/" + kState + "/cancel").state, kState);
  EXPECT_TRUE(ReadConnectPath("/connect/" + kState + "/cancel").cancel);
  for (const std::string& path :
       {std::string("/connect/"), std::string("/connect/cancel"),
        std::string("/connect//cancel"), "/connect/" + kState + "/",
        "/connect/" + kState + "/x", "/connect/" + kState + "s",
        "/connect/" + std::string(42, 's') + "%", "/connect/../" + kState,
        "/other/" + kState}) {
    EXPECT_EQ(ReadConnectPath(path).state, "") << path;
  }
}

TEST(ConnectPageTest, TellsWhoAsksForWhat) {
  const HttpResponse page = ConnectPage(Offer(), kState);
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("<h1>Connect <bdi>Pinterest</bdi> to "
                                   "<bdi>Shop</bdi>?</h1>"));
  EXPECT_THAT(page.body, HasSubstr("<li><bdi>read board data</bdi></li>"));
  EXPECT_THAT(page.body, HasSubstr("<code>odd:scope</code>"));
  EXPECT_THAT(page.body,
              HasSubstr("href=\"https://www.pinterest.com/oauth/?scope=a&amp;"
                        "state=" +
                        kState + "\""));
  EXPECT_THAT(page.body, HasSubstr("href=\"/connect/" + kState + "/cancel\""));
  EXPECT_THAT(page.body, HasSubstr("somebody sent you this link"));
  EXPECT_THAT(HeaderIn(page, "content-security-policy"),
              HasSubstr("default-src 'none'"));
  EXPECT_EQ(HeaderIn(page, "referrer-policy"), "no-referrer");
  EXPECT_THAT(page.body, Not(HasSubstr("<script")));
}

TEST(ConnectPageTest, WithoutScopesTheProviderTells) {
  broker::ConsentOffer offer = Offer();
  offer.scopes.clear();
  offer.application_display_name = "";
  const HttpResponse page = ConnectPage(offer, kState);
  EXPECT_THAT(page.body, HasSubstr("tells you what for"));
  EXPECT_THAT(page.body, HasSubstr("the application"));
  EXPECT_THAT(page.body, Not(HasSubstr("<ul")));
}

TEST(ConnectPageTest, MarkupIsText) {
  const std::string hostile =
      "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
  broker::ConsentOffer offer = Offer();
  offer.application_display_name = hostile;
  offer.provider_display_name = hostile;
  offer.scopes = {{"a", hostile}, {hostile, ""}};
  offer.authorization_uri = "https://p.example/?x=\"><script>alert(3)</script>";
  offer.refusal_uri = offer.authorization_uri;
  const std::string body = ConnectPage(offer, kState).body;
  EXPECT_THAT(body, Not(HasSubstr("<script>")));
  EXPECT_THAT(body, Not(HasSubstr("<img")));
  EXPECT_THAT(body, HasSubstr("&lt;script&gt;"));
}

TEST(ConnectPageTest, ALinkThatIsOver) {
  broker::ConsentOffer offer = Offer();
  offer.status =
      MakeError(Reason::kAuthorizationStateInvalid, "was used before");
  for (const HttpResponse& page :
       {ConnectPage(offer, kState), CancelResponse(offer)}) {
    EXPECT_EQ(page.status, 400);
    EXPECT_THAT(page.body, HasSubstr("This link no longer works"));
    EXPECT_THAT(page.body, Not(HasSubstr(kState)));
  }
  offer.status = InvalidField("inputs.shop", "a name");
  EXPECT_EQ(ConnectPage(offer, kState).status, 502);
  offer.status = MakeError(Reason::kStoreUnavailable, "down");
  EXPECT_EQ(ConnectPage(offer, kState).status, 503);
}

TEST(ConnectPageTest, CancelLeadsWhereARefusalWould) {
  broker::ConsentOffer offer = Offer();
  EXPECT_EQ(CancelResponse(offer).status, 403);
  EXPECT_THAT(CancelResponse(offer).body, HasSubstr("did not connect"));
  offer.return_uri = "https://shop.example/done?a=b";
  EXPECT_EQ(CancelResponse(offer).status, 303);
  EXPECT_EQ(HeaderIn(CancelResponse(offer), "location"),
            "https://shop.example/done?a=b&status=declined&"
            "error=CONSENT_DENIED");
  offer.refusal_uri = "https://shop.example/oauth?error=access_denied";
  EXPECT_EQ(HeaderIn(CancelResponse(offer), "location"), offer.refusal_uri);
  EXPECT_THAT(ConnectPage(offer, kState).body,
              HasSubstr("href=\"https://shop.example/oauth?error="
                        "access_denied\""));
}

}  // namespace
}  // namespace valetkey::web
