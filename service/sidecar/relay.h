// Calls that go to the server as they came: the request's bytes, its deadline
// and its cancellation; and come back as they are: messages, status, details.
// The credentials are the sidecar's own; those of the caller stay here.
//
// By gRPC's callback API, without a thread of its own.

#ifndef VALETKEY_SIDECAR_RELAY_H_
#define VALETKEY_SIDECAR_RELAY_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "service/base/metrics.h"
#include "service/base/mutex.h"
#include "valetkey/client.h"
#include "valetkey/forward.h"

namespace valetkey::sidecar {

// The deadline and metadata of a call, for the one that is made for it.
client::ForwardOptions ForwardOptionsOf(
    const grpc::CallbackServerContext& context);

// Passes one unary call on. `ended` is told how it went and has the last word
// on the status, and on the response. Deletes itself.
using Ended = std::function<grpc::Status(const grpc::Status& status,
                                         grpc::ByteBuffer* response)>;
grpc::ServerUnaryReactor* PassOn(client::Client& client,
                                 const std::string& method,
                                 grpc::CallbackServerContext& context,
                                 const grpc::ByteBuffer& request,
                                 grpc::ByteBuffer* response, Ended ended);

// Calls that are passed on whatever their kind. Thread-safe.
class Relay {
 public:
  // All outlive the relay and the server of its calls.
  // `watch_began` is called when a watch has its first message.
  Relay(client::Client& client, Metrics& metrics,
        std::function<void()> watch_began);

  // A call of that method: its one message goes on, and all that is answered
  // comes back.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Start(
      const std::string& method, grpc::CallbackServerContext& context);

  // Ends watches with UNAVAILABLE, now and from now on: they would not end by
  // themselves, and whoever watches resumes elsewhere.
  void EndWatches();

 private:
  class Stream;
  // The watches under way.
  struct Watches {
    std::function<void()> began;
    Mutex mutex;
    bool ended VK_GUARDED_BY(mutex) = false;
    std::map<Stream*, std::weak_ptr<Stream>> streams VK_GUARDED_BY(mutex);
  };

  client::Client& client_;
  const std::shared_ptr<Watches> watches_ = std::make_shared<Watches>();
  Counter& passed_on_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_RELAY_H_
