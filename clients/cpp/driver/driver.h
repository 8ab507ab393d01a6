// The driver of the conformance suite (tests/conformance/README.md): does what
// it is told, a JSON object a line, with the library.

#ifndef VALETKEY_CLIENT_DRIVER_DRIVER_H_
#define VALETKEY_CLIENT_DRIVER_DRIVER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "valetkey/client.h"

namespace valetkey::client {

class Driver {
 public:
  using Json = nlohmann::json;
  // Gets each answer, one call at a time.
  explicit Driver(std::function<void(const Json&)> write)
      : write_(std::move(write)) {}
  // Closes everything, and waits until all is answered.
  ~Driver();

  // Answers now or later.
  void Handle(const Json& request);

 private:
  using Result = absl::StatusOr<Json>;

  // Operations that are done at once, in the order of the lines. They throw
  // std::out_of_range for a name that nobody made.
  Result OpenClient(const Json& request);
  Result CloseClient(const Json& request);
  Result OpenSource(const Json& request);
  Result CloseSource(const Json& request);
  Result Invalidate(const Json& request);
  Result OpenWatch(const Json& request);
  Result CloseWatch(const Json& request);
  Result Cancel(const Json& request);

  // Operations that may wait, each on a thread of its own. What they work on
  // is looked up before.
  using Work = std::function<Result(const CallOptions&)>;
  Work Prepare(const Json& request);
  Work PrepareCall(const Json& request);
  Work PrepareToken(const Json& request);
  Work PrepareRead(const Json& request);
  Work PrepareNext(const Json& request);
  Work PrepareRequest(const Json& request);

  void Run(const Json& request, Work work);
  void Answer(const Json& request, const Result& result);
  Json ErrorJson(const Json& request, const absl::Status& status);

  const std::function<void(const Json&)> write_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int running_ = 0;
  std::map<std::string, std::shared_ptr<Client>> clients_;
  std::map<std::string, TokenSource> sources_;
  std::map<std::string, std::shared_ptr<Watch>> watches_;
  std::map<std::string, Cancellation> cancellations_;  // by request id
  std::map<std::string, v1::AuthorizeRequest> reauthorizations_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_CLIENT_DRIVER_DRIVER_H_
