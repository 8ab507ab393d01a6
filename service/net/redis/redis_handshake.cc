#include "service/net/redis/redis_handshake.h"

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/base/secret.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {
namespace {

enum class Step { kAuth, kSelect, kSetName, kPing, kRole };

struct Greeting {
  std::string bytes;
  std::vector<Step> steps;  // one reply is owed for each
};

Greeting MakeGreeting(const RedisUrl& url, const std::string& client_name,
                      bool master_only) {
  Greeting greeting;
  // Grown once, so that no copy of the password stays behind.
  greeting.bytes.reserve(256 + url.password.size() + url.user.size() +
                         client_name.size());
  if (url.has_password) {
    std::vector<std::string> auth = {"AUTH"};
    if (!url.user.empty()) auth.push_back(url.user);
    auth.emplace_back(url.password.Reveal());
    AppendCommand(auth, &greeting.bytes);
    WipeMemory(auth.back().data(), auth.back().size());
    greeting.steps.push_back(Step::kAuth);
  }
  if (url.database != 0) {
    AppendCommand({"SELECT", absl::StrCat(url.database)}, &greeting.bytes);
    greeting.steps.push_back(Step::kSelect);
  }
  if (!client_name.empty()) {
    AppendCommand({"CLIENT", "SETNAME", client_name}, &greeting.bytes);
    greeting.steps.push_back(Step::kSetName);
  }
  AppendCommand({"PING"}, &greeting.bytes);
  greeting.steps.push_back(Step::kPing);
  if (master_only) {
    AppendCommand({"ROLE"}, &greeting.bytes);
    greeting.steps.push_back(Step::kRole);
  }
  return greeting;
}

absl::Status CheckReply(Step step, const RedisReply& reply) {
  if (step == Step::kRole) return CheckMaster(reply);
  if (!reply.is_error()) return absl::OkStatus();
  const absl::string_view code = ErrorCode(reply);
  switch (step) {
    case Step::kAuth:
      // The text may repeat the arguments: the code must do.
      return absl::UnauthenticatedError(
          absl::StrCat("redis: AUTH was refused (", code.substr(0, 32), ")"));
    case Step::kSetName:
      return absl::OkStatus();  // a convenience that an ACL may forbid
    case Step::kPing:
      if (code == "NOPERM") return absl::OkStatus();
      break;
    case Step::kSelect:
    case Step::kRole:
      break;
  }
  return ErrorOf(reply);
}

Task<absl::Status> Greet(std::shared_ptr<RedisTransport> transport,
                         const RedisUrl& url, std::string client_name,
                         bool master_only) {
  absl::Status status = co_await transport->Connect();
  if (!status.ok()) co_return status;
  Greeting greeting = MakeGreeting(url, client_name, master_only);
  status = co_await WriteAll(transport, asio::buffer(greeting.bytes));
  WipeMemory(greeting.bytes.data(), greeting.bytes.size());
  if (!status.ok()) co_return status;

  RespReader reader(
      RespLimits{.max_reply_bytes = 64 << 10, .max_elements = 4096});
  std::array<char, 1024> buffer;
  RedisReply reply;
  for (Step step : greeting.steps) {
    for (;;) {
      absl::StatusOr<bool> complete = reader.Next(&reply);
      if (!complete.ok()) co_return complete.status();
      if (*complete) break;
      absl::StatusOr<std::size_t> size =
          co_await ReadSome(transport, asio::buffer(buffer));
      if (!size.ok()) co_return size.status();
      status = reader.Feed(absl::string_view(buffer.data(), *size));
      if (!status.ok()) co_return status;
    }
    status = CheckReply(step, reply);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

}  // namespace

absl::Status CheckMaster(const RedisReply& reply) {
  if (reply.is_error()) return ErrorOf(reply);
  if (!reply.is_array() || reply.elements.empty() ||
      reply.elements[0].text != "master") {
    return absl::FailedPreconditionError("redis: the server is no master");
  }
  return absl::OkStatus();
}

Task<absl::Status> Establish(std::shared_ptr<RedisTransport> transport,
                             const RedisUrl& url, std::string client_name,
                             absl::Duration timeout, bool master_only) {
  asio::steady_timer limit(co_await asio::this_coro::executor);
  limit.expires_after(absl::ToChronoNanoseconds(timeout));
  auto expired = std::make_shared<bool>(false);
  limit.async_wait([transport, expired](boost::system::error_code error) {
    if (error) return;
    *expired = true;
    transport->Close();
  });
  absl::Status status =
      co_await Greet(transport, url, std::move(client_name), master_only);
  limit.cancel();
  if (*expired) {
    co_return absl::UnavailableError(absl::StrCat(
        "redis: no connection within ", absl::FormatDuration(timeout)));
  }
  if (!status.ok()) transport->Close();
  co_return status;
}

absl::Duration Backoff::Next() {
  const absl::Duration wait = next_ * (0.5 + 0.5 * random_.Unit());
  next_ = std::min(next_ * 2, max_);
  return wait;
}

}  // namespace valetkey::redis
