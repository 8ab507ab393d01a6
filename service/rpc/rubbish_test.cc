// Rubbish of every kind in every field of every RPC: never a fault of our own,
// and an error that names the field.

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/rpc/rpc_server_fixture.h"

namespace valetkey::rpc {
namespace {

using google::protobuf::FieldDescriptor;

// Fills messages by reflection.
class Rubbish {
 public:
  explicit Rubbish(unsigned seed) : random_(seed) {}

  // Names that exist are among the strings, so that calls get further.
  std::vector<std::string> strings = {"",
                                      "x",
                                      "applications/shop",
                                      "applications/other",
                                      "applications/shop/providers/pinterest",
                                      "applications/x/providers/y",
                                      "applications/shop/connections/none",
                                      "applications/shop/keys/none",
                                      "applications/",
                                      "applications/shop/connections/",
                                      "catalog/pinterest",
                                      "catalog/none",
                                      "../../etc/passwd",
                                      "labels",
                                      "scopes",
                                      "display_name",
                                      "*",
                                      "\n",
                                      std::string("a\0b", 3),
                                      "\"}{",
                                      "\xC3\xA4\xE2\x82\xAC",
                                      "https://shop.example.com/connected",
                                      "http://evil.example.com",
                                      "javascript:alert(1)",
                                      std::string(300, 'a'),
                                      std::string(10'000, 'z')};

  void Fill(google::protobuf::Message* message, int depth = 0) {
    const auto* reflection = message->GetReflection();
    const auto* descriptor = message->GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      if (Below(4) == 0) continue;
      if (!field->is_repeated()) {
        Set(message, reflection, field, depth, false);
        continue;
      }
      const int count = Below(20) == 0 ? 300 : Below(3);
      for (int k = 0; k < count; ++k) {
        Set(message, reflection, field, depth, true);
      }
    }
  }
  int Below(int bound) { return static_cast<int>(random_() % bound); }

 private:
  std::int64_t Integer() {
    constexpr std::int64_t kValues[] = {
        0,
        1,
        -1,
        2,
        7,
        1000,
        2147483647,
        -2147483648LL,
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min(),
        999'999'999,
        253402300800};
    return kValues[Below(std::size(kValues))];
  }

  void Set(google::protobuf::Message* message,
           const google::protobuf::Reflection* r, const FieldDescriptor* field,
           int depth, bool add) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string& value = strings[Below(strings.size())];
        add ? r->AddString(message, field, value)
            : r->SetString(message, field, value);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto value = static_cast<std::int32_t>(Integer());
        add ? r->AddInt32(message, field, value)
            : r->SetInt32(message, field, value);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT64:
        add ? r->AddInt64(message, field, Integer())
            : r->SetInt64(message, field, Integer());
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        r->SetBool(message, field, Below(2) == 0);
        break;
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value =
            Below(3) == 0 ? static_cast<int>(Integer()) : Below(8);
        add ? r->AddEnumValue(message, field, value)
            : r->SetEnumValue(message, field, value);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth < 5) {
          Fill(add ? r->AddMessage(message, field)
                   : r->MutableMessage(message, field),
               depth + 1);
        }
        break;
      default:
        FAIL() << "no rubbish for " << field->full_name();
    }
  }

  std::mt19937 random_;
};

TEST_F(RpcServerTest, RubbishIsInvalidAndNamesItsField) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rubbish rubbish(seed);
  rubbish.strings.push_back(harness_.Connect());
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  int invalid = 0;
  int calls = 0;
  for (const char* name : {"TokenService", "EventService", "ConnectionService",
                           "ProviderService", "ApplicationService"}) {
    const auto* service =
        pool->FindServiceByName(absl::StrCat("valetkey.v1.", name));
    ASSERT_NE(service, nullptr);
    for (int m = 0; m < service->method_count(); ++m) {
      const auto* method = service->method(m);
      const std::string path =
          absl::StrCat("/", service->full_name(), "/", method->name());
      const bool streaming = method->server_streaming();
      for (int i = 0; i < (streaming ? 60 : 150); ++i) {
        const std::unique_ptr<google::protobuf::Message> request(
            google::protobuf::MessageFactory::generated_factory()
                ->GetPrototype(method->input_type())
                ->New());
        rubbish.Fill(request.get());
        const std::string& key = rubbish.Below(3) == 0 ? system_ : key_;
        const grpc::Status status =
            CallRaw(path, request->SerializeAsString(), key, streaming);
        ++calls;
        EXPECT_NE(status.error_code(), grpc::StatusCode::INTERNAL)
            << path << " " << request->ShortDebugString();
        EXPECT_NE(status.error_code(), grpc::StatusCode::UNKNOWN) << path;
        EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
        if (status.error_code() != grpc::StatusCode::INVALID_ARGUMENT) {
          continue;
        }
        ++invalid;
        const ErrorInfo info = InfoOf(status);
        if (info.reason() != "FIELD_INVALID") {
          EXPECT_THAT(info.reason(),
                      testing::AnyOf("CURSOR_INVALID", "ISSUER_MISMATCH",
                                     "AUTHORIZATION_STATE_INVALID"))
              << path << ": " << status.error_message();
          continue;
        }
        // The path's first part is a field of the request.
        const auto field = info.metadata().find("field");
        ASSERT_NE(field, info.metadata().end()) << path;
        const std::string root =
            field->second.substr(0, field->second.find_first_of(".["));
        EXPECT_NE(method->input_type()->FindFieldByName(root), nullptr)
            << path << ": " << field->second;
      }
    }
  }
  // The test is worth something only if most of it was rubbish.
  EXPECT_GT(invalid, calls / 4);
}

}  // namespace
}  // namespace valetkey::rpc
