// For tests with providers of many shapes: any entry of the catalog, or a
// definition of the test's own, through the whole broker.

#ifndef VALETKEY_BROKER_SHAPES_HARNESS_H_
#define VALETKEY_BROKER_SHAPES_HARNESS_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "service/broker/broker_harness.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {

// Adds a definition to the harness's catalog, before anybody uses it.
inline void AddDefinition(BrokerHarness& harness, const std::string& id,
                          const std::string& text) {
  std::string folder =
      (std::filesystem::temp_directory_path() / "shapes-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/" + id + ".textproto") << text;
  auto loaded = catalog::Catalog::Load(folder);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  *harness.catalog = *std::move(loaded);
}

// A provider of the application that uses the catalog entry of that id.
inline std::string AddProvider(BrokerHarness& harness, const std::string& id,
                               std::map<std::string, std::string> inputs = {}) {
  const std::string name =
      std::string(BrokerHarness::kApplication) + "/providers/" + id;
  store::RowKeys keys;
  keys.provider = name;
  auto made = harness.store.UpdateNow(keys, [&](store::Rows& rows) {
    rows.provider = store::Provider{
        .name = name,
        .application = BrokerHarness::kApplication,
        .catalog_entry = "catalog/" + id,
        .client_id = "1234",
        .client_secret_sealed = harness.sealer->Seal(
            SecretString("s3cret"), ClientSecretAssociatedData(name)),
        .inputs = std::move(inputs)};
    return absl::OkStatus();
  });
  EXPECT_TRUE(made.ok()) << made.status();
  return name;
}

inline absl::StatusOr<ExchangeResult> ConnectTo(
    BrokerHarness& harness, const std::string& provider,
    std::vector<std::string> scopes,
    std::map<std::string, std::string> inputs = {}) {
  AuthorizeParameters parameters;
  parameters.provider = provider;
  parameters.subject = "ann";
  parameters.scopes = std::move(scopes);
  parameters.inputs = std::move(inputs);
  auto authorized = harness.Run(harness.broker->Authorize(parameters));
  if (!authorized.ok()) return authorized.status();
  return harness.Exchange(authorized->state, "code");
}

// The token, or what is said in its place.
inline std::string Token(BrokerHarness& harness, const std::string& name,
                         const std::string& token = "") {
  GetTokenParameters parameters;
  parameters.name = name;
  parameters.token = token;
  auto view = harness.GetToken(parameters);
  return view.ok() ? std::string(view->token->access_token.Reveal())
                   : view.status().ToString();
}

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_SHAPES_HARNESS_H_
