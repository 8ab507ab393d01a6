#include "valetkey/error.h"

#include <sstream>

#include "gtest/gtest.h"
#include "src/status.h"
#include "src/testing/fake_errors.h"
#include "src/tokens.h"

namespace valetkey::client {
namespace {

using internal::FakeError;
using internal::FromGrpc;

absl::Status Failed(v1::ErrorReason reason,
                    std::map<std::string, std::string> metadata = {}) {
  return FromGrpc(FakeError(reason, std::move(metadata)));
}

TEST(ErrorTest, EachReasonHasItsKind) {
  const struct {
    v1::ErrorReason reason;
    ErrorKind kind;
    absl::StatusCode code;
  } cases[] = {
      {v1::REAUTHORIZATION_REQUIRED, ErrorKind::kReauthorizationRequired,
       absl::StatusCode::kFailedPrecondition},
      {v1::CONNECTION_REVOKED, ErrorKind::kConnectionRevoked,
       absl::StatusCode::kFailedPrecondition},
      {v1::SCOPE_NOT_GRANTED, ErrorKind::kScopeNotGranted,
       absl::StatusCode::kFailedPrecondition},
      {v1::CONSENT_DENIED, ErrorKind::kConsentDenied,
       absl::StatusCode::kFailedPrecondition},
      {v1::CONNECTION_NOT_FOUND, ErrorKind::kNotFound,
       absl::StatusCode::kNotFound},
      {v1::TOKEN_NOT_FOUND, ErrorKind::kNotFound, absl::StatusCode::kNotFound},
      {v1::FIELD_INVALID, ErrorKind::kInvalidArgument,
       absl::StatusCode::kInvalidArgument},
      {v1::CURSOR_INVALID, ErrorKind::kInvalidArgument,
       absl::StatusCode::kInvalidArgument},
      {v1::API_KEY_MISSING, ErrorKind::kUnauthenticated,
       absl::StatusCode::kUnauthenticated},
      {v1::RIGHT_MISSING, ErrorKind::kPermissionDenied,
       absl::StatusCode::kPermissionDenied},
      {v1::CURSOR_EXPIRED, ErrorKind::kCursorExpired,
       absl::StatusCode::kOutOfRange},
      {v1::PROVIDER_THROTTLED, ErrorKind::kUnavailable,
       absl::StatusCode::kUnavailable},
      {v1::ETAG_MISMATCH, ErrorKind::kError, absl::StatusCode::kAborted},
      {v1::PROVIDER_CLIENT_REJECTED, ErrorKind::kError,
       absl::StatusCode::kFailedPrecondition},
      {v1::INTERNAL_FAULT, ErrorKind::kError, absl::StatusCode::kInternal},
  };
  for (const auto& c : cases) {
    const absl::Status status = Failed(c.reason);
    const Error error = GetError(status);
    EXPECT_EQ(error.kind, c.kind) << error.reason;
    EXPECT_EQ(KindOf(status), c.kind) << error.reason;
    EXPECT_EQ(error.code, c.code) << error.reason;
    EXPECT_EQ(error.reason, v1::ErrorReason_Name(c.reason));
    EXPECT_FALSE(error.message.empty());
    EXPECT_FALSE(error.retry_delay.has_value()) << error.reason;
  }
}

TEST(ErrorTest, ReauthorizationRequiredIsReadyForAuthorize) {
  const Error error =
      GetError(Failed(v1::REAUTHORIZATION_REQUIRED,
                      {{"connection", "applications/shop/connections/c-7"},
                       {"provider", "applications/shop/providers/pinterest"},
                       {"subject", "ann"}}));
  EXPECT_EQ(error.connection, "applications/shop/connections/c-7");
  EXPECT_EQ(error.provider, "applications/shop/providers/pinterest");
  EXPECT_EQ(error.subject, "ann");
  ASSERT_TRUE(error.reauthorization.has_value());
  EXPECT_EQ(error.reauthorization->connection(), error.connection);
  EXPECT_EQ(error.reauthorization->provider(), error.provider);
}

TEST(ErrorTest, FieldsOfTheKinds) {
  EXPECT_EQ(GetError(Failed(v1::SCOPE_NOT_GRANTED,
                            {{"missing_scopes", "pins:write boards:read"}}))
                .missing_scopes,
            (std::vector<std::string>{"pins:write", "boards:read"}));
  EXPECT_EQ(GetError(Failed(v1::FIELD_INVALID, {{"field", "name"}})).field,
            "name");
}

TEST(ErrorTest, CarriesMetadataAndRetryDelay) {
  FakeFailure failure;
  failure.reason = "PROVIDER_UNAVAILABLE";
  failure.metadata = {{"status", "503"}};
  failure.retry_delay = absl::Milliseconds(1500);
  const Error error = GetError(FromGrpc(FakeError(failure)));
  EXPECT_EQ(error.metadata.at("status"), "503");
  EXPECT_EQ(error.retry_delay, absl::Milliseconds(1500));
}

TEST(ErrorTest, AnUnknownReasonIsKeptAndTheCodeDecides) {
  FakeFailure failure;
  failure.code = absl::StatusCode::kNotFound;
  failure.reason = "OF_A_LATER_VERSION";
  const Error error = GetError(FromGrpc(FakeError(failure)));
  EXPECT_EQ(error.reason, "OF_A_LATER_VERSION");
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
}

TEST(ErrorTest, WithoutDetailsTheCodeDecides) {
  const Error unreached =
      GetError(FromGrpc({grpc::StatusCode::UNAVAILABLE, "connection refused"}));
  EXPECT_EQ(unreached.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(unreached.reason, "");
  EXPECT_FALSE(unreached.retry_delay.has_value());
  const Error damaged =
      GetError(FromGrpc({grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff"}));
  EXPECT_EQ(damaged.kind, ErrorKind::kNotFound);
  EXPECT_EQ(GetError(absl::UnknownError("of another library")).kind,
            ErrorKind::kError);
}

TEST(ErrorTest, ConfigErrorsAreOfTheirOwnKind) {
  const Error error = GetError(internal::ConfigError("no application"));
  EXPECT_EQ(error.kind, ErrorKind::kConfig);
  EXPECT_EQ(error.reason, "");
}

TEST(ErrorTest, NamesOfKinds) {
  EXPECT_EQ(ErrorKindName(ErrorKind::kReauthorizationRequired),
            "ReauthorizationRequired");
  EXPECT_EQ(ErrorKindName(ErrorKind::kError), "Error");
  EXPECT_EQ(ErrorKindName(ErrorKind::kConfig), "Config");
}

TEST(TokenTest, PrintsNoSecret) {
  v1::Token message;
  message.set_access_token("canary-access");
  message.set_generation(3);
  message.mutable_expire_time()->set_seconds(1'800'000'000);
  std::ostringstream out;
  out << Token(internal::TokenDataOf(message));
  EXPECT_EQ(out.str(),
            "token of generation 3, expires 2027-01-15T08:00:00+00:00");
}

TEST(TokenTest, AuthorizationHasTheTokensType) {
  v1::Token message;
  message.set_access_token("a");
  EXPECT_EQ(internal::TokenDataOf(message)->authorization, "Bearer a");
  message.set_token_type("bearer");
  EXPECT_EQ(internal::TokenDataOf(message)->authorization, "Bearer a");
  message.set_token_type("MAC");
  EXPECT_EQ(internal::TokenDataOf(message)->authorization, "MAC a");
  EXPECT_EQ(internal::TokenDataOf(message)->expire_time,
            absl::InfiniteFuture());
}

}  // namespace
}  // namespace valetkey::client
