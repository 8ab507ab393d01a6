// Admin on fakes, for its tests.

#ifndef VALETKEY_BROKER_ADMIN_HARNESS_H_
#define VALETKEY_BROKER_ADMIN_HARNESS_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::broker {

// Three providers: one with inputs, a secret, an environment and PKCE as it
// must be; one with a secret input; one for public clients.
inline constexpr char kAcmeDefinition[] = R"pb(
  id: "acme"
  display_name: "Acme"
  category: CATEGORY_CRM
  inputs {
    name: "tenant"
    display_name: "Tenant"
    source: INPUT_SOURCE_OPERATOR
    pattern: "[a-z]+"
  }
  inputs {
    name: "region"
    display_name: "Region"
    source: INPUT_SOURCE_OPERATOR
    allowed_values: "eu"
    allowed_values: "us"
    default_value: "eu"
  }
  inputs {
    name: "shop"
    display_name: "Shop"
    source: INPUT_SOURCE_USER
    default_value: "main"
  }
  authorization {
    url: "https://acme.example/{input.tenant}/{input.region}/{input.shop}"
  }
  pkce { support: PKCE_SUPPORT_REQUIRED }
  client_authentication { method: CLIENT_AUTHENTICATION_METHOD_BASIC }
  token { url: "https://acme.example/token" }
  response { captures { name: "shard" pointer: "/shard" } }
  api_base_url: "https://{meta.shard}.acme.example/{input.tenant}/{input.shop}"
  allowed_hosts: "*.acme.example"
  revocation { unsupported: "Acme has no way to revoke tokens." }
  environments {
    name: "sandbox"
    display_name: "Sandbox"
    overrides {
      pkce { support: PKCE_SUPPORT_SUPPORTED }
      api_base_url: "https://sandbox.acme.example"
    }
  }
)pb";
inline constexpr char kKeyedDefinition[] = R"pb(
  id: "keyed"
  display_name: "Keyed"
  category: CATEGORY_CRM
  inputs {
    name: "site_key"
    display_name: "Site key"
    source: INPUT_SOURCE_OPERATOR
    pattern: "[a-z0-9-]+"
    secret: true
  }
  authorization { url: "https://keyed.example/authorize" }
  client_authentication { method: CLIENT_AUTHENTICATION_METHOD_NONE }
  token {
    url: "https://keyed.example/token"
    headers { name: "X-Site-Key" value: "{input.site_key}" }
  }
)pb";
inline constexpr char kPublicDefinition[] = R"pb(
  id: "public-one"
  display_name: "Public"
  category: CATEGORY_CRM
  authorization { url: "https://public.example/authorize" }
  pkce { support: PKCE_SUPPORT_SUPPORTED }
  client_authentication { method: CLIENT_AUTHENTICATION_METHOD_NONE }
  token { url: "https://public.example/token" }
  revocation { unsupported: "There is no way to revoke tokens." }
)pb";

// The catalog with those; the files are read once.
inline const catalog::Catalog& TestCatalog() {
  static const catalog::Catalog* const kCatalog = [] {
    std::string folder =
        (std::filesystem::temp_directory_path() / "admin-XXXXXX").string();
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    std::ofstream(folder + "/acme.textproto") << kAcmeDefinition;
    std::ofstream(folder + "/keyed.textproto") << kKeyedDefinition;
    std::ofstream(folder + "/public-one.textproto") << kPublicDefinition;
    absl::StatusOr<catalog::Catalog> loaded = catalog::Catalog::Load(folder);
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return new catalog::Catalog(loaded.ok() ? *std::move(loaded)
                                            : catalog::Catalog());
  }();
  return *kCatalog;
}

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    hooks_.provider_changed = [this](const std::string& name) {
      providers_changed_.push_back(name);
    };
    hooks_.connection_deleted = [this](const std::string& name) {
      connections_deleted_.push_back(name);
    };
    hooks_.key_revoked = [this](const std::string& digest) {
      keys_revoked_.push_back(digest);
    };
    admin_ = std::make_unique<Admin>(store_, TestCatalog(), sealer_, clock_,
                                     random_, hooks_);
  }

  static Keyring TestKeyring() {
    return *Keyring::Parse("k-1 " + Base64UrlEncode(std::string(32, 'k')));
  }

  store::Application MakeApplication(const std::string& id = "shop") {
    auto made = RunSync(admin_->CreateApplication(id, {}));
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  static NewProvider AcmeProvider() {
    NewProvider provider;
    provider.name = "applications/shop/providers/acme";
    provider.catalog_entry = "catalog/acme";
    provider.settings.client_id = "client";
    provider.settings.client_secret = SecretString("s3cret");
    provider.settings.inputs = {{{"tenant", "north"}}};
    return provider;
  }
  store::Provider MakeProvider() {
    auto made = RunSync(admin_->CreateProvider(AcmeProvider()));
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  // Puts an active connection of AcmeProvider() into the store.
  void PutConnection(const std::string& id) {
    store::RowKeys keys;
    keys.connection = absl::StrCat("applications/shop/connections/", id);
    ASSERT_TRUE(store_
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 auto& row = rows.connection.emplace();
                                 row.name = *keys.connection;
                                 row.application = "applications/shop";
                                 row.provider =
                                     "applications/shop/providers/acme";
                                 row.subject = "u-1";
                                 row.generation = 3;
                                 row.create_time = rows.now;
                                 row.update_time = rows.now;
                                 return absl::OkStatus();
                               })
                    .ok());
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  FakeRandom random_{1};
  store::FakeStore store_{clock_};
  Sealer sealer_{TestKeyring(), random_};
  AdminHooks hooks_;
  std::unique_ptr<Admin> admin_;
  std::vector<std::string> providers_changed_;
  std::vector<std::string> connections_deleted_;
  std::vector<std::string> keys_revoked_;
};

// The field that a FIELD_INVALID names; "" for anything else.
inline std::string FieldOf(const absl::Status& status) {
  if (ReasonOf(status) != Reason::kFieldInvalid) return "";
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "field") return value;
  }
  return "";
}

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_ADMIN_HARNESS_H_
