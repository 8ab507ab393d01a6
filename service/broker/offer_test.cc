// What a person is told before the provider asks them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/base/status.h"
#include "service/broker/broker_harness.h"
#include "service/store/records.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OfferTest : public testing::Test {
 protected:
  absl::StatusOr<AuthorizeResult> Authorize() {
    AuthorizeParameters parameters;
    parameters.provider = BrokerHarness::kProvider;
    parameters.subject = "ann";
    parameters.scopes = {"boards:read", "made:up", "boards:read"};
    parameters.return_uri = "https://shop.example.com/connected";
    return harness_.Run(harness_.broker->Authorize(parameters));
  }
  ConsentOffer Describe(const std::string& state) {
    return harness_.Run(harness_.broker->DescribeConsent(state));
  }
  void Change(const std::function<void(store::Rows&)>& change) {
    store::RowKeys keys;
    keys.application = BrokerHarness::kApplication;
    keys.provider = BrokerHarness::kProvider;
    ASSERT_TRUE(harness_.store
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 change(rows);
                                 return absl::OkStatus();
                               })
                    .ok());
    harness_.broker->InvalidateProvider(BrokerHarness::kProvider);
  }

  BrokerHarness harness_;
};

TEST_F(OfferTest, SaysWhoAsksForWhatAndLeadsThere) {
  const auto authorized = Authorize();
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  EXPECT_EQ(authorized->connect_uri,
            "https://tokens.example.com/connect/" + authorized->state);
  const ConsentOffer offer = Describe(authorized->state);
  ASSERT_TRUE(offer.status.ok()) << offer.status;
  // The very same, although nothing but its parts was kept.
  EXPECT_EQ(offer.authorization_uri, authorized->authorization_uri);
  EXPECT_EQ(offer.application_display_name, "The Shop");
  EXPECT_EQ(offer.provider_display_name, "Pinterest");
  EXPECT_EQ(offer.return_uri, "https://shop.example.com/connected");
  EXPECT_EQ(offer.refusal_uri, "");
  std::vector<std::string> words;
  for (const auto& scope : offer.scopes) {
    words.push_back(scope.name + "=" + scope.description);
  }
  EXPECT_THAT(words, ElementsAre("boards:read=read board data", "made:up="));
  // It is asked as often as the page is loaded, on any replica.
  harness_.Restart();
  EXPECT_EQ(Describe(authorized->state).authorization_uri,
            authorized->authorization_uri);
  EXPECT_TRUE(harness_.Exchange(authorized->state, "code-1").ok());
}

TEST_F(OfferTest, ExtraParametersAreKept) {
  AuthorizeParameters parameters;
  parameters.provider = BrokerHarness::kProvider;
  parameters.subject = "ann";
  store::RowKeys keys;
  keys.provider = BrokerHarness::kProvider;
  // Of the built-in definitions Google's allows some.
  Change([](store::Rows& rows) {
    rows.provider->catalog_entry = "catalog/google";
  });
  parameters.extra_parameters = {{"login_hint", "ann@example.com"}};
  const auto authorized = harness_.Run(harness_.broker->Authorize(parameters));
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  const ConsentOffer offer = Describe(authorized->state);
  EXPECT_THAT(offer.authorization_uri,
              HasSubstr("login_hint=ann%40example.com"));
  EXPECT_EQ(offer.authorization_uri, authorized->authorization_uri);
}

TEST_F(OfferTest, NothingToOffer) {
  const auto authorized = Authorize();
  ASSERT_TRUE(authorized.ok());
  const ConsentOffer unknown = Describe(std::string(43, 'x'));
  EXPECT_EQ(ReasonOf(unknown.status), Reason::kAuthorizationStateInvalid);
  // Whose it would be is not told.
  EXPECT_EQ(unknown.application_display_name, "");
  EXPECT_EQ(unknown.authorization_uri, "");

  harness_.clock.Advance(absl::Minutes(15));
  const ConsentOffer expired = Describe(authorized->state);
  EXPECT_EQ(ReasonOf(expired.status), Reason::kAuthorizationStateInvalid);
  EXPECT_EQ(expired.application_display_name, "The Shop");
  EXPECT_EQ(expired.authorization_uri, "");

  const auto again = Authorize();
  ASSERT_TRUE(harness_.Exchange(again->state, "code-2").ok());
  const ConsentOffer used = Describe(again->state);
  EXPECT_EQ(ReasonOf(used.status), Reason::kAuthorizationStateInvalid);
  EXPECT_EQ(used.authorization_uri, "");
}

TEST_F(OfferTest, ARefusalGoesToTheApplicationsOwnRedirectUri) {
  Change([](store::Rows& rows) {
    rows.provider->redirect_uri = "https://shop.example.com/oauth?x=1";
  });
  const auto authorized = Authorize();
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  EXPECT_EQ(Describe(authorized->state).refusal_uri,
            "https://shop.example.com/oauth?x=1&error=access_denied&state=" +
                authorized->state);
}

TEST_F(OfferTest, AnApplicationWithoutANameHasItsId) {
  const auto authorized = Authorize();
  Change([](store::Rows& rows) { rows.application->display_name = ""; });
  EXPECT_EQ(Describe(authorized->state).application_display_name, "shop");
}

TEST_F(OfferTest, AReturnUriThatWasTakenAwayIsNotUsed) {
  const auto authorized = Authorize();
  Change([](store::Rows& rows) { rows.application->return_uris.clear(); });
  EXPECT_THAT(Describe(authorized->state).return_uri, IsEmpty());
}

TEST_F(OfferTest, WhileTheStoreIsAway) {
  const auto authorized = Authorize();
  harness_.store.SetDown(true);
  EXPECT_EQ(ReasonOf(Describe(authorized->state).status),
            Reason::kStoreUnavailable);
  harness_.store.SetDown(false);
}

}  // namespace
}  // namespace valetkey::broker
