// Definitions for tests, made from a few lines of text format.

#ifndef VALETKEY_OAUTH_TEST_DEFINITIONS_H_
#define VALETKEY_OAUTH_TEST_DEFINITIONS_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {

// A plain provider with `changes` merged in; the loader must accept it.
inline Definition Define(const std::string& changes) {
  Definition definition;
  const bool base = google::protobuf::TextFormat::ParseFromString(
      R"(id: "test" display_name: "Test" category: CATEGORY_OTHER
         authorization { url: "https://idp.example/authorize" }
         client_authentication {
           method: CLIENT_AUTHENTICATION_METHOD_POST
         }
         token { url: "https://idp.example/token" })",
      &definition);
  EXPECT_TRUE(base);
  google::protobuf::TextFormat::Parser parser;
  EXPECT_TRUE(parser.MergeFromString(changes, &definition)) << changes;
  std::string text;
  google::protobuf::TextFormat::PrintToString(definition, &text);
  const auto checked = catalog::ParseDefinition("test", text);
  EXPECT_TRUE(checked.ok()) << checked.status();
  return definition;
}

// A definition of the catalog; "" is production.
inline Definition FromCatalog(const std::string& id,
                              const std::string& environment = "") {
  static const auto& catalog =
      *new absl::StatusOr<catalog::Catalog>(catalog::Catalog::Load(""));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  const auto found = catalog->Find(id, environment);
  EXPECT_NE(found, nullptr);
  return found == nullptr ? Definition() : *found;
}

inline Client TestClient() {
  Client client;
  client.client_id = "id 1";
  client.client_secret = SecretString("s:e/cret");
  return client;
}

inline absl::Time TestNow() {
  return absl::FromUnixSeconds(1'800'000'000);  // 2027-01-15T08:00:00Z
}

inline HttpResponse Answer(
    int status, absl::string_view body,
    absl::string_view content_type = "application/json") {
  HttpResponse response;
  response.status = status;
  if (!content_type.empty()) {
    response.headers.Add("Content-Type", content_type);
  }
  response.body = std::string(body);
  return response;
}

// "Name: value" lines, sorted as sent.
inline std::string HeaderLines(const HttpRequest& request) {
  std::string lines;
  for (const auto& [name, value] : request.headers.fields()) {
    absl::StrAppend(&lines, name, ": ", value, "\n");
  }
  return lines;
}

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_TEST_DEFINITIONS_H_
