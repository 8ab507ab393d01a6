// valetkey health: whether the server serves.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/cmd/valetkey/shell.h"
#include "service/rpc/health.pb.h"

namespace valetkey::cli {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
constexpr char kCheck[] = "/grpc.health.v1.Health/Check";

grpc::Status Check(Shell& shell) {
  const absl::Time begin = absl::Now();
  grpc::ClientContext context;
  shell.Prepare(context, /*with_deadline=*/true);
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(
      shell.Channel());
  const HealthCheckRequest request;
  HealthCheckResponse response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, kCheck, grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) { done.set_value(status); });
  const grpc::Status status = done.get_future().get();
  if (!status.ok()) return status;
  const bool serving = response.status() == HealthCheckResponse::SERVING;
  const std::string taken = absl::FormatDuration(
      absl::Floor(absl::Now() - begin, absl::Microseconds(10)));
  if (shell.json()) {
    shell.out() << "{\"status\":\"" << (serving ? "SERVING" : "NOT_SERVING")
                << "\"}" << std::endl;
  } else {
    shell.out() << (serving ? "serving" : "not serving") << " at "
                << shell.options.address << ", answered in " << taken
                << std::endl;
  }
  if (serving) return status;
  return {grpc::StatusCode::UNAVAILABLE, "the server does not serve now"};
}

}  // namespace

void AddHealthCommand(CLI::App& app, Shell& shell) {
  app.add_subcommand("health", "Tell whether the server serves")
      ->callback([&shell] { shell.Finish(Check(shell)); });
}

}  // namespace valetkey::cli
