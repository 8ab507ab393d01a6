// valetkey status: how the servers are.

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/status_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::StatusService::StubInterface;

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

std::string Seconds(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(100)));
}

std::string RedisText(const v1::ReplicaStatus& status) {
  std::string text =
      EnumText(v1::RedisState_Name(status.redis()), "REDIS_STATE_");
  for (char& c : text) c = c == '_' ? ' ' : absl::ascii_tolower(c);
  return text;
}

std::string SkewText(const v1::ReplicaStatus& status) {
  if (!status.has_clock_skew()) return "";
  return Seconds(absl::Seconds(status.clock_skew().seconds()) +
                 absl::Nanoseconds(status.clock_skew().nanos()));
}

void Show(Shell& shell, const v1::GetStatusResponse& response) {
  const absl::Time now = TimeOf(response.time());
  Table replicas({"REPLICA", "HOST", "VERSION", "UP", "HEARD", "CACHED",
                  "MEMORY", "REDIS", "REFRESHING", "HANDLING", "UNCOMMITTED",
                  "SKEW"});
  for (const v1::Replica& replica : response.replicas()) {
    const v1::ReplicaStatus& status = replica.status();
    const bool own = replica.instance() == response.instance();
    replicas.AddRow({absl::StrCat(replica.instance(), own ? " *" : ""),
                     replica.host(), replica.version(),
                     absl::FormatDuration(absl::Trunc(
                         now - TimeOf(replica.start_time()), absl::Seconds(1))),
                     RelativeTime(TimeOf(replica.beat_time()) - now),
                     absl::StrCat(status.cached_connections()),
                     status.memory_current() ? "current" : "cut off",
                     RedisText(status), absl::StrCat(status.refreshing()),
                     absl::StrCat(status.handling()),
                     absl::StrCat(status.uncommitted()), SkewText(status)});
  }
  replicas.Print(shell.out());
  shell.out() << "\n";

  Details details;
  details.Add("connections due", absl::StrCat(response.due()));
  if (response.has_oldest_due_time()) {
    details.Add("oldest waits",
                Seconds(now - TimeOf(response.oldest_due_time())));
  }
  details.Add("events kept", absl::StrCat(response.newest_event() -
                                              response.oldest_event() + 1,
                                          " (", response.oldest_event(), " to ",
                                          response.newest_event(), ")"));
  details.Add("not in Redis yet", absl::StrCat(response.unpublished_events()));
  details.Print(shell.out());

  Table breakers({"ENDPOINT THAT FAILS", "REPLICA", "FAILURES", "NEXT TRY"});
  bool any = false;
  for (const v1::Replica& replica : response.replicas()) {
    for (const v1::OpenBreaker& breaker : replica.status().open_breakers()) {
      any = true;
      breakers.AddRow({breaker.endpoint(), replica.instance(),
                       absl::StrCat(breaker.failures()),
                       RelativeTime(TimeOf(breaker.open_until()) - now)});
    }
  }
  if (!any) return;
  shell.out() << "\n";
  breakers.Print(shell.out());
}

}  // namespace

void AddStatusCommand(CLI::App& app, Shell& shell) {
  app.add_subcommand("status",
                     "Show the servers, what waits, and what fails; with an "
                     "admin key")
      ->callback([&shell] {
        v1::GetStatusResponse response;
        shell.Finish(shell.Report(
            shell.Call<v1::StatusService>(&Stub::GetStatus,
                                          v1::GetStatusRequest(), &response),
            response, [&] { Show(shell, response); }));
      });
}

}  // namespace valetkey::cli
