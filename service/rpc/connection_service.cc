#include "service/rpc/connection_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/rpc/convert.h"
#include "service/rpc/page_token.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"
#include "service/store/search.h"

namespace valetkey::rpc {
namespace {

absl::StatusOr<store::ConnectionFilter> Checked(
    const v1::ListConnectionsRequest& request) {
  VK_RETURN_IF_ERROR(CheckFilter(request.parent(), "provider", "providers",
                                 request.provider()));
  VK_RETURN_IF_ERROR(CheckText("subject", request.subject(), 256));
  VK_RETURN_IF_ERROR(CheckLabelMap("labels", request.labels()));
  VK_RETURN_IF_ERROR(CheckText("query", request.query(), 128));
  if (!v1::ConnectionState_IsValid(request.state())) {
    return InvalidField("state", "a ConnectionState");
  }
  store::ConnectionFilter filter;
  filter.application = request.parent();
  filter.provider = request.provider();
  if (!request.subject().empty()) filter.subject = request.subject();
  if (request.state() != v1::CONNECTION_STATE_UNSPECIFIED) {
    filter.state = static_cast<store::ConnectionState>(request.state());
  }
  filter.labels = ToMap(request.labels());
  filter.words = store::QueryWords(request.query());
  filter.needs_attention = request.needs_attention();
  return filter;
}

// Tells one request's filters from another's: lengths keep fields apart.
std::string Fingerprint(const store::ConnectionFilter& filter) {
  std::string text = absl::StrCat(
      "ListConnections ", filter.application, " ", filter.provider, " ",
      filter.state ? static_cast<int>(*filter.state) : 0, " ");
  if (filter.needs_attention) text += "! ";
  const std::string subject = filter.subject.value_or("");
  absl::StrAppend(&text, subject.size(), ":", subject);
  for (const auto& [key, value] : filter.labels) {
    absl::StrAppend(&text, " ", key, "=", value.size(), ":", value);
  }
  for (const std::string& word : filter.words) {
    absl::StrAppend(&text, " ~", word);
  }
  return text;
}

}  // namespace

void ConnectionService::Register(MethodTable& methods) {
  using S = ConnectionService;
  const std::string service = "/valetkey.v1.ConnectionService/";
  methods.Add(Unary(service + "GetConnection",
                    Access::Right(store::kReadMetadata), this,
                    &S::GetConnection));
  methods.Add(Unary(service + "ListConnections",
                    Access::Right(store::kReadMetadata), this,
                    &S::ListConnections));
  methods.Add(Unary(service + "CountConnections",
                    Access::Right(store::kReadMetadata), this,
                    &S::CountConnections));
  methods.Add(Unary(service + "UpdateConnection",
                    Access::Right(store::kConnect), this,
                    &S::UpdateConnection));
  methods.Add(Unary(service + "DeleteConnection", Access::Right(store::kRevoke),
                    this, &S::DeleteConnection));
}

Task<absl::StatusOr<v1::GetConnectionResponse>>
ConnectionService::GetConnection(const CallContext& context,
                                 const v1::GetConnectionRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckConnection(*context.caller, "name", request.name()));
  VK_CO_ASSIGN_OR_RETURN(const store::Connection connection,
                         co_await admin_.GetConnection(request.name()));
  VK_CO_ASSIGN_OR_RETURN(std::string api_base_url,
                         co_await admin_.ApiBaseUrl(connection));
  v1::GetConnectionResponse response;
  FillConnection(connection, response.mutable_connection());
  response.mutable_connection()->set_api_base_url(std::move(api_base_url));
  co_return response;
}

Task<absl::StatusOr<v1::ListConnectionsResponse>>
ConnectionService::ListConnections(const CallContext& context,
                                   const v1::ListConnectionsRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_ASSIGN_OR_RETURN(store::ConnectionFilter filter, Checked(request));
  const std::string filters = Fingerprint(filter);
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  VK_CO_ASSIGN_OR_RETURN(std::string after,
                         DecodePageToken(request.page_token(), filters));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  // Before the list: what changes while it is read is then told by a watch
  // that begins here.
  VK_CO_ASSIGN_OR_RETURN(const std::int64_t newest, co_await hub_.Newest());
  VK_CO_ASSIGN_OR_RETURN(const store::Page<store::Connection> page,
                         co_await admin_.ListConnections(
                             std::move(filter), std::move(after), page_size));
  v1::ListConnectionsResponse response;
  for (const store::Connection& connection : page.items) {
    FillConnection(connection, response.add_connections());
  }
  response.set_next_page_token(EncodePageToken(page.next, filters));
  response.set_cursor(events::EncodeCursor(store_.id(), newest));
  co_return response;
}

Task<absl::StatusOr<v1::CountConnectionsResponse>>
ConnectionService::CountConnections(
    const CallContext& context, const v1::CountConnectionsRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_RETURN_IF_ERROR(CheckFilter(request.parent(), "provider", "providers",
                                    request.provider()));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  VK_CO_ASSIGN_OR_RETURN(
      const std::vector<store::ConnectionGroup> groups,
      co_await admin_.CountConnections(request.parent(), request.provider()));
  v1::CountConnectionsResponse response;
  for (const store::ConnectionGroup& group : groups) {
    v1::ConnectionCount& count = *response.add_counts();
    count.set_provider(group.provider);
    count.set_state(static_cast<v1::ConnectionState>(group.state));
    count.set_needs_attention(group.needs_attention);
    count.set_count(group.count);
  }
  co_return response;
}

Task<absl::StatusOr<v1::UpdateConnectionResponse>>
ConnectionService::UpdateConnection(
    const CallContext& context, const v1::UpdateConnectionRequest& request) {
  const v1::Connection& given = request.connection();
  VK_CO_RETURN_IF_ERROR(
      CheckConnection(*context.caller, "connection.name", given.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("connection.etag", given.etag()));
  VK_CO_RETURN_IF_ERROR(
      CheckMask(request.update_mask(), {"labels"}, /*required=*/false));
  VK_CO_RETURN_IF_ERROR(CheckLabelMap("connection.labels", given.labels()));
  store::Labels labels = ToMap(given.labels());
  VK_CO_ASSIGN_OR_RETURN(const store::Connection connection,
                         co_await admin_.UpdateConnectionLabels(
                             given.name(), given.etag(), std::move(labels)));
  v1::UpdateConnectionResponse response;
  FillConnection(connection, response.mutable_connection());
  co_return response;
}

Task<absl::StatusOr<v1::DeleteConnectionResponse>>
ConnectionService::DeleteConnection(
    const CallContext& context, const v1::DeleteConnectionRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckConnection(*context.caller, "name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  VK_CO_RETURN_IF_ERROR(
      co_await admin_.DeleteConnection(request.name(), request.etag()));
  co_return v1::DeleteConnectionResponse();
}

}  // namespace valetkey::rpc
