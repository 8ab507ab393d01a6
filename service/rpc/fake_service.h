// A few methods with handlers of the test's choice, for tests of the front
// ends: they borrow the messages of the contract, not its meaning.

#ifndef VALETKEY_RPC_FAKE_SERVICE_H_
#define VALETKEY_RPC_FAKE_SERVICE_H_

#include <atomic>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "service/async/task.h"
#include "service/base/status.h"
#include "service/rpc/method.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::rpc {

// What a call does depends on the `name` of its request:
//   "fast:x"    answered by the fast form
//   "wait:MS"   answered after so many milliseconds
//   "reason:N"  fails with that Reason
//   "fault"     fails without one
//   anything    answered by the coroutine
class FakeService {
 public:
  static constexpr char kGet[] = "/valetkey.v1.ConnectionService/GetConnection";
  static constexpr char kDelete[] =
      "/valetkey.v1.ConnectionService/DeleteConnection";
  static constexpr char kWatch[] = "/valetkey.v1.EventService/WatchEvents";

  void Register(MethodTable& methods) {
    methods.Add(Unary(kGet, Access::Right(store::kReadMetadata), this,
                      &FakeService::Get, &FakeService::TryGet));
    methods.Add(Unary(kDelete, Access::SystemRight(store::kAdminister), this,
                      &FakeService::Delete));
    methods.Add(ServerStream<v1::WatchEventsResponse>(
        kWatch, Access::Right(store::kReadMetadata), this,
        &FakeService::Watch));
  }

  std::optional<absl::Status> TryGet(const broker::Caller&,
                                     const v1::GetConnectionRequest& request,
                                     v1::GetConnectionResponse* response) {
    if (!absl::StartsWith(request.name(), "fast:")) return std::nullopt;
    response->mutable_connection()->set_name(request.name());
    response->mutable_connection()->set_subject("fast");
    return absl::OkStatus();
  }

  Task<absl::StatusOr<v1::GetConnectionResponse>> Get(
      const CallContext& context, const v1::GetConnectionRequest& request) {
    const absl::string_view name = request.name();
    int number = 0;
    if (absl::StartsWith(name, "wait:") &&
        absl::SimpleAtoi(name.substr(5), &number)) {
      co_await SleepFor(absl::Milliseconds(number));
    }
    if (absl::StartsWith(name, "reason:") &&
        absl::SimpleAtoi(name.substr(7), &number)) {
      co_return MakeError(static_cast<Reason>(number), "as asked");
    }
    if (name == "fault") co_return absl::InternalError("hunter2");
    v1::GetConnectionResponse response;
    response.mutable_connection()->set_name(request.name());
    response.mutable_connection()->set_subject(context.log.request_id);
    response.mutable_connection()->set_provider(context.caller->application);
    ++finished;
    co_return response;
  }

  Task<absl::StatusOr<v1::DeleteConnectionResponse>> Delete(
      const CallContext&, const v1::DeleteConnectionRequest&) {
    co_return v1::DeleteConnectionResponse();
  }

  // Sends `subject` messages (a number; "" for ever), with `parent` bytes of
  // padding each; then waits for ever if the parent's connection says so.
  Task<absl::Status> Watch(const CallContext&,
                           const v1::WatchEventsRequest& request,
                           StreamWriter& writer) {
    ++watched;
    ++watching;
    const Leaving leaving{watching};
    int count = 1 << 30;
    if (!request.subject().empty() &&
        !absl::SimpleAtoi(request.subject(), &count)) {
      co_return InvalidField("subject", "a number");
    }
    int padding = 0;
    (void)absl::SimpleAtoi(request.parent(), &padding);
    v1::WatchEventsResponse response;
    response.mutable_event()->set_reason(std::string(padding, 'p'));
    for (int i = 0; i < count; ++i) {
      response.set_cursor(std::to_string(i));
      if (!co_await writer.Write(response)) co_return absl::OkStatus();
      ++written;
    }
    while (request.connection() == "wait" && !writer.stopped()) {
      co_await SleepFor(absl::Hours(1));
    }
    co_return absl::OkStatus();
  }

  std::atomic<int> finished{0};
  std::atomic<int> watched{0};   // streams begun
  std::atomic<int> watching{0};  // under way
  std::atomic<int> written{0};

 private:
  struct Leaving {
    std::atomic<int>& count;
    ~Leaving() { --count; }
  };
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_FAKE_SERVICE_H_
