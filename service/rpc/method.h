// The table of RPCs: each is registered once, with its handler and the right
// that it needs, and served by gRPC and by HTTP/JSON alike.
//
//   class TokenService {
//     Task<absl::StatusOr<RefreshResponse>> Refresh(const CallContext& context,
//                                                   const RefreshRequest&);
//   };
//   methods.Add(Unary("/valetkey.v1.TokenService/Refresh",
//                     Access::Right(store::kReadTokens), service,
//                     &TokenService::Refresh));
//
// A handler is a coroutine; its context and request outlive it. It runs to its
// end even when the caller has gone, so that nothing is left half done. A
// handler may have a fast form besides, which answers on the calling thread
// without waiting or gives up (nullopt): then the coroutine is run.
//
// The table is filled before it is served and read-only from then on.

#ifndef VALETKEY_RPC_METHOD_H_
#define VALETKEY_RPC_METHOD_H_

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/log.h"
#include "service/broker/types.h"

namespace valetkey::rpc {

using google::protobuf::Message;

// What a method asks of its caller.
class Access {
 public:
  // Nothing at all.
  static Access Public() { return Access(Kind::kPublic, 0); }
  // To be known, by an API key or the caller policy.
  static Access AnyKey() { return Access(Kind::kAnyKey, 0); }
  // To be known, and have this right.
  static Access Right(store::Right right) {
    return Access(Kind::kRight, right);
  }
  // To act for `applications/system`, with this right.
  static Access SystemRight(store::Right right) {
    return Access(Kind::kSystem, right);
  }

  bool is_public() const { return kind_ == Kind::kPublic; }
  // RIGHT_MISSING unless the caller has it.
  absl::Status Check(const broker::Caller& caller) const;

 private:
  enum class Kind { kPublic, kAnyKey, kRight, kSystem };
  Access(Kind kind, std::uint32_t right) : kind_(kind), right_(right) {}

  Kind kind_;
  std::uint32_t right_;
};

struct CallContext {
  // Null for public methods alone.
  std::shared_ptr<const broker::Caller> caller;
  RequestContext log;
  absl::Time deadline = absl::InfiniteFuture();
};

// Where a streaming handler puts its messages.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // Resumes when the message has left, so that a slow reader slows the
  // handler. False: nobody reads any more, return.
  virtual Task<bool> Write(const Message& message) = 0;
  // Whether the handler is to return: the caller has gone, or the server
  // stops. Its pending await ends early at that moment.
  virtual bool stopped() const = 0;
};

struct Method {
  using FastForm = std::function<std::optional<absl::Status>(
      const broker::Caller& caller, const Message& request, Message* response)>;
  using UnaryForm = std::function<Task<absl::Status>(
      const CallContext& context, const Message& request, Message* response)>;
  using StreamForm = std::function<Task<absl::Status>(
      const CallContext& context, const Message& request,
      StreamWriter& writer)>;

  std::string name;  // /valetkey.v1.TokenService/GetToken
  Access access = Access::AnyKey();
  const Message* request = nullptr;  // prototypes
  const Message* response = nullptr;
  FastForm fast;    // may be empty
  UnaryForm unary;  // empty for a stream
  StreamForm stream;
  // The resource that a request is about, to run it where that lives; "" if
  // there is none.
  std::function<absl::string_view(const Message& request)> resource;
  int index = 0;  // in the table

  bool streaming() const { return stream != nullptr; }
};

class MethodTable {
 public:
  // REQUIRES: no method of that name is there.
  void Add(Method method);

  // nullptr: there is none.
  const Method* Find(absl::string_view name) const;
  const std::vector<std::unique_ptr<Method>>& methods() const {
    return methods_;
  }
  // valetkey.v1.TokenService and so on, in the order of registration.
  std::vector<std::string> services() const;

 private:
  std::vector<std::unique_ptr<Method>> methods_;
  absl::flat_hash_map<std::string, const Method*> by_name_;
};

// "/a.B/C" -> "a.B".
absl::string_view ServiceOf(absl::string_view method_name);

namespace internal {

template <class Response>
Task<absl::Status> Store(Task<absl::StatusOr<Response>> task,
                         Message* response) {
  absl::StatusOr<Response> result = co_await std::move(task);
  if (!result.ok()) co_return std::move(result).status();
  static_cast<Response*>(response)->Swap(&*result);
  co_return absl::OkStatus();
}

template <class Request>
Method MakeMethod(std::string name, Access access) {
  Method method;
  method.name = std::move(name);
  method.access = access;
  method.request = &Request::default_instance();
  if constexpr (requires(const Request& request) { request.name(); }) {
    method.resource = [](const Message& request) -> absl::string_view {
      return static_cast<const Request&>(request).name();
    };
  } else {
    method.resource = [](const Message&) { return absl::string_view(); };
  }
  return method;
}

}  // namespace internal

// The service outlives the table.
template <class Service, class Request, class Response>
Method Unary(std::string name, Access access, Service* service,
             Task<absl::StatusOr<Response>> (Service::*handler)(
                 const CallContext&, const Request&)) {
  Method method = internal::MakeMethod<Request>(std::move(name), access);
  method.response = &Response::default_instance();
  method.unary = [service, handler](const CallContext& context,
                                    const Message& request, Message* response) {
    return internal::Store<Response>(
        (service->*handler)(context, static_cast<const Request&>(request)),
        response);
  };
  return method;
}

// With a fast form.
template <class Service, class Request, class Response>
Method Unary(
    std::string name, Access access, Service* service,
    Task<absl::StatusOr<Response>> (Service::*handler)(const CallContext&,
                                                       const Request&),
    std::optional<absl::Status> (Service::*fast)(const broker::Caller&,
                                                 const Request&, Response*)) {
  Method method = Unary(std::move(name), access, service, handler);
  method.fast = [service, fast](const broker::Caller& caller,
                                const Message& request, Message* response) {
    return (service->*fast)(caller, static_cast<const Request&>(request),
                            static_cast<Response*>(response));
  };
  return method;
}

template <class Response, class Service, class Request>
Method ServerStream(std::string name, Access access, Service* service,
                    Task<absl::Status> (Service::*handler)(const CallContext&,
                                                           const Request&,
                                                           StreamWriter&)) {
  Method method = internal::MakeMethod<Request>(std::move(name), access);
  method.response = &Response::default_instance();
  method.stream = [service, handler](const CallContext& context,
                                     const Message& request,
                                     StreamWriter& writer) {
    return (service->*handler)(context, static_cast<const Request&>(request),
                               writer);
  };
  return method;
}

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_METHOD_H_
