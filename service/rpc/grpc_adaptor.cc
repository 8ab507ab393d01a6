#include "service/rpc/grpc_adaptor.h"

#include <google/protobuf/arena.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/base/tsan_handover.h"
#include "service/rpc/peer_certificate.h"
#include "service/rpc/status_mapping.h"
#include "service/rpc/trace_context.h"

namespace valetkey::rpc {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;

constexpr char kRequestId[] = "x-request-id";

// What calls need; outlives them.
struct Shared {
  Frontend& frontend;
  ReactorPool& reactors;
  TaskScope& scope;
  const GrpcAdaptorOptions options;
  std::atomic<unsigned> next_reactor{0};
};

// The value in the caller's metadata; "" if there is none. Points into the
// context.
absl::string_view FindMetadata(const CallbackServerContext& context,
                               const char* name) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find(name);
  if (it == metadata.end()) return "";
  return absl::string_view(it->second.data(), it->second.size());
}

// Whether the client's certificate counts.
bool Wanted(const Shared& shared, absl::string_view authorization) {
  return authorization.empty() && shared.frontend.uses_certificates();
}

bool Parse(const ByteBuffer& bytes, Message* message) {
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    return message->ParseFromArray(slice.begin(),
                                   static_cast<int>(slice.size()));
  }
  // The reader only reads, but asks for a mutable buffer.
  grpc::ProtoBufferReader reader(const_cast<ByteBuffer*>(&bytes));
  return message->ParseFromZeroCopyStream(&reader);
}

ByteBuffer Serialize(const Message& message) {
  const std::size_t size = message.ByteSizeLong();
  grpc::Slice slice(size);
  message.SerializeWithCachedSizesToArray(
      const_cast<std::uint8_t*>(slice.begin()));
  return ByteBuffer(&slice, 1);
}

absl::Status Malformed(const Method& method) {
  return InvalidField(
      "request", absl::StrCat("a message of type ",
                              method.request->GetDescriptor()->full_name(),
                              " in protobuf's wire format, strings in UTF-8"));
}

absl::Time DeadlineOf(const CallbackServerContext& context,
                      absl::Duration max_deadline) {
  const absl::Time latest = absl::Now() + max_deadline;
  // "None" is a time_point near the end of the clock's range.
  if (context.deadline() == std::chrono::system_clock::time_point::max()) {
    return latest;
  }
  return std::min(latest, absl::FromChrono(context.deadline()));
}

// A unary call that could not be answered at once. Owned by gRPC until OnDone
// and by its coroutine until that ends, whichever is later. Finish is called
// once, by whoever comes first: the coroutine, or OnCancel; after a
// cancellation the coroutine runs on by itself and touches nothing of gRPC's.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  static grpc::ServerUnaryReactor* Start(Shared& shared, const Method& method,
                                         CallbackServerContext* context,
                                         const ByteBuffer& in,
                                         ByteBuffer* out) {
    auto call = std::make_shared<UnaryCall>(shared, method, context, out);
    call->self_ = call;
    VK_GIVE(call.get());
    shared.frontend.Started();
    // Whoever is known to have no right is not worth parsing for.
    const std::optional<CallerOr> caller = shared.frontend.TryAdmit(
        method, call->authorization_, call->certificate_);
    if (caller.has_value() && !caller->ok()) {
      call->Finish(caller->status());
      return call.get();
    }
    if (!Parse(in, call->request_.get())) {
      call->Finish(Malformed(method));
      return call.get();
    }
    const absl::string_view resource = method.resource(*call->request_);
    Reactor& reactor =
        resource.empty()
            ? shared.reactors.At(
                  shared.next_reactor.fetch_add(1, std::memory_order_relaxed) %
                  shared.reactors.size())
            : shared.reactors.For(resource);
    // Uncancelled: an exchange or a write must not be left half done; the
    // call's deadline bounds it.
    if (!shared.scope.SpawnUncancelled(reactor.executor(), method.name,
                                       Run(call))) {
      call->Finish(MakeError(Reason::kServerShuttingDown,
                             "the server is shutting down"));
    }
    return call.get();
  }

  UnaryCall(Shared& shared, const Method& method,
            CallbackServerContext* context, ByteBuffer* out)
      : shared_(shared),
        method_(method),
        out_(out),
        authorization_(FindMetadata(*context, "authorization")),
        certificate_(
            PeerCertificate(*context, Wanted(shared, authorization_)).pem()),
        request_(method.request->New()) {
    context_.log = MakeRequestContext(FindMetadata(*context, kRequestId),
                                      FindMetadata(*context, "traceparent"));
    context_.deadline = DeadlineOf(*context, shared.options.max_deadline);
    context->AddInitialMetadata(kRequestId, context_.log.request_id);
  }

  void OnCancel() override {
    VK_TAKE(this);
    Finish(ProtocolError(absl::StatusCode::kCancelled,
                         "the caller has gone or its deadline has passed"));
    VK_GIVE(this);
  }
  void OnDone() override {
    VK_TAKE(this);
    self_.reset();
  }

 private:
  static Task<void> Run(std::shared_ptr<UnaryCall> call) {
    CallerOr caller = co_await call->shared_.frontend.Admit(
        call->method_, std::move(call->authorization_),
        std::move(call->certificate_));
    if (!caller.ok()) {
      call->Finish(std::move(caller).status());
      co_return;
    }
    call->context_.caller = *std::move(caller);
    const std::unique_ptr<Message> response(call->method_.response->New());
    absl::Status status = co_await call->method_.unary(
        call->context_, *call->request_, response.get());
    call->Finish(std::move(status), response.get());
  }

  void Finish(absl::Status status, const Message* response = nullptr) {
    if (finished_.exchange(true, std::memory_order_acq_rel)) return;
    shared_.frontend.Finished(method_, context_.log, status,
                              absl::Now() - start_);
    if (status.ok()) *out_ = Serialize(*response);
    VK_GIVE(this);
    ServerUnaryReactor::Finish(
        status.ok() ? grpc::Status::OK
                    : ToGrpcStatus(status, context_.log.request_id));
  }

  Shared& shared_;
  const Method& method_;
  ByteBuffer* const out_;  // gRPC's; lives until Finish
  std::string authorization_;
  std::string certificate_;
  const std::unique_ptr<Message> request_;
  CallContext context_;
  const absl::Time start_ = absl::Now();
  std::atomic<bool> finished_{false};
  std::shared_ptr<UnaryCall> self_;
};

// A streaming call. All of it happens on its executor's thread; gRPC's
// callbacks only post there. One write is outstanding at most, its message is
// kept until OnWriteDone, and Finish comes from the end of the coroutine
// alone, when no write is outstanding.
class StreamCall final : public grpc::ServerWriteReactor<ByteBuffer>,
                         public StreamWriter {
 public:
  static grpc::ServerWriteReactor<ByteBuffer>* Start(
      Shared& shared, const Method& method, CallbackServerContext* context,
      const ByteBuffer& in) {
    Reactor& reactor = shared.reactors.At(
        shared.next_reactor.fetch_add(1, std::memory_order_relaxed) %
        shared.reactors.size());
    auto call = std::make_shared<StreamCall>(shared, method, context, reactor);
    call->self_ = call;
    VK_GIVE(call.get());
    shared.frontend.Started();
    if (!Parse(in, call->request_.get())) {
      call->End(Malformed(method));
    } else if (!shared.scope.SpawnUncancelled(reactor.executor(), method.name,
                                              Run(call))) {
      call->End(MakeError(Reason::kServerShuttingDown,
                          "the server is shutting down"));
    }
    return call.get();
  }

  StreamCall(Shared& shared, const Method& method,
             CallbackServerContext* context, Reactor& reactor)
      : shared_(shared),
        method_(method),
        authorization_(FindMetadata(*context, "authorization")),
        certificate_(
            PeerCertificate(*context, Wanted(shared, authorization_)).pem()),
        request_(method.request->New()),
        control_(std::make_shared<StreamControl>(reactor.executor())),
        write_done_timer_(reactor.context()) {
    context_.log = MakeRequestContext(FindMetadata(*context, kRequestId),
                                      FindMetadata(*context, "traceparent"));
    context->AddInitialMetadata(kRequestId, context_.log.request_id);
  }

  Task<bool> Write(const Message& message) override {
    if (control_->stopped()) co_return false;
    bytes_ = Serialize(message);
    writing_ = true;
    VK_GIVE(this);
    StartWrite(&bytes_);
    // Not even a cancelled call may go on before gRPC lets go of the bytes;
    // it does so at once when the call is dead.
    while (writing_) {
      boost::system::error_code ignored;
      write_done_timer_.expires_at(asio::steady_timer::time_point::max());
      co_await write_done_timer_.async_wait(
          asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return write_ok_ && !control_->stopped();
  }
  bool stopped() const override { return control_->stopped(); }

  void OnWriteDone(bool ok) override {
    VK_TAKE(this);
    asio::post(control_->executor(), [self = self_, ok] {
      self->write_ok_ = ok;
      self->writing_ = false;
      self->write_done_timer_.cancel();
    });
    VK_GIVE(this);
  }
  void OnCancel() override {
    VK_TAKE(this);
    control_->Stop(
        ProtocolError(absl::StatusCode::kCancelled, "the caller has gone"));
    VK_GIVE(this);
  }
  void OnDone() override {
    VK_TAKE(this);
    self_.reset();
  }

 private:
  static Task<void> Run(std::shared_ptr<StreamCall> call) {
    CallerOr caller = co_await call->shared_.frontend.Admit(
        call->method_, std::move(call->authorization_),
        std::move(call->certificate_));
    if (!caller.ok()) {
      call->End(std::move(caller).status());
      co_return;
    }
    call->context_.caller = *std::move(caller);
    absl::Status status = co_await call->shared_.frontend.RunStream(
        call->method_, call->context_, *call->request_, *call, call->control_);
    call->End(std::move(status));
  }

  void End(absl::Status status) {
    shared_.frontend.Finished(method_, context_.log, status,
                              absl::Now() - start_);
    VK_GIVE(this);
    Finish(status.ok() ? grpc::Status::OK
                       : ToGrpcStatus(status, context_.log.request_id));
  }

  Shared& shared_;
  const Method& method_;
  std::string authorization_;
  std::string certificate_;
  const std::unique_ptr<Message> request_;
  CallContext context_;
  const absl::Time start_ = absl::Now();
  const std::shared_ptr<StreamControl> control_;
  asio::steady_timer write_done_timer_;
  ByteBuffer bytes_;
  bool writing_ = false;
  bool write_ok_ = false;
  std::shared_ptr<StreamCall> self_;
};

// The whole of a call on gRPC's thread, if the fast form can answer it.
grpc::ServerUnaryReactor* TryFast(Shared& shared, const Method& method,
                                  CallbackServerContext* context,
                                  const ByteBuffer& in, ByteBuffer* out) {
  const absl::string_view authorization =
      FindMetadata(*context, "authorization");
  const PeerCertificate certificate(*context, Wanted(shared, authorization));
  const std::optional<CallerOr> caller =
      shared.frontend.TryAdmit(method, authorization, certificate.pem());
  if (!caller.has_value() || !caller->ok()) return nullptr;
  // Both messages with their parts fit here as a rule: no allocation but for
  // long strings.
  alignas(8) char block[2048];
  google::protobuf::ArenaOptions arena_options;
  arena_options.initial_block = block;
  arena_options.initial_block_size = sizeof(block);
  google::protobuf::Arena arena(arena_options);
  Message* request = method.request->New(&arena);
  if (!Parse(in, request)) return nullptr;
  Message* response = method.response->New(&arena);
  const std::optional<absl::Status> status =
      method.fast(***caller, *request, response);
  // Errors take the long way, which logs them.
  if (!status.has_value() || !status->ok()) return nullptr;
  *out = Serialize(*response);
  const absl::string_view request_id = FindMetadata(*context, kRequestId);
  if (!request_id.empty() && IsValidRequestId(request_id)) {
    context->AddInitialMetadata(kRequestId, std::string(request_id));
  }
  shared.frontend.CountFast(method);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* StartUnary(Shared& shared, const Method& method,
                                     CallbackServerContext* context,
                                     const ByteBuffer& in, ByteBuffer* out) {
  if (method.fast) {
    grpc::ServerUnaryReactor* reactor =
        TryFast(shared, method, context, in, out);
    if (reactor != nullptr) return reactor;
  }
  return UnaryCall::Start(shared, method, context, in, out);
}

}  // namespace

// The methods of one gRPC service; the names come from the table.
class GrpcAdaptor::Service final : public grpc::Service {
 public:
  Service(std::string name, std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)) {
    for (const auto& method : shared_->frontend.methods().methods()) {
      if (ServiceOf(method->name) == name) Add(*method);
    }
  }

 private:
  void Add(const Method& method) {
    using grpc::internal::RpcMethod;
    AddMethod(new grpc::internal::RpcServiceMethod(
        method.name.c_str(),
        method.streaming() ? RpcMethod::SERVER_STREAMING
                           : RpcMethod::NORMAL_RPC,
        nullptr));
    Shared* shared = shared_.get();
    if (method.streaming()) {
      MarkMethodRawCallback(
          count_++,
          new grpc::internal::CallbackServerStreamingHandler<ByteBuffer,
                                                             ByteBuffer>(
              [shared, &method](CallbackServerContext* context,
                                const ByteBuffer* in) {
                return StreamCall::Start(*shared, method, context, *in);
              }));
    } else {
      MarkMethodRawCallback(
          count_++,
          new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
              [shared, &method](CallbackServerContext* context,
                                const ByteBuffer* in, ByteBuffer* out) {
                return StartUnary(*shared, method, context, *in, out);
              }));
    }
  }

  const std::shared_ptr<Shared> shared_;
  int count_ = 0;
};

GrpcAdaptor::GrpcAdaptor(Frontend& frontend, ReactorPool& reactors,
                         TaskScope& scope, GrpcAdaptorOptions options) {
  const std::shared_ptr<Shared> shared(
      new Shared{frontend, reactors, scope, options});
  for (std::string& name : frontend.methods().services()) {
    services_.push_back(std::make_unique<Service>(std::move(name), shared));
  }
}

GrpcAdaptor::~GrpcAdaptor() = default;

void GrpcAdaptor::Register(grpc::ServerBuilder& builder) {
  for (const auto& service : services_) {
    builder.RegisterService(service.get());
  }
}

}  // namespace valetkey::rpc
