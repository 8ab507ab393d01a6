#include <gtest/gtest.h>

#include <string>

#include "service/base/status.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {
namespace {

TEST(CheckIssuer, WithoutOneIsFineUnlessTheProviderAlwaysSendsIt) {
  Definition definition;
  definition.mutable_authorization()->set_url("https://id.example/authorize");
  EXPECT_TRUE(CheckIssuer(definition, "").ok());
  definition.mutable_callback()->set_issuer_required(true);
  EXPECT_EQ(ReasonOf(CheckIssuer(definition, "")), Reason::kIssuerMismatch);
}

TEST(CheckIssuer, IsTheOriginOfTheConsentPageWhereNoneIsDefined) {
  Definition definition;
  definition.mutable_authorization()->set_url("https://id.example/authorize");
  EXPECT_TRUE(CheckIssuer(definition, "https://id.example").ok());
  for (const char* other :
       {"https://id.example/", "https://evil.example", "http://id.example"}) {
    EXPECT_EQ(ReasonOf(CheckIssuer(definition, other)), Reason::kIssuerMismatch)
        << other;
  }
}

TEST(CheckIssuer, IsComparedCharacterForCharacter) {
  Definition definition;
  definition.mutable_authorization()->set_url("https://id.example/authorize");
  definition.mutable_callback()->set_issuer("https://id.example/tenant");
  EXPECT_TRUE(CheckIssuer(definition, "https://id.example/tenant").ok());
  EXPECT_FALSE(CheckIssuer(definition, "https://id.example").ok());
  EXPECT_FALSE(CheckIssuer(definition, "https://id.example/Tenant").ok());
}

TEST(CallbackError, TellsWhoMustAct) {
  const struct {
    const char* error;
    Reason reason;
  } cases[] = {
      {"access_denied", Reason::kConsentDenied},
      {"user_cancelled_login", Reason::kConsentDenied},
      {"server_error", Reason::kProviderUnavailable},
      {"temporarily_unavailable", Reason::kProviderUnavailable},
      {"invalid_request", Reason::kProviderRequestRejected},
      {"invalid_scope", Reason::kProviderRequestRejected},
      {"unauthorized_client", Reason::kProviderRequestRejected},
      {"unsupported_response_type", Reason::kProviderRequestRejected},
  };
  for (const auto& [error, reason] : cases) {
    EXPECT_EQ(ReasonOf(CallbackError(error)), reason) << error;
  }
}

TEST(CallbackError, EchoesTheProvidersWordShortAndPrintable) {
  const absl::Status status =
      CallbackError("<b>\n\x1b[31m" + std::string(1000, 'x'));
  const ErrorMetadata metadata = MetadataOf(status);
  ASSERT_EQ(metadata.size(), 1u);
  EXPECT_EQ(metadata[0].second.size(), 64u);
  EXPECT_EQ(metadata[0].second.substr(0, 10), "<b>??[31mx");
}

}  // namespace
}  // namespace valetkey::oauth
