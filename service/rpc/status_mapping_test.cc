#include "service/rpc/status_mapping.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "service/base/status.h"
#include "valetkey/v1/errors.pb.h"

namespace valetkey::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

Status Decode(const grpc::Status& status) {
  Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <class T>
T Detail(const Status& status, const std::string& type) {
  T out;
  for (const auto& any : status.details()) {
    if (any.type_url() == "type.googleapis.com/google.rpc." + type) {
      EXPECT_TRUE(out.ParseFromString(any.value()));
      return out;
    }
  }
  ADD_FAILURE() << "no " << type;
  return out;
}

TEST(StatusMapping, ReasonsAgreeWithTheContract) {
  const auto* names = v1::ErrorReason_descriptor();
  EXPECT_EQ(names->value_count(), static_cast<int>(kLastReason) + 1);
  for (int i = 1; i <= static_cast<int>(kLastReason); ++i) {
    const auto* value = names->FindValueByNumber(i);
    ASSERT_NE(value, nullptr) << i;
    EXPECT_EQ(value->name(), ReasonName(static_cast<Reason>(i)));
  }
}

TEST(StatusMapping, CarriesReasonDomainAndMetadata) {
  const grpc::Status status =
      ToGrpcStatus(MakeError(Reason::kScopeNotGranted, "a scope is missing",
                             {{"missing_scopes", "pins:write"}}),
                   "r1");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "a scope is missing");
  const Status details = Decode(status);
  EXPECT_EQ(details.code(), 9);
  EXPECT_EQ(details.details_size(), 1);
  const auto info = Detail<ErrorInfo>(details, "ErrorInfo");
  EXPECT_EQ(info.reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(info.domain(), "valetkey");
  EXPECT_EQ(info.metadata().at("missing_scopes"), "pins:write");
}

TEST(StatusMapping, FieldInvalidNamesTheFieldTwice) {
  const Status details =
      Decode(ToGrpcStatus(InvalidField("labels[\"x y\"]", "a key"), "r1"));
  EXPECT_EQ(Detail<ErrorInfo>(details, "ErrorInfo").metadata().at("field"),
            "labels[\"x y\"]");
  const auto bad = Detail<BadRequest>(details, "BadRequest");
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "labels[\"x y\"]");
  EXPECT_EQ(bad.field_violations(0).description(), "expected a key");
}

TEST(StatusMapping, RetryInfoWhereARetryHelps) {
  const Status details =
      Decode(ToGrpcStatus(MakeError(Reason::kProviderThrottled, "too fast", {},
                                    absl::Milliseconds(2500)),
                          "r1"));
  const auto retry = Detail<RetryInfo>(details, "RetryInfo");
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(StatusMapping, AStatusWithoutAReasonTellsNothingButTheRequestId) {
  for (const absl::Status& fault :
       {absl::InternalError("secret detail"), absl::NotFoundError("secret"),
        absl::CancelledError("secret")}) {
    EXPECT_TRUE(IsFault(fault));
    const grpc::Status status = ToGrpcStatus(fault, "r-77");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
    EXPECT_THAT(status.error_details(), Not(HasSubstr("secret")));
    const auto info = Detail<ErrorInfo>(Decode(status), "ErrorInfo");
    EXPECT_EQ(info.reason(), "INTERNAL_FAULT");
    EXPECT_EQ(info.metadata().at("request_id"), "r-77");
  }
}

TEST(StatusMapping, ProtocolErrorsPassAsTheyAre) {
  const grpc::Status status = ToGrpcStatus(
      ProtocolError(absl::StatusCode::kUnimplemented, "no such method"), "r");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Decode(status).details_size(), 0);
}

TEST(StatusMapping, MissingAndForeignLookAlike) {
  for (const Reason reason :
       {Reason::kApplicationNotFound, Reason::kProviderNotFound,
        Reason::kConnectionNotFound, Reason::kKeyNotFound}) {
    const grpc::Status missing = ToGrpcStatus(
        MakeError(reason, "there is none of it", {{"connection", "x"}}), "r");
    const grpc::Status foreign =
        ToGrpcStatus(MakeError(reason, "not yours"), "r");
    EXPECT_EQ(missing.error_message(), foreign.error_message());
    EXPECT_EQ(missing.error_details(), foreign.error_details());
  }
}

TEST(StatusMapping, ConnectErrorIsJsonWithDetails) {
  const std::string json =
      ToConnectError(InvalidField("na\"me\n", "a \\ name"), "r1");
  google::protobuf::Struct parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok())
      << json;
  EXPECT_EQ(parsed.fields().at("code").string_value(), "invalid_argument");
  EXPECT_EQ(parsed.fields().at("message").string_value(),
            "na\"me\n: expected a \\ name");
  const auto& details = parsed.fields().at("details").list_value();
  ASSERT_EQ(details.values_size(), 2);
  const auto& first = details.values(0).struct_value().fields();
  EXPECT_EQ(first.at("type").string_value(), "google.rpc.ErrorInfo");
  std::string value = first.at("value").string_value();
  EXPECT_THAT(value, Not(HasSubstr("=")));
  value.append((4 - value.size() % 4) % 4, '=');
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(value, &bytes));
  ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(bytes));
  EXPECT_EQ(info.reason(), "FIELD_INVALID");
  EXPECT_EQ(
      first.at("debug").struct_value().fields().at("reason").string_value(),
      "FIELD_INVALID");
}

TEST(StatusMapping, EveryCodeHasAConnectNameAndHttpStatus) {
  for (int i = 1; i <= 16; ++i) {
    const auto code = static_cast<absl::StatusCode>(i);
    EXPECT_FALSE(ConnectCodeName(code).empty());
    EXPECT_GE(ConnectHttpStatus(code), 400);
  }
  EXPECT_EQ(ConnectHttpStatus(absl::StatusCode::kNotFound), 404);
  EXPECT_EQ(ConnectHttpStatus(absl::StatusCode::kFailedPrecondition), 400);
  EXPECT_EQ(ConnectHttpStatus(absl::StatusCode::kUnavailable), 503);
}

}  // namespace
}  // namespace valetkey::rpc
