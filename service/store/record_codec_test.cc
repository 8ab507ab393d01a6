#include "service/store/record_codec.h"

#include "gtest/gtest.h"
#include "service/store/record.pb.h"

namespace valetkey::store {
namespace {

TEST(RecordCodec, TimesAreRoundedDownToMicroseconds) {
  const absl::Time t = absl::FromUnixSeconds(100);
  EXPECT_EQ(RoundTime(t + absl::Nanoseconds(1999)), t + absl::Microseconds(1));
  EXPECT_EQ(RoundTime(absl::UnixEpoch() - absl::Nanoseconds(1)),
            absl::UnixEpoch() - absl::Microseconds(1));
  EXPECT_EQ(RoundTime(absl::InfiniteFuture()), absl::InfiniteFuture());
  EXPECT_EQ(RoundTime(absl::InfinitePast()), absl::InfinitePast());
}

// What a newer program has written, an older one hands on.
TEST(RecordCodec, KeepsFieldsThatItDoesNotKnow) {
  Connection connection;
  connection.tokens.resize(2);
  connection.tokens[0].name = "a";
  connection.tokens[1].name = "b";
  connection.last_failure.emplace();
  std::string blob;
  Encode(connection, &blob);

  internal::ConnectionRecord newer;
  ASSERT_TRUE(newer.ParseFromString(blob));
  auto add_field = [](google::protobuf::Message* message, int value) {
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(
        1000, static_cast<std::uint64_t>(value));
  };
  add_field(&newer, 1);
  add_field(newer.mutable_tokens(1), 2);
  add_field(newer.mutable_lease(), 3);
  add_field(newer.mutable_attempt(), 4);
  add_field(newer.mutable_last_failure(), 5);
  blob = newer.SerializeAsString();

  ASSERT_TRUE(Decode(blob, &connection));
  connection.generation = 7;
  connection.tokens.erase(connection.tokens.begin());
  connection.tokens[0].token_type = "bearer";
  Encode(connection, &blob);

  internal::ConnectionRecord again;
  ASSERT_TRUE(again.ParseFromString(blob));
  EXPECT_EQ(again.generation(), 7);
  ASSERT_EQ(again.tokens_size(), 1);
  EXPECT_EQ(again.tokens(0).token_type(), "bearer");
  auto field = [](const google::protobuf::Message& message) {
    const auto& fields = message.GetReflection()->GetUnknownFields(message);
    return fields.field_count() == 1 ? fields.field(0).varint() : 0;
  };
  EXPECT_EQ(field(again), 1u);
  EXPECT_EQ(field(again.tokens(0)), 2u);
  EXPECT_EQ(field(again.lease()), 3u);
  EXPECT_EQ(field(again.attempt()), 4u);
  EXPECT_EQ(field(again.last_failure()), 5u);
}

TEST(RecordCodec, RefusesADamagedBlob) {
  Connection connection;
  EXPECT_FALSE(Decode("\xff\xff\xff", &connection));
  Application application;
  EXPECT_FALSE(Decode("\x0a\x05", &application));
}

TEST(RecordCodec, NamesEveryTypeAndState) {
  EXPECT_EQ(EventTypeName(EventType::kReauthorizationRequired),
            "REAUTHORIZATION_REQUIRED");
  EXPECT_EQ(EventTypeName(EventType::kDeleted), "DELETED");
  EXPECT_EQ(ConnectionStateName(ConnectionState::kRevoking), "REVOKING");
}

}  // namespace
}  // namespace valetkey::store
