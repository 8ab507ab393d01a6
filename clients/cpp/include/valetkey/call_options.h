// What a caller may say about one call.

#ifndef VALETKEY_CALL_OPTIONS_H_
#define VALETKEY_CALL_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace valetkey::client {

// What the callback form of a call hands its result to, once. It runs on a
// thread of gRPC's or the client's, or on the caller's if the result is there
// already. It must not block, nor close or destroy the client.
template <typename T>
using Callback = absl::AnyInvocable<void(absl::StatusOr<T>)>;

// Ends calls from elsewhere: they fail with CANCELLED at once. A copy is the
// same cancellation. Thread-safe.
//
//   CallOptions options;
//   options.cancellation.emplace();
//   client.GetToken(request, options, callback);
//   ...
//   options.cancellation->Cancel();
class Cancellation {
 public:
  Cancellation();
  // Ends the calls that have it, and those that will.
  void Cancel();
  bool cancelled() const;

  // For the library: runs the function on Cancel(), at once if that has been.
  std::uint64_t Register(std::function<void()> function) const;
  void Unregister(std::uint64_t id) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct CallOptions {
  // For the whole call: all tries and the waits between. Absent: the client's.
  std::optional<absl::Duration> timeout = std::nullopt;
  std::optional<Cancellation> cancellation = std::nullopt;
};

}  // namespace valetkey::client

#endif  // VALETKEY_CALL_OPTIONS_H_
