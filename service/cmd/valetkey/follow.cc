#include "service/cmd/valetkey/follow.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "valetkey/v1/event_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

bool WorthAnotherTry(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNAVAILABLE ||
         code == grpc::StatusCode::ABORTED;
}

}  // namespace

grpc::Status Follow(Shell& shell, v1::WatchEventsRequest request,
                    const FollowOptions& options) {
  const auto stub = v1::EventService::NewStub(shell.Channel());
  absl::Duration wait = options.first_wait;
  bool was_connected = false;
  bool lost = false;  // and a person has been told
  while (true) {
    grpc::ClientContext context;
    shell.Prepare(context, /*with_deadline=*/false);
    if (options.deadline != absl::InfiniteFuture()) {
      context.set_deadline(absl::ToChronoTime(options.deadline));
    }
    const auto stream = stub->WatchEvents(&context, request);
    v1::WatchEventsResponse message;
    while (stream->Read(&message)) {
      if (lost) shell.err() << "valetkey: connected again\n";
      was_connected = true;
      lost = false;
      wait = options.first_wait;
      if (!message.cursor().empty()) {
        request.set_cursor(message.cursor());
        request.set_snapshot(false);  // it is behind us
      }
      if (!options.on_message(message)) {
        context.TryCancel();
        stream->Finish();
        return grpc::Status::OK;
      }
    }
    const grpc::Status status = stream->Finish();
    if (!was_connected) return status;
    // A server that ends the stream in good order is restarting.
    if (!status.ok() && !WorthAnotherTry(status.error_code())) return status;
    if (!lost) {
      shell.err() << "valetkey: the stream broke off ("
                  << Printable(status.error_message().empty()
                                   ? "closed by the server"
                                   : status.error_message())
                  << "); connecting again\n";
      lost = true;
    }
    absl::SleepFor(std::min(
        wait, std::max(options.deadline - absl::Now(), absl::ZeroDuration())));
    wait = std::min(wait * 2, options.longest_wait);
  }
}

}  // namespace valetkey::cli
