// What is behind a ForwardedCall.

#ifndef VALETKEY_CLIENT_SRC_FORWARD_H_
#define VALETKEY_CLIENT_SRC_FORWARD_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <string>

#include "src/core.h"
#include "src/mutex.h"
#include "valetkey/forward.h"

namespace valetkey::client::internal {

// Thread-safe.
class Forward final
    : public Closable,
      public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Returns nothing if the client is closed; no handler is called then.
  static std::shared_ptr<Forward> Start(std::shared_ptr<Core> core,
                                        const std::string& method,
                                        grpc::ByteBuffer request,
                                        const ForwardOptions& options,
                                        ForwardHandlers handlers);

  void Read();
  void Close() override;

 private:
  Forward(std::shared_ptr<Core> core, grpc::ByteBuffer request,
          ForwardHandlers handlers)
      : core_(std::move(core)),
        request_(std::move(request)),
        handlers_(std::move(handlers)) {}

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  // gRPC waits for the hold before OnDone: a Read may come from any thread.
  void ReleaseHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<Core> core_;
  const grpc::ByteBuffer request_;
  ForwardHandlers handlers_;
  grpc::ClientContext context_;
  grpc::ByteBuffer message_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_FORWARD_H_
