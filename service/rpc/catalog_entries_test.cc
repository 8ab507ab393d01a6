// Definitions over gRPC: who may change the catalog, and what comes back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "service/rpc/rpc_server_fixture.h"
#include "valetkey/v1/provider_service.grpc.pb.h"

namespace valetkey::rpc {
namespace {

using ::testing::HasSubstr;
using Stub = v1::ProviderService::Stub;

constexpr char kText[] = R"(# By hand.
id: "own"
display_name: "Own"
category: CATEGORY_OTHER
authorization { url: "https://own.example/authorize" }
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
token { url: "https://own.example/token" }
)";

class CatalogEntriesTest : public RpcServerTest {
 protected:
  grpc::Status Check(const std::string& key, const std::string& text,
                     v1::CheckDefinitionResponse* response,
                     const std::string& parent = "applications/shop") {
    v1::CheckDefinitionRequest request;
    request.set_parent(parent);
    request.set_text(text);
    return Call(&Stub::CheckDefinition, key, request, response);
  }
  grpc::Status Create(const std::string& key, const std::string& text,
                      v1::CatalogEntry* entry = nullptr) {
    v1::CreateCatalogEntryRequest request;
    request.set_text(text);
    v1::CreateCatalogEntryResponse response;
    const auto status =
        Call(&Stub::CreateCatalogEntry, key, request, &response);
    if (entry != nullptr) *entry = response.entry();
    return status;
  }
  grpc::Status Update(const std::string& key, const std::string& text,
                      const std::string& etag, v1::CatalogEntry* entry) {
    v1::UpdateCatalogEntryRequest request;
    request.set_name("catalog/own");
    request.set_text(text);
    request.set_etag(etag);
    v1::UpdateCatalogEntryResponse response;
    const auto status =
        Call(&Stub::UpdateCatalogEntry, key, request, &response);
    if (entry != nullptr) *entry = response.entry();
    return status;
  }
  grpc::Status Delete(const std::string& key, const std::string& name) {
    v1::DeleteCatalogEntryRequest request;
    request.set_name(name);
    v1::DeleteCatalogEntryResponse response;
    return Call(&Stub::DeleteCatalogEntry, key, request, &response);
  }
  grpc::Status Get(const std::string& name, v1::CatalogEntry* entry) {
    v1::GetCatalogEntryRequest request;
    request.set_name(name);
    v1::GetCatalogEntryResponse response;
    const auto status = Call(&Stub::GetCatalogEntry, key_, request, &response);
    *entry = response.entry();
    return status;
  }
};

TEST_F(CatalogEntriesTest, WhatIsNotAsciiIsToldLegibly) {
  for (const char* text : {"\u00e9", "id: \"\u00e9\" \u00e9", "\x01"}) {
    v1::CheckDefinitionResponse checked;
    ASSERT_TRUE(Check(key_, text, &checked).ok()) << text;
    EXPECT_GT(checked.faults_size(), 0) << text;
    EXPECT_EQ(ReasonIn(Create(system_, text)), "FIELD_INVALID") << text;
  }
}

TEST_F(CatalogEntriesTest, AnApplicationsAdministratorMayCheckAndNotChange) {
  v1::CheckDefinitionResponse checked;
  ASSERT_TRUE(Check(key_, kText, &checked).ok());
  EXPECT_EQ(checked.faults_size(), 0);
  EXPECT_GT(checked.warnings_size(), 0);
  EXPECT_EQ(checked.definition().id(), "own");
  EXPECT_THAT(checked.dry_run(), HasSubstr("POST https://own.example/token"));
  EXPECT_EQ(ReasonIn(Check(other_, kText, &checked)), "APPLICATION_NOT_FOUND");

  EXPECT_EQ(ReasonIn(Create(key_, kText)), "RIGHT_MISSING");
  EXPECT_EQ(ReasonIn(Update(key_, kText, "", nullptr)), "RIGHT_MISSING");
  EXPECT_EQ(ReasonIn(Delete(key_, "catalog/own")), "RIGHT_MISSING");
  v1::CatalogEntry entry;
  EXPECT_EQ(ReasonIn(Get("catalog/own", &entry)), "CATALOG_ENTRY_NOT_FOUND");
}

TEST_F(CatalogEntriesTest, FaultsHaveLineFieldAndMessage) {
  v1::CheckDefinitionResponse checked;
  ASSERT_TRUE(
      Check(key_, absl::StrCat(kText, "refresh { url: \"ftp://x\" }"), &checked)
          .ok());
  ASSERT_EQ(checked.faults_size(), 1);
  EXPECT_EQ(checked.faults(0).line(), 8);
  EXPECT_EQ(checked.faults(0).field(), "refresh.url");
  EXPECT_EQ(checked.faults(0).message(), "expected an absolute URL");
  EXPECT_TRUE(checked.has_definition());
  EXPECT_EQ(checked.dry_run(), "");
  // Nothing that comes in breaks what goes out.
  ASSERT_TRUE(Check(key_,
                    absl::StrCat(kText, "scopes { name: \"\\377\\300\" }"),
                    &checked)
                  .ok());
  EXPECT_FALSE(checked.has_definition());
  const grpc::Status none = Check(key_, "", &checked);
  EXPECT_EQ(ReasonIn(none), "FIELD_INVALID");
}

TEST_F(CatalogEntriesTest, IsMadeReadChangedAndDeleted) {
  v1::CatalogEntry made;
  ASSERT_TRUE(Create(system_, kText, &made).ok());
  EXPECT_EQ(made.name(), "catalog/own");
  EXPECT_EQ(made.source(), v1::CATALOG_SOURCE_ADDED);
  EXPECT_EQ(made.text(), kText);
  EXPECT_NE(made.etag(), "");
  EXPECT_NE(made.redirect_uri(), "");
  EXPECT_EQ(ReasonIn(Create(system_, kText)), "RESOURCE_EXISTS");

  v1::CatalogEntry read;
  ASSERT_TRUE(Get("catalog/own", &read).ok());
  EXPECT_EQ(read.SerializeAsString(), made.SerializeAsString());
  ASSERT_TRUE(Get("catalog/pinterest", &read).ok());
  EXPECT_EQ(read.source(), v1::CATALOG_SOURCE_BUILT_IN);
  EXPECT_EQ(read.text(), "");
  EXPECT_EQ(read.etag(), "");

  v1::ListCatalogEntriesRequest list;
  list.set_page_size(1000);
  v1::ListCatalogEntriesResponse all;
  ASSERT_TRUE(Call(&Stub::ListCatalogEntries, key_, list, &all).ok());
  bool found = false;
  for (const auto& entry : all.entries()) {
    EXPECT_EQ(entry.text(), "") << entry.name();
    if (entry.name() != "catalog/own") continue;
    found = true;
    EXPECT_EQ(entry.source(), v1::CATALOG_SOURCE_ADDED);
    EXPECT_EQ(entry.etag(), made.etag());
  }
  EXPECT_TRUE(found);

  v1::CatalogEntry changed;
  const std::string text = absl::StrCat(kText, "summary: \"new\"\n");
  EXPECT_EQ(ReasonIn(Update(system_, text, "r77", &changed)), "ETAG_MISMATCH");
  ASSERT_TRUE(Update(system_, text, made.etag(), &changed).ok());
  EXPECT_EQ(changed.definition().summary(), "new");
  EXPECT_EQ(changed.text(), text);
  EXPECT_NE(changed.etag(), made.etag());

  // While a provider is of it, it stays.
  v1::CreateProviderRequest create;
  create.set_parent("applications/shop");
  create.set_provider_id("own");
  create.mutable_provider()->set_catalog_entry("catalog/own");
  create.mutable_provider()->set_client_id("1");
  create.mutable_provider()->set_client_secret("s");
  v1::CreateProviderResponse provider;
  ASSERT_TRUE(Call(&Stub::CreateProvider, key_, create, &provider).ok());
  EXPECT_EQ(ReasonIn(Delete(system_, "catalog/own")), "RESOURCE_IN_USE");
  v1::DeleteProviderRequest remove;
  remove.set_name(provider.provider().name());
  v1::DeleteProviderResponse removed;
  ASSERT_TRUE(Call(&Stub::DeleteProvider, key_, remove, &removed).ok());
  ASSERT_TRUE(Delete(system_, "catalog/own").ok());
  EXPECT_EQ(ReasonIn(Get("catalog/own", &read)), "CATALOG_ENTRY_NOT_FOUND");
  EXPECT_EQ(ReasonIn(Delete(system_, "catalog/own")),
            "CATALOG_ENTRY_NOT_FOUND");
  EXPECT_EQ(ReasonIn(Delete(system_, "catalog/pinterest")), "FIELD_INVALID");
}

}  // namespace
}  // namespace valetkey::rpc
