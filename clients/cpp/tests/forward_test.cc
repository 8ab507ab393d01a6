// Calls that are passed on, and what a gateway needs beside them.

#include "valetkey/forward.h"

#include <grpcpp/support/byte_buffer.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "src/key_file.h"
#include "src/status.h"
#include "tests/fixture.h"
#include "valetkey/error.h"

namespace valetkey::client {
namespace {

constexpr char kGetToken[] = "/valetkey.v1.TokenService/GetToken";
constexpr char kWatch[] = "/valetkey.v1.EventService/WatchEvents";

template <typename Message>
grpc::ByteBuffer Bytes(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}
template <typename Message>
Message Parsed(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  Message message;
  EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
  EXPECT_TRUE(
      message.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
  return message;
}

class ForwardTest : public FakeTest {
 protected:
  ForwardTest()
      : FakeTest([] {
          FakeOptions options;
          options.api_key = "vk_canary";
          return options;
        }()) {
    fake_.SetToken("c-7", "secret-1");
  }

  struct Heard {
    internal::Mutex mutex;
    std::vector<grpc::ByteBuffer> messages ABSL_GUARDED_BY(mutex);
    std::optional<grpc::Status> end ABSL_GUARDED_BY(mutex);

    std::size_t Messages() {
      const internal::MutexLock lock(mutex);
      return messages.size();
    }
    std::optional<grpc::Status> End() {
      const internal::MutexLock lock(mutex);
      return end;
    }
  };
  static ForwardHandlers Into(const std::shared_ptr<Heard>& heard) {
    return {[heard](grpc::ByteBuffer message) {
              const internal::MutexLock lock(heard->mutex);
              heard->messages.push_back(std::move(message));
            },
            [heard](const grpc::Status& status) {
              const internal::MutexLock lock(heard->mutex);
              heard->end = status;
            }};
  }
  ForwardedCall Start(const std::string& method, grpc::ByteBuffer request,
                      const std::shared_ptr<Heard>& heard,
                      const ForwardOptions& options = {}) {
    auto call = ForwardedCall::Start(client_, method, std::move(request),
                                     options, Into(heard));
    EXPECT_TRUE(call.ok()) << call.status();
    return *std::move(call);
  }
  static v1::GetTokenRequest Request(const std::string& name) {
    v1::GetTokenRequest request;
    request.set_name(name);
    return request;
  }
};

TEST_F(ForwardTest, AUnaryCallHasOneAnswerAndItsStatus) {
  const auto heard = std::make_shared<Heard>();
  const ForwardedCall call = Start(
      kGetToken, Bytes(Request("applications/shop/connections/c-7")), heard);
  ASSERT_TRUE(Eventually([&] { return heard->Messages() == 1; }));
  call.Read();
  ASSERT_TRUE(Eventually([&] { return heard->End().has_value(); }));
  EXPECT_TRUE(heard->End()->ok());
  const internal::MutexLock lock(heard->mutex);
  EXPECT_EQ(
      Parsed<v1::GetTokenResponse>(heard->messages[0]).token().access_token(),
      "secret-1");
}

TEST_F(ForwardTest, AnErrorComesWithItsDetails) {
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 1, absl::Seconds(3));
  const auto heard = std::make_shared<Heard>();
  Start(kGetToken, Bytes(Request("applications/shop/connections/c-7")), heard);
  ASSERT_TRUE(Eventually([&] { return heard->End().has_value(); }));
  const Error error = GetError(internal::FromGrpc(*heard->End()));
  EXPECT_EQ(error.reason, "PROVIDER_THROTTLED");
  EXPECT_EQ(error.retry_delay, absl::Seconds(3));
  EXPECT_EQ(heard->Messages(), 0u);
  EXPECT_EQ(fake_.Calls("GetToken"), 1);  // not tried again
}

TEST_F(ForwardTest, AMethodThatIsNotThereIsUnimplemented) {
  const auto heard = std::make_shared<Heard>();
  Start("/valetkey.v1.TokenService/None", Bytes(Request("")), heard);
  ASSERT_TRUE(Eventually([&] { return heard->End().has_value(); }));
  EXPECT_EQ(heard->End()->error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ForwardTest, AStreamIsReadMessageByMessageAndCancelled) {
  const auto heard = std::make_shared<Heard>();
  v1::WatchEventsRequest request;
  request.set_parent("applications/shop");
  const ForwardedCall call = Start(kWatch, Bytes(request), heard);
  ASSERT_TRUE(Eventually([&] { return heard->Messages() == 1; }));
  fake_.Revoke("c-7");
  call.Read();
  ASSERT_TRUE(Eventually([&] { return heard->Messages() == 2; }));
  {
    const internal::MutexLock lock(heard->mutex);
    EXPECT_EQ(
        Parsed<v1::WatchEventsResponse>(heard->messages[1]).event().type(),
        v1::EVENT_TYPE_REVOKED);
  }
  call.Cancel();
  ASSERT_TRUE(Eventually([&] { return heard->End().has_value(); }));
  EXPECT_EQ(heard->End()->error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ForwardTest, ADeadlineIsPassedOn) {
  fake_.Hold("GetToken");
  const auto heard = std::make_shared<Heard>();
  ForwardOptions options;
  options.deadline = absl::Now() + absl::Milliseconds(50);
  Start(kGetToken, Bytes(Request("applications/shop/connections/c-7")), heard,
        options);
  ASSERT_TRUE(Eventually([&] { return heard->End().has_value(); }));
  EXPECT_EQ(heard->End()->error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  fake_.Release("GetToken");
}

TEST_F(ForwardTest, ClosingTheClientEndsIt) {
  const auto heard = std::make_shared<Heard>();
  v1::WatchEventsRequest request;
  request.set_parent("applications/shop");
  Start(kWatch, Bytes(request), heard);
  ASSERT_TRUE(Eventually([&] { return heard->Messages() == 1; }));
  client_.Close();
  EXPECT_TRUE(heard->End().has_value());
  EXPECT_TRUE(absl::IsCancelled(
      ForwardedCall::Start(client_, kWatch, Bytes(request), {}, Into(heard))
          .status()));
}

TEST_F(ForwardTest, AStatusThatIsMadeHereSaysAllThatItSaid) {
  fake_.Fail("GetToken", v1::PROVIDER_THROTTLED, 100, absl::Hours(1));
  const auto token = client_.GetToken(Request("c-7"));
  const grpc::Status status = ToGrpc(token.status());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  const Error error = GetError(internal::FromGrpc(status));
  EXPECT_EQ(error.reason, "PROVIDER_THROTTLED");
  EXPECT_EQ(error.retry_delay, absl::Hours(1));
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

TEST_F(ForwardTest, TryGetReadsMemoryAlone) {
  const TokenSource source = NewSource();
  EXPECT_FALSE(source.TryGet().has_value());
  EXPECT_EQ(fake_.Calls("GetToken"), 0);
  ASSERT_EQ(ReadText(source), "secret-1");
  ASSERT_TRUE(source.TryGet().has_value());
  EXPECT_EQ(source.TryGet()->access_token(), "secret-1");
  source.Invalidate(source.TryGet()->generation());
  EXPECT_FALSE(source.TryGet().has_value());
}

TEST_F(ForwardTest, TheWatchTellsHowLongItHasBeenSilent) {
  EXPECT_EQ(client_.WatchSilence("shop"), absl::InfiniteDuration());
  const TokenSource source = NewSource();
  ASSERT_EQ(ReadText(source), "secret-1");
  ASSERT_TRUE(Eventually(
      [&] { return client_.WatchSilence("") == absl::ZeroDuration(); }));
  scheduler_->Advance(absl::Seconds(7));
  EXPECT_EQ(client_.WatchSilence("applications/shop"), absl::Seconds(7));
  EXPECT_EQ(client_.WatchSilence("other"), absl::InfiniteDuration());
}

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "vk-key-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ / "token";
  }
  ~KeyFileTest() override { std::filesystem::remove_all(folder_); }

  // As the kubelet does: another file takes its place.
  void Write(const std::string& text) {
    std::ofstream(folder_ / "new") << text;
    std::filesystem::rename(folder_ / "new", path_);
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(KeyFileTest, IsReadAgainWhenItHasChanged) {
  Write("one\n");
  auto key = internal::ReadKey(path_);
  ASSERT_TRUE(key.ok()) << key.status();
  internal::KeyFile file(path_, *key);
  EXPECT_EQ(file.Get(absl::Seconds(1)), "one");
  Write("two");
  EXPECT_EQ(file.Get(absl::Seconds(1.9)), "one");  // looked just now
  EXPECT_EQ(file.Get(absl::Seconds(2)), "two");
  Write("");
  EXPECT_EQ(file.Get(absl::Seconds(4)), "two");
  std::filesystem::remove(path_);
  EXPECT_EQ(file.Get(absl::Seconds(6)), "two");
  Write("three\n");
  EXPECT_EQ(file.Get(absl::Seconds(8)), "three");
}

TEST_F(KeyFileTest, SaysWhatIsWrongAndNoSecret) {
  EXPECT_EQ(KindOf(internal::ReadKey(path_).status()), ErrorKind::kConfig);
  Write(" \n");
  EXPECT_EQ(KindOf(internal::ReadKey(path_).status()), ErrorKind::kConfig);
  Write("secret of two\nlines");
  const absl::Status bad = internal::ReadKey(path_).status();
  EXPECT_EQ(KindOf(bad), ErrorKind::kConfig);
  EXPECT_EQ(bad.message().find("secret of"), std::string::npos);
}

TEST_F(KeyFileTest, IsWhatCallsPresent) {
  FakeOptions options;
  options.api_key = "vk_second";
  FakeValetKey fake(options);
  fake.SetToken("c-7", "secret-1");
  Write("vk_first");
  ClientOptions client_options = fake.client_options();
  client_options.api_key.reset();
  client_options.api_key_file = path_.string();
  auto client = Client::Create(client_options);
  ASSERT_TRUE(client.ok()) << client.status();
  v1::GetTokenRequest request;
  request.set_name("c-7");
  EXPECT_TRUE(absl::IsUnauthenticated(client->GetToken(request).status()));
  Write("vk_second");
  EXPECT_TRUE(Eventually([&] { return client->GetToken(request).ok(); }));
}

}  // namespace
}  // namespace valetkey::client
