// One bad field at a time, in every RPC: INVALID_ARGUMENT, and the field by
// its path.

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/rpc/rpc_server_fixture.h"

namespace valetkey::rpc {
namespace {

struct BadField {
  const char* method;
  // The request as text: {S} is a string of 300 characters, {L} of 10,000.
  const char* request;
  const char* field;
};

constexpr char kConnection[] = "name: 'applications/shop/connections/c-x' ";
constexpr char kParent[] = "parent: 'applications/shop' ";

const BadField kBadFields[] = {
    {"TokenService/Authorize", "", "provider"},
    {"TokenService/Authorize", "provider: 'applications/shop'", "provider"},
    {"TokenService/Authorize", "{P}", "subject"},
    {"TokenService/Authorize", "{P} subject: '{S}'", "subject"},
    {"TokenService/Authorize", "{P} subject: 'a\\nb'", "subject"},
    {"TokenService/Authorize", "{P} subject: 'a' scopes: 'a b'", "scopes[0]"},
    {"TokenService/Authorize", "{P} connection: 'x'", "connection"},
    {"TokenService/Authorize", "{P} subject: 'a' return_uri: 'nowhere'",
     "return_uri"},
    {"TokenService/Authorize", "{P} subject: 'a' return_uri: '{L}'",
     "return_uri"},
    {"TokenService/Authorize",
     "{P} subject: 'a' extra_parameters { key: 'a b' value: '1' }",
     "extra_parameters[\"a b\"]"},
    {"TokenService/Authorize",
     "{P} subject: 'a' extra_parameters { key: 'a' value: '{L}' }",
     "extra_parameters[\"a\"]"},
    {"TokenService/Authorize",
     "{P} subject: 'a' labels { key: 'x y' value: '1' }", "labels[\"x y\"]"},
    {"TokenService/Authorize",
     "{P} subject: 'a' labels { key: 'x' value: '{S}' }", "labels[\"x\"]"},
    {"TokenService/Authorize", "{P} subject: 'a' inputs { key: '' value: '1' }",
     "inputs[\"\"]"},
    {"TokenService/Exchange", "", "state"},
    {"TokenService/Exchange", "state: '{L}'", "state"},
    {"TokenService/Exchange", "state: 's'", "code"},
    {"TokenService/Exchange", "state: 's' code: '{L}'", "code"},
    {"TokenService/Exchange", "state: 's' code: 'c' issuer: '{L}'", "issuer"},
    {"TokenService/Exchange", "state: 's' error: '{S}'", "error"},
    {"TokenService/Exchange", "state: 's' error: 'e' error_description: '{L}'",
     "error_description"},
    {"TokenService/Exchange",
     "state: 's' code: 'c' callback_parameters { key: '' value: '1' }",
     "callback_parameters[\"\"]"},
    {"TokenService/GetToken", "", "name"},
    {"TokenService/GetToken", "name: 'applications/shop/providers/p'", "name"},
    {"TokenService/GetToken", "{N} required_scopes: ['a', '']",
     "required_scopes[1]"},
    {"TokenService/GetToken", "{N} min_lifetime { seconds: -1 }",
     "min_lifetime"},
    {"TokenService/GetToken", "{N} min_lifetime { nanos: 1000000000 }",
     "min_lifetime"},
    {"TokenService/GetToken", "{N} min_generation: -1", "min_generation"},
    {"TokenService/GetToken", "{N} rejected_generation: -1",
     "rejected_generation"},
    {"TokenService/GetToken", "{N} token: 'A'", "token"},
    {"TokenService/Refresh", "", "name"},
    {"TokenService/Refresh", "{N} generation: -1", "generation"},
    {"TokenService/Refresh", "{N} token: '{S}'", "token"},
    {"TokenService/Revoke", "name: '{L}'", "name"},

    {"EventService/WatchEvents", "", "parent"},
    {"EventService/WatchEvents", "{A} cursor: 'x' snapshot: true", "cursor"},
    {"EventService/WatchEvents", "{A} cursor: '{L}'", "cursor"},
    {"EventService/WatchEvents",
     "{A} connection: 'applications/other/connections/c'", "connection"},
    {"EventService/WatchEvents", "{A} provider: 'x'", "provider"},
    {"EventService/WatchEvents", "{A} subject: '{S}'", "subject"},
    {"EventService/WatchEvents", "{A} labels { key: '' value: '' }",
     "labels[\"\"]"},
    {"EventService/WatchEvents", "{A} types: [1, 0]", "types[1]"},
    {"EventService/WatchEvents", "{A} types: 99", "types[0]"},
    {"EventService/ListEvents", "", "parent"},
    {"EventService/ListEvents", "{A} page_size: -1", "page_size"},
    {"EventService/ListEvents", "{A} connection: 'x'", "connection"},
    {"EventService/ListEvents", "{A} provider: 'x'", "provider"},
    {"EventService/ListEvents", "{A} types: [1, 0]", "types[1]"},

    {"ConnectionService/GetConnection", "", "name"},
    {"ConnectionService/ListConnections", "", "parent"},
    {"ConnectionService/ListConnections", "{A} page_size: -1", "page_size"},
    {"ConnectionService/ListConnections", "{A} provider: 'x'", "provider"},
    {"ConnectionService/ListConnections", "{A} subject: '{S}'", "subject"},
    {"ConnectionService/ListConnections", "{A} state: 77", "state"},
    {"ConnectionService/ListConnections", "{A} query: '{S}'", "query"},
    {"ConnectionService/CountConnections", "", "parent"},
    {"ConnectionService/CountConnections", "{A} provider: 'x'", "provider"},
    {"ConnectionService/ListConnections", "{A} labels { key: 'A' value: '' }",
     "labels[\"A\"]"},
    {"ConnectionService/UpdateConnection", "", "connection.name"},
    {"ConnectionService/UpdateConnection", "connection { {N} etag: '{S}' }",
     "connection.etag"},
    {"ConnectionService/UpdateConnection",
     "connection { {N} } update_mask { paths: 'subject' }",
     "update_mask.paths[0]"},
    {"ConnectionService/UpdateConnection",
     "connection { {N} labels { key: 'A' value: '' } }",
     "connection.labels[\"A\"]"},
    {"ConnectionService/DeleteConnection", "", "name"},
    {"ConnectionService/DeleteConnection", "{N} etag: '{S}'", "etag"},

    {"ProviderService/CreateProvider", "", "parent"},
    {"ProviderService/CreateProvider", "{A}", "provider_id"},
    {"ProviderService/CreateProvider", "{A} provider_id: 'A'", "provider_id"},
    {"ProviderService/CreateProvider", "{A} provider_id: 'p2'",
     "provider.catalog_entry"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} environment: 'moon' }",
     "provider.environment"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} display_name: '{S}' }",
     "provider.display_name"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { catalog_entry: 'catalog/pinterest' }",
     "provider.client_id"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { catalog_entry: 'catalog/pinterest' "
     "client_id: '1' }",
     "provider.client_secret"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} scopes: ' ' }",
     "provider.scopes[0]"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} redirect_uri: 'http://a.example' }",
     "provider.redirect_uri"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} pkce: 9 }", "provider.pkce"},
    {"ProviderService/CreateProvider",
     "{A} provider_id: 'p2' provider { {C} inputs { key: 'a' value: '' } }",
     "provider.inputs[\"a\"]"},
    {"ProviderService/GetProvider", "", "name"},
    {"ProviderService/ListProviders", "", "parent"},
    {"ProviderService/ListProviders", "{A} page_size: -5", "page_size"},
    {"ProviderService/UpdateProvider", "", "provider.name"},
    {"ProviderService/UpdateProvider", "provider { {Q} etag: '{S}' }",
     "provider.etag"},
    {"ProviderService/UpdateProvider", "provider { {Q} }", "update_mask"},
    {"ProviderService/UpdateProvider",
     "provider { {Q} } update_mask { paths: ['scopes', 'name'] }",
     "update_mask.paths[1]"},
    {"ProviderService/UpdateProvider",
     "provider { {Q} pkce: 9 } update_mask { paths: 'pkce' }", "provider.pkce"},
    {"ProviderService/UpdateProvider",
     "provider { {Q} } update_mask { paths: 'client_id' }",
     "provider.client_id"},
    {"ProviderService/DeleteProvider", "", "name"},
    {"ProviderService/DeleteProvider",
     "name: 'applications/shop/providers/pinterest' etag: '{S}'", "etag"},
    {"ProviderService/ListCatalogEntries", "page_size: -1", "page_size"},
    {"ProviderService/GetCatalogEntry", "name: 'pinterest'", "name"},
    {"ProviderService/CheckDefinition", "", "parent"},
    {"ProviderService/CheckDefinition", "{A}", "text"},
    {"ProviderService/CheckDefinition",
     "{A} text: 'x' inputs { key: '' value: 'x' }", "inputs[\"\"]"},
    {"ProviderService/CreateCatalogEntry", "", "text"},
    {"ProviderService/CreateCatalogEntry", "text: 'id: 1'", "text"},
    {"ProviderService/UpdateCatalogEntry", "text: 'x'", "name"},
    {"ProviderService/UpdateCatalogEntry", "name: 'catalog/x' etag: '{S}'",
     "etag"},
    {"ProviderService/UpdateCatalogEntry", "name: 'catalog/x'", "text"},
    {"ProviderService/DeleteCatalogEntry", "name: 'x'", "name"},
    {"ProviderService/DeleteCatalogEntry", "name: 'catalog/x' etag: '{S}'",
     "etag"},
    {"ProviderService/DeleteCatalogEntry", "name: 'catalog/pinterest'", "name"},

    {"ApplicationService/CreateApplication", "", "application_id"},
    {"ApplicationService/CreateApplication",
     "application_id: 'a2' application { display_name: '{S}' }",
     "application.display_name"},
    {"ApplicationService/CreateApplication",
     "application_id: 'a2' application { return_uris: 'http://a.example' }",
     "application.return_uris[0]"},
    {"ApplicationService/GetApplication", "name: 'shop'", "name"},
    {"ApplicationService/ListApplications", "page_size: -1", "page_size"},
    {"ApplicationService/UpdateApplication", "", "application.name"},
    {"ApplicationService/UpdateApplication",
     "application { name: 'applications/shop' etag: '{S}' }",
     "application.etag"},
    {"ApplicationService/UpdateApplication",
     "application { name: 'applications/shop' }", "update_mask"},
    {"ApplicationService/DeleteApplication", "", "name"},
    {"ApplicationService/DeleteApplication",
     "name: 'applications/shop' etag: '{S}'", "etag"},
    {"ApplicationService/CreateKey", "", "parent"},
    {"ApplicationService/CreateKey", "{A}", "rights"},
    {"ApplicationService/CreateKey", "{A} rights: [1, 0]", "rights[1]"},
    {"ApplicationService/CreateKey", "{A} rights: 9", "rights[0]"},
    {"ApplicationService/CreateKey", "{A} rights: 1 display_name: '{S}'",
     "display_name"},
    {"ApplicationService/CreateKey", "{A} rights: 1 expire_time { seconds: 5 }",
     "expire_time"},
    {"ApplicationService/CreateKey", "{A} rights: 1 expire_time { nanos: -1 }",
     "expire_time"},
    {"ApplicationService/ListKeys", "", "parent"},
    {"ApplicationService/ListKeys", "{A} page_size: -1", "page_size"},
    {"ApplicationService/RevokeKey", "name: 'x'", "name"},
};

using FieldErrorsTest = RpcServerTest;

TEST_F(FieldErrorsTest, EveryFieldIsCheckedAndNamed) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const BadField& bad : kBadFields) {
    const std::string text = absl::StrReplaceAll(
        bad.request,
        {{"{A}", kParent},
         {"{N}", kConnection},
         {"{P}", "provider: 'applications/shop/providers/pinterest' "},
         {"{Q}", "name: 'applications/shop/providers/pinterest' "},
         {"{C}",
          "catalog_entry: 'catalog/pinterest' client_id: '1' "
          "client_secret: 's' "},
         {"{S}", std::string(300, 's')},
         {"{L}", std::string(10'000, 'l')}});
    const auto* method = pool->FindMethodByName(absl::StrReplaceAll(
        absl::StrCat("valetkey.v1.", bad.method), {{"/", "."}}));
    ASSERT_NE(method, nullptr) << bad.method;
    const std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(method->input_type())
            ->New());
    google::protobuf::TextFormat::Parser parser;
    ASSERT_TRUE(parser.ParseFromString(text, request.get())) << text;
    const grpc::Status status = CallRaw(
        absl::StrCat("/valetkey.v1.", bad.method), request->SerializeAsString(),
        system_, method->server_streaming());
    SCOPED_TRACE(absl::StrCat(bad.method, " ", bad.request));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << status.error_message();
    const ErrorInfo info = InfoOf(status);
    EXPECT_EQ(info.reason(), "FIELD_INVALID");
    const auto field = info.metadata().find("field");
    ASSERT_NE(field, info.metadata().end());
    EXPECT_EQ(field->second, bad.field);
  }
}

}  // namespace
}  // namespace valetkey::rpc
