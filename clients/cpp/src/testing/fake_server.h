// The fake's gRPC server: what is common to its calls (the key, failures,
// holds, counts), and the streams of those who watch.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_SERVER_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/mutex.h"
#include "src/testing/fake_admin.h"
#include "src/testing/fake_store.h"
#include "valetkey/testing/fake_valetkey.h"
#include "valetkey/v1/event_service.grpc.pb.h"

namespace valetkey::client::internal {

class FakeStream;

// Thread-safe.
class FakeServer {
 public:
  explicit FakeServer(const FakeOptions& options);
  ~FakeServer();

  std::string address() const;
  void Start();
  void Stop();

  // Runs it with the lock, and tells those who watch what it emitted.
  void With(const std::function<void(FakeStore&)>& function);

  void Fail(const std::string& method, const FakeFailure& failure, int times);
  void Hold(const std::string& method);
  void Release(const std::string& method);
  int Calls(const std::string& method);
  bool AwaitCalls(const std::string& method, int calls);
  int Watches();
  bool AwaitWatches(int watches);
  std::vector<v1::GetTokenRequest> TokenRequests();
  std::vector<v1::WatchEventsRequest> WatchRequests();
  void Checkpoint();
  void EndWatches(const grpc::Status& status);

  // For the services. A unary call, answered by `answer` with the lock held,
  // now or once it is released.
  using Answer = std::function<grpc::Status(FakeStore&, FakeAdmin&)>;
  grpc::ServerUnaryReactor* Handle(grpc::CallbackServerContext* context,
                                   const std::string& method, Answer answer);
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* Watch(
      grpc::CallbackServerContext* context,
      const v1::WatchEventsRequest& request);
  void NoteToken(const v1::GetTokenRequest& request);
  void Forget(FakeStream* stream);

 private:
  struct Failure {
    FakeFailure failure;
    int times;
  };
  // What the call fails with before it is looked at, or OK.
  grpc::Status Admit(const grpc::CallbackServerContext& context,
                     const std::string& method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellWatchers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Condition>
  bool Await(Condition condition);

  const FakeOptions options_;
  std::vector<std::unique_ptr<grpc::Service>> services_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  FakeStore store_ ABSL_GUARDED_BY(mutex_);
  FakeAdmin admin_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::deque<Failure>> failures_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mutex_);
  // Of the methods that are held, what waits.
  std::map<std::string, std::vector<std::function<void()>>> held_
      ABSL_GUARDED_BY(mutex_);
  std::set<FakeStream*> streams_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GetTokenRequest> token_requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchEventsRequest> watch_requests_ ABSL_GUARDED_BY(mutex_);
};

std::vector<std::unique_ptr<grpc::Service>> NewFakeServices(FakeServer* server);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_SERVER_H_
