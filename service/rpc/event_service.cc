#include "service/rpc/event_service.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/broker/event_history.h"
#include "service/rpc/convert.h"
#include "service/rpc/page_token.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"

namespace valetkey::rpc {
namespace {

absl::StatusOr<std::vector<store::EventType>> CheckedTypes(
    const google::protobuf::RepeatedField<int>& given) {
  if (given.size() > 64) {
    return InvalidField("types", "at most 64 event types");
  }
  std::vector<store::EventType> types;
  for (int i = 0; i < given.size(); ++i) {
    const int type = given.Get(i);
    if (!v1::EventType_IsValid(type) || type == v1::EVENT_TYPE_UNSPECIFIED) {
      return InvalidField(ListPath("types", i), "an EventType");
    }
    types.push_back(static_cast<store::EventType>(type));
  }
  return types;
}

absl::StatusOr<broker::HistoryFilter> Checked(
    const v1::ListEventsRequest& request) {
  VK_RETURN_IF_ERROR(CheckFilter(request.parent(), "connection", "connections",
                                 request.connection()));
  VK_RETURN_IF_ERROR(CheckFilter(request.parent(), "provider", "providers",
                                 request.provider()));
  broker::HistoryFilter filter;
  VK_ASSIGN_OR_RETURN(filter.types, CheckedTypes(request.types()));
  filter.application = request.parent();
  filter.connection = request.connection();
  filter.provider = request.provider();
  return filter;
}

// Tells one request's filters from another's.
std::string Fingerprint(const broker::HistoryFilter& filter) {
  std::string text = absl::StrCat("ListEvents ", filter.application, " ",
                                  filter.connection, " ", filter.provider);
  for (const store::EventType type : filter.types) {
    absl::StrAppend(&text, " ", static_cast<int>(type));
  }
  return text;
}

absl::StatusOr<broker::WatchParameters> Checked(
    const v1::WatchEventsRequest& request) {
  VK_RETURN_IF_ERROR(CheckOpaque("cursor", request.cursor(), 1024));
  if (request.snapshot() && !request.cursor().empty()) {
    return InvalidField("cursor", "no cursor together with snapshot");
  }
  VK_RETURN_IF_ERROR(CheckFilter(request.parent(), "connection", "connections",
                                 request.connection()));
  VK_RETURN_IF_ERROR(CheckFilter(request.parent(), "provider", "providers",
                                 request.provider()));
  VK_RETURN_IF_ERROR(CheckText("subject", request.subject(), 256));
  VK_RETURN_IF_ERROR(CheckLabelMap("labels", request.labels()));
  broker::WatchParameters parameters;
  VK_ASSIGN_OR_RETURN(parameters.types, CheckedTypes(request.types()));
  parameters.application = request.parent();
  parameters.cursor = request.cursor();
  parameters.snapshot = request.snapshot();
  parameters.connection = request.connection();
  parameters.provider = request.provider();
  parameters.subject = request.subject();
  parameters.labels = ToMap(request.labels());
  return parameters;
}

v1::WatchEventsResponse ToMessage(const broker::WatchMessage& message) {
  v1::WatchEventsResponse response;
  if (const auto* event = std::get_if<store::Event>(&message.content)) {
    FillEvent(*event, response.mutable_event());
  } else if (const auto* connection =
                 std::get_if<store::Connection>(&message.content)) {
    FillConnection(*connection, response.mutable_connection());
  } else {
    FillTime(std::get<broker::Checkpoint>(message.content).time,
             response.mutable_checkpoint()->mutable_time());
  }
  response.set_cursor(message.cursor);
  return response;
}

}  // namespace

void EventService::Register(MethodTable& methods) {
  methods.Add(ServerStream<v1::WatchEventsResponse>(
      "/valetkey.v1.EventService/WatchEvents",
      Access::Right(store::kReadMetadata), this, &EventService::WatchEvents));
  methods.Add(Unary("/valetkey.v1.EventService/ListEvents",
                    Access::Right(store::kReadMetadata), this,
                    &EventService::ListEvents));
}

Task<absl::Status> EventService::WatchEvents(
    const CallContext& context, const v1::WatchEventsRequest& request,
    StreamWriter& writer) {
  // Form first: it costs nothing.
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_ASSIGN_OR_RETURN(broker::WatchParameters parameters, Checked(request));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  broker::Watcher watcher(store_, hub_, clock_, std::move(parameters),
                          options_);
  while (!writer.stopped()) {
    VK_CO_ASSIGN_OR_RETURN(const std::vector<broker::WatchMessage> messages,
                           co_await watcher.Next());
    for (const broker::WatchMessage& message : messages) {
      const v1::WatchEventsResponse response = ToMessage(message);
      if (!co_await writer.Write(response)) co_return absl::OkStatus();
    }
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<v1::ListEventsResponse>> EventService::ListEvents(
    const CallContext& context, const v1::ListEventsRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_ASSIGN_OR_RETURN(broker::HistoryFilter filter, Checked(request));
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  const std::string filters = Fingerprint(filter);
  VK_CO_ASSIGN_OR_RETURN(const std::string token,
                         DecodePageToken(request.page_token(), filters));
  std::int64_t before = broker::kNewestEvents;
  if (!token.empty() && !absl::SimpleAtoi(token, &before)) {
    co_return MakeError(Reason::kCursorInvalid, "the page token is damaged",
                        {{"field", "page_token"}});
  }
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  VK_CO_ASSIGN_OR_RETURN(const broker::HistoryPage page,
                         co_await broker::ReadHistory(store_, std::move(filter),
                                                      before, page_size));
  v1::ListEventsResponse response;
  for (const store::Event& event : page.events) {
    FillEvent(event, response.add_events());
  }
  if (page.before != 0) {
    response.set_next_page_token(
        EncodePageToken(absl::StrCat(page.before), filters));
  }
  co_return response;
}

}  // namespace valetkey::rpc
