// validate, page_token, json, listen and trace_context: pure functions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/base/status.h"
#include "service/rpc/json.h"
#include "service/rpc/page_token.h"
#include "service/rpc/trace_context.h"
#include "service/rpc/validate.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/provider_service.pb.h"

namespace valetkey::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string FieldOf(const absl::Status& status) {
  EXPECT_EQ(ReasonOf(status), Reason::kFieldInvalid) << status;
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "field") return value;
  }
  return "";
}

TEST(Validate, NamesTheFieldByItsPath) {
  StringMap labels;
  labels["x y"] = "1";
  EXPECT_EQ(FieldOf(CheckLabelMap("labels", labels)), "labels[\"x y\"]");
  StringList scopes;
  *scopes.Add() = "pins:read";
  *scopes.Add() = "a b";
  EXPECT_EQ(FieldOf(CheckScopes("scopes", scopes)), "scopes[1]");
  google::protobuf::FieldMask mask;
  mask.add_paths("labels");
  mask.add_paths("name");
  EXPECT_EQ(FieldOf(CheckMask(mask, {"labels"}, true)), "update_mask.paths[1]");
}

TEST(Validate, Bounds) {
  EXPECT_TRUE(CheckText("f", std::string(256, 'a'), 256).ok());
  EXPECT_FALSE(CheckText("f", std::string(257, 'a'), 256).ok());
  // Two bytes each, but one character.
  std::string umlauts;
  for (int i = 0; i < 256; ++i) umlauts += "\xC3\xA4";
  EXPECT_TRUE(CheckText("f", umlauts, 256).ok());
  EXPECT_FALSE(CheckText("f", "a\nb", 256).ok());
  EXPECT_FALSE(CheckNotNegative("f", -1).ok());
  StringMap labels;
  for (int i = 0; i < 33; ++i) labels["k" + std::to_string(i)] = "v";
  EXPECT_EQ(FieldOf(CheckLabelMap("labels", labels)), "labels");
  EXPECT_EQ(*CheckedPageSize(0), 100);
  EXPECT_EQ(*CheckedPageSize(7), 7);
  EXPECT_EQ(*CheckedPageSize(1'000'000), 1000);
  EXPECT_EQ(FieldOf(CheckedPageSize(-1).status()), "page_size");
}

TEST(Validate, TimesAndDurations) {
  google::protobuf::Duration duration;
  duration.set_seconds(1);
  duration.set_nanos(5);
  EXPECT_EQ(*CheckedDuration("d", duration),
            absl::Seconds(1) + absl::Nanoseconds(5));
  duration.set_nanos(-5);
  EXPECT_FALSE(CheckedDuration("d", duration).ok());
  duration.set_nanos(1'000'000'000);
  EXPECT_FALSE(CheckedDuration("d", duration).ok());
  duration.set_nanos(0);
  duration.set_seconds(-1);
  EXPECT_FALSE(CheckedDuration("d", duration).ok());
  duration.set_seconds(std::numeric_limits<std::int64_t>::max());
  EXPECT_FALSE(CheckedDuration("d", duration).ok());
  google::protobuf::Timestamp time;
  time.set_seconds(1'700'000'000);
  EXPECT_EQ(*CheckedTime("t", time), absl::FromUnixSeconds(1'700'000'000));
  time.set_seconds(std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(CheckedTime("t", time).ok());
}

TEST(PageToken, GoesRoundWithItsOwnFiltersOnly) {
  const std::string token = EncodePageToken("applications/a", "filters");
  EXPECT_EQ(*DecodePageToken(token, "filters"), "applications/a");
  EXPECT_EQ(*DecodePageToken("", "filters"), "");
  EXPECT_EQ(EncodePageToken("", "filters"), "");
  EXPECT_EQ(ReasonOf(DecodePageToken(token, "others").status()),
            Reason::kCursorInvalid);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(ReasonOf(DecodePageToken(damaged, "filters").status()),
              Reason::kCursorInvalid)
        << i;
    EXPECT_FALSE(DecodePageToken(token.substr(0, i), "filters").ok() && i > 0);
  }
}

TEST(Json, UnknownFieldsAreNamed) {
  v1::GetConnectionRequest request;
  EXPECT_EQ(FieldOf(ParseJson(R"({"nmae": "x"})", &request)), "nmae");
  v1::UpdateConnectionRequest nested;
  EXPECT_THAT(FieldOf(ParseJson(R"({"connection": {"lables": {}}})", &nested)),
              HasSubstr("lables"));
}

TEST(Json, ErrorsNeverQuoteValues) {
  v1::CreateProviderRequest request;
  for (const char* json : {
           R"({"provider": {"clientSecret": {"hunter2": 1}}})",
           R"({"provider": {"clientSecret": "hunter2" "x"}})",
           R"({"provider": {"pkce": "hunter2"}})",
           R"({"provider": {"createTime": "hunter2"}})",
           R"({"provider": "hunter2"})",
           R"(hunter2)",
           R"({"provider": {"clientSecret": hunter2}})",
       }) {
    const absl::Status status = ParseJson(json, &request);
    EXPECT_EQ(ReasonOf(status), Reason::kFieldInvalid) << json;
    if (std::string(json).find("{\"hunter2") == std::string::npos) {
      EXPECT_THAT(status.ToString(), Not(HasSubstr("hunter2"))) << json;
    }
  }
}

TEST(Json, DepthIsBounded) {
  v1::GetConnectionRequest request;
  const std::string deep = std::string(100'000, '[');
  EXPECT_EQ(FieldOf(ParseJson(deep, &request)), "body");
  // Brackets in strings do not count.
  EXPECT_TRUE(
      ParseJson("{\"name\": \"" + std::string(50, '{') + "\"}", &request).ok());
}

TEST(TraceContext, TakesWhatTheSpecificationCallsValid) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string span = "00f067aa0ba902b7";
  RequestContext context;
  ASSERT_TRUE(ParseTraceparent("00-" + trace + "-" + span + "-01", &context));
  EXPECT_EQ(context.trace_id, trace);
  EXPECT_EQ(context.span_id, span);
  // A later version may have more fields; this one may not.
  EXPECT_TRUE(
      ParseTraceparent("cc-" + trace + "-" + span + "-01-what", &context));
  const std::string zeros(32, '0');
  for (const std::string& bad :
       {"00-" + trace + "-" + span + "-01-what",
        "ff-" + trace + "-" + span + "-01", "00-" + zeros + "-" + span + "-01",
        "00-" + trace + "-" + zeros.substr(16) + "-01",
        "00-" + trace + "-" + span, "0-" + trace + "-" + span + "-01",
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-") + span + "-01",
        std::string()}) {
    EXPECT_FALSE(ParseTraceparent(bad, &context)) << bad;
  }
}

TEST(TraceContext, RequestIdsAreKeptIfHarmless) {
  EXPECT_EQ(MakeRequestContext("abc-1.2:3", "").request_id, "abc-1.2:3");
  const std::string made = MakeRequestContext("a\nb", "").request_id;
  EXPECT_EQ(made.size(), 32u);
  EXPECT_NE(made, MakeRequestContext("", "").request_id);
  EXPECT_FALSE(IsValidRequestId(std::string(129, 'a')));
}

}  // namespace
}  // namespace valetkey::rpc
