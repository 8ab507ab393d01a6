#include "service/rpc/connect_handler.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/status.h"
#include "service/rpc/json.h"
#include "service/rpc/status_mapping.h"
#include "service/rpc/trace_context.h"

namespace valetkey::rpc {
namespace {

constexpr std::size_t kEnvelopeHeader = 5;  // flags, length in big-endian
constexpr unsigned char kCompressed = 0x01;
constexpr unsigned char kEndOfStream = 0x02;

enum class Codec { kNone, kJson, kProto };

absl::string_view HeaderOr(const HttpHeaders& headers, absl::string_view name,
                           absl::string_view fallback) {
  const std::string* value = headers.Find(name);
  return value == nullptr ? fallback : absl::string_view(*value);
}

// The media type, in lower case and without parameters.
std::string MediaType(const HttpHeaders& headers) {
  absl::string_view value = HeaderOr(headers, "content-type", "");
  value = value.substr(0, value.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(value));
}

Codec CodecOf(absl::string_view media_type, bool streaming) {
  if (media_type ==
      (streaming ? "application/connect+json" : "application/json")) {
    return Codec::kJson;
  }
  if (media_type ==
      (streaming ? "application/connect+proto" : "application/proto")) {
    return Codec::kProto;
  }
  return Codec::kNone;
}

std::string CertificateOf(const ServerRequest& request) {
  return request.client_certificate == nullptr ? ""
                                               : *request.client_certificate;
}

std::string Encode(Codec codec, const Message& message) {
  return codec == Codec::kJson ? ToJson(message) : message.SerializeAsString();
}

absl::Status Decode(Codec codec, absl::string_view data, Message* message) {
  if (codec == Codec::kJson) return ParseJson(data, message);
  if (message->ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return absl::OkStatus();
  }
  return InvalidField(
      "request",
      absl::StrCat("a message of type ", message->GetDescriptor()->full_name(),
                   " in protobuf's wire format, strings in "
                   "UTF-8"));
}

std::string Envelope(unsigned char flags, absl::string_view data) {
  std::string out;
  out.reserve(kEnvelopeHeader + data.size());
  out += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((data.size() >> shift) & 0xFF);
  }
  out.append(data.data(), data.size());
  return out;
}

// The one message of a streaming call's request.
absl::StatusOr<absl::string_view> OpenEnvelope(absl::string_view body) {
  if (body.size() < kEnvelopeHeader) {
    return InvalidField("body", "one enveloped message");
  }
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(body[i]);
  };
  const std::size_t size = (std::size_t{byte(1)} << 24) |
                           (std::size_t{byte(2)} << 16) |
                           (std::size_t{byte(3)} << 8) | byte(4);
  if ((byte(0) & kCompressed) != 0) {
    return ProtocolError(absl::StatusCode::kUnimplemented,
                         "compressed messages are not supported");
  }
  if (byte(0) != 0 || size != body.size() - kEnvelopeHeader) {
    return InvalidField("body", "one enveloped message");
  }
  return body.substr(kEnvelopeHeader);
}

HttpResponse MakeResponse(int status, absl::string_view content_type,
                          std::string body, const std::string& request_id) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", content_type);
  // Answers hold tokens.
  response.headers.Add("Cache-Control", "no-store");
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("X-Request-Id", request_id);
  response.body = std::move(body);
  return response;
}

}  // namespace

struct ConnectHandler::Call {
  ServerRequest request;
  const Method* method = nullptr;
  Codec codec = Codec::kNone;
  std::shared_ptr<const broker::Caller> known;  // who calls; null: ask
  std::unique_ptr<Message> message;
  CallContext context;
  absl::Time start = absl::Now();

  HttpResponse ErrorResponse(int http_status,
                             const absl::Status& status) const {
    return MakeResponse(http_status, "application/json",
                        ToConnectError(status, context.log.request_id),
                        context.log.request_id);
  }
  HttpResponse ErrorResponse(const absl::Status& status) const {
    return ErrorResponse(ConnectHttpStatus(OutwardCode(status)), status);
  }
};

namespace {

// Puts messages into envelopes.
class EnvelopeWriter final : public StreamWriter {
 public:
  EnvelopeWriter(ResponseWriter& writer, Codec codec, StreamControl& control)
      : writer_(writer), codec_(codec), control_(control) {}

  Task<bool> Write(const Message& message) override {
    if (control_.stopped()) co_return false;
    std::string data = Envelope(0, Encode(codec_, message));
    const absl::Status status = co_await writer_.Write(std::move(data));
    broken_ = broken_ || !status.ok();
    co_return status.ok() && !control_.stopped();
  }
  bool stopped() const override { return broken_ || control_.stopped(); }
  bool broken() const { return broken_; }

 private:
  ResponseWriter& writer_;
  const Codec codec_;
  StreamControl& control_;
  bool broken_ = false;
};

}  // namespace

Task<void> ConnectHandler::Serve(ServerRequest request, ResponseWriter& writer,
                                 std::shared_ptr<const broker::Caller> caller) {
  Call call;
  call.known = std::move(caller);
  call.request = std::move(request);
  call.context.log =
      MakeRequestContext(HeaderOr(call.request.headers, "x-request-id", ""),
                         HeaderOr(call.request.headers, "traceparent", ""));
  call.method = frontend_.methods().Find(call.request.path);
  if (call.method == nullptr) {
    HttpResponse response =
        call.ErrorResponse(404, ProtocolError(absl::StatusCode::kUnimplemented,
                                              "there is no such method"));
    (void)co_await writer.Send(std::move(response));
    co_return;
  }
  if (call.request.method != "POST") {
    HttpResponse response =
        call.ErrorResponse(405, ProtocolError(absl::StatusCode::kUnimplemented,
                                              "calls are POST requests"));
    response.headers.Add("Allow", "POST");
    (void)co_await writer.Send(std::move(response));
    co_return;
  }
  call.codec =
      CodecOf(MediaType(call.request.headers), call.method->streaming());
  if (call.codec == Codec::kNone) {
    const absl::string_view accepted =
        call.method->streaming()
            ? "application/connect+json, application/connect+proto"
            : "application/json, application/proto";
    HttpResponse response = call.ErrorResponse(
        415,
        ProtocolError(absl::StatusCode::kInvalidArgument,
                      absl::StrCat("content type must be one of ", accepted)));
    response.headers.Add("Accept-Post", accepted);
    (void)co_await writer.Send(std::move(response));
    co_return;
  }
  if (call.request.body.size() > options_.max_message + kEnvelopeHeader) {
    HttpResponse response = call.ErrorResponse(
        413, ProtocolError(absl::StatusCode::kResourceExhausted,
                           absl::StrCat("messages have at most ",
                                        options_.max_message, " bytes")));
    (void)co_await writer.Send(std::move(response));
    co_return;
  }
  frontend_.Started();
  call.message.reset(call.method->request->New());
  if (call.method->streaming()) {
    co_await ServeStream(call, writer);
  } else {
    co_await ServeUnary(call, writer);
  }
}

absl::Status ConnectHandler::CheckHeaders(Call& call) const {
  const HttpHeaders& headers = call.request.headers;
  if (HeaderOr(headers, "connect-protocol-version", "1") != "1") {
    return InvalidField("connect-protocol-version", "1");
  }
  const absl::string_view encoding =
      HeaderOr(headers,
               call.method->streaming() ? "connect-content-encoding"
                                        : "content-encoding",
               "identity");
  if (encoding != "identity") {
    return ProtocolError(absl::StatusCode::kUnimplemented,
                         "only the content encoding \"identity\" is supported");
  }
  if (!call.method->streaming()) {
    call.context.deadline = call.start + options_.max_deadline;
  }
  const absl::string_view timeout = HeaderOr(headers, "connect-timeout-ms", "");
  if (!timeout.empty()) {
    std::int64_t milliseconds = 0;
    if (timeout.size() > 10 || !absl::SimpleAtoi(timeout, &milliseconds) ||
        milliseconds < 0) {
      return InvalidField("connect-timeout-ms", "at most 10 digits");
    }
    call.context.deadline = std::min(
        call.context.deadline, call.start + absl::Milliseconds(milliseconds));
  }
  return absl::OkStatus();
}

Task<CallerOr> ConnectHandler::Admit(const Call& call) const {
  if (call.known != nullptr) {
    co_return Frontend::Authorize(*call.method, call.known);
  }
  std::string authorization(
      HeaderOr(call.request.headers, "authorization", ""));
  co_return co_await frontend_.Admit(*call.method, std::move(authorization),
                                     CertificateOf(call.request));
}

Task<absl::Status> ConnectHandler::RunUnary(Call& call, Message* response) {
  VK_CO_RETURN_IF_ERROR(CheckHeaders(call));
  VK_CO_ASSIGN_OR_RETURN(call.context.caller, co_await Admit(call));
  VK_CO_RETURN_IF_ERROR(
      Decode(call.codec, call.request.body, call.message.get()));
  if (call.method->fast) {
    const std::optional<absl::Status> answer =
        call.method->fast(*call.context.caller, *call.message, response);
    if (answer.has_value()) co_return *answer;
    response->Clear();
  }
  absl::Status status =
      co_await call.method->unary(call.context, *call.message, response);
  co_return status;
}

Task<void> ConnectHandler::ServeUnary(Call& call, ResponseWriter& writer) {
  const std::unique_ptr<Message> response(call.method->response->New());
  const absl::Status status = co_await RunUnary(call, response.get());
  frontend_.Finished(*call.method, call.context.log, status,
                     absl::Now() - call.start);
  if (!status.ok()) {
    HttpResponse answer = call.ErrorResponse(status);
    (void)co_await writer.Send(std::move(answer));
    co_return;
  }
  HttpResponse answer = MakeResponse(
      200,
      call.codec == Codec::kJson ? "application/json" : "application/proto",
      Encode(call.codec, *response), call.context.log.request_id);
  (void)co_await writer.Send(std::move(answer));
}

Task<void> ConnectHandler::ServeStream(Call& call, ResponseWriter& writer) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto control = std::make_shared<StreamControl>(executor);
  EnvelopeWriter envelopes(writer, call.codec, *control);
  absl::Status status = CheckHeaders(call);
  if (status.ok()) {
    CallerOr caller = co_await Admit(call);
    status = caller.status();
    if (caller.ok()) call.context.caller = *std::move(caller);
  }
  if (status.ok()) {
    const absl::StatusOr<absl::string_view> data =
        OpenEnvelope(call.request.body);
    status = data.ok() ? Decode(call.codec, *data, call.message.get())
                       : data.status();
  }
  HttpHeaders headers;
  headers.Add("Content-Type", call.codec == Codec::kJson
                                  ? "application/connect+json"
                                  : "application/connect+proto");
  headers.Add("Cache-Control", "no-store");
  headers.Add("X-Content-Type-Options", "nosniff");
  headers.Add("X-Request-Id", call.context.log.request_id);
  const absl::Status started = co_await writer.Start(200, std::move(headers));
  if (started.ok() && status.ok()) {
    writer.OnStop([control](StopReason reason) {
      control->Stop(reason == StopReason::kDraining
                        ? MakeError(Reason::kServerShuttingDown,
                                    "the server is shutting down")
                        : ProtocolError(absl::StatusCode::kCancelled,
                                        "the caller has gone"));
    });
    std::optional<StreamDeadline> deadline;
    if (call.context.deadline != absl::InfiniteFuture()) {
      deadline.emplace(control, call.context.deadline - absl::Now());
    }
    status = co_await frontend_.RunStream(*call.method, call.context,
                                          *call.message, envelopes, control);
  }
  if (!started.ok() || envelopes.broken()) {
    status = ProtocolError(absl::StatusCode::kCancelled, "the caller has gone");
  }
  frontend_.Finished(*call.method, call.context.log, status,
                     absl::Now() - call.start);
  if (!started.ok() || envelopes.broken()) co_return;
  std::string end = Envelope(
      kEndOfStream,
      status.ok()
          ? "{}"
          : absl::StrCat("{\"error\":",
                         ToConnectError(status, call.context.log.request_id),
                         "}"));
  const absl::Status written = co_await writer.Write(std::move(end));
  if (written.ok()) (void)co_await writer.Finish();
}

}  // namespace valetkey::rpc
