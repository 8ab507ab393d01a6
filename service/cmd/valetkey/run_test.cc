// Command lines that ask once and print what comes.

#include <algorithm>

#include "absl/time/clock.h"
#include "service/cmd/valetkey/run_fixture.h"

namespace valetkey::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

TEST_F(RunTest, HelpTellsCommandsAndExitCodes) {
  const Ended help = Bare({"valetkey", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* word :
       {"applications", "keys", "catalog", "providers", "connect",
        "connections", "token", "refresh", "revoke", "watch", "status",
        "health", "version", "Exit codes:", "VALETKEY_API_KEY"}) {
    EXPECT_THAT(help.out, HasSubstr(word));
  }
}

TEST_F(RunTest, HelpNeverShowsTheKey) {
  setenv("VALETKEY_API_KEY", "vk_canary", 1);
  EXPECT_THAT(Bare({"valetkey", "--help"}).out, Not(HasSubstr("vk_canary")));
}

TEST_F(RunTest, AWrongCommandLineIsExitCode1) {
  EXPECT_EQ(Bare({"valetkey"}).code, 1);
  EXPECT_EQ(Valetkey({"nonsense"}).code, 1);
  EXPECT_EQ(Valetkey({"token"}).code, 1);
  EXPECT_EQ(Valetkey({"token", "c-7", "--min-lifetime", "soon"}).code, 1);
  EXPECT_EQ(Valetkey({"token", "c-7", "--timeout", "0"}).code, 1);
  const Ended ended = Bare({"valetkey", "token", "c-7"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("--application"));
}

TEST_F(RunTest, RefusesToSendAKeyInPlainTextOverTheNetwork) {
  const Ended ended =
      Bare({"valetkey", "--address", "192.0.2.1:8800", "applications", "list"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("plain text"));
}

TEST_F(RunTest, NoServerIsExitCode4) {
  const Ended ended = Bare(
      {"valetkey", "--address", "unix:/nonexistent", "applications", "list"});
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.err, HasSubstr("is the server running"));
}

TEST_F(RunTest, TokenAloneGoesToStandardOutput) {
  v1::GetTokenRequest asked;
  server_.get_token = [&](const auto& request, auto& response) {
    asked = request;
    response.mutable_token()->set_access_token("the-token");
    return grpc::Status::OK;
  };
  const Ended ended =
      Valetkey({"--api-key", "vk_1", "token", "c-7", "--min-lifetime", "90s",
                "--scope", "a", "--scope", "b", "--rejected-generation", "4"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "the-token\n");
  EXPECT_EQ(asked.name(), "applications/shop/connections/c-7");
  EXPECT_EQ(asked.min_lifetime().seconds(), 90);
  EXPECT_EQ(asked.rejected_generation(), 4);
  EXPECT_THAT(asked.required_scopes(), ElementsAre("a", "b"));
  EXPECT_EQ(server_.authorization(), "Bearer vk_1");
}

TEST_F(RunTest, TheKeyComesFromEnvironmentOrFile) {
  server_.get_token = [](const auto&, auto&) { return grpc::Status::OK; };
  setenv("VALETKEY_API_KEY", "vk_env", 1);
  Valetkey({"token", "c-7"});
  EXPECT_EQ(server_.authorization(), "Bearer vk_env");
  const std::string path = WriteFile("api-key", "vk_file\n");
  Valetkey({"token", "c-7", "--api-key-file", path});
  EXPECT_EQ(server_.authorization(), "Bearer vk_file");
}

TEST_F(RunTest, AnErrorHasItsLineAndExitCode) {
  server_.get_token = [](const auto&, auto&) {
    return ReasonedError(grpc::StatusCode::FAILED_PRECONDITION,
                         "CONNECTION_REVOKED", "the connection was revoked", {},
                         0);
  };
  const Ended ended = Valetkey({"token", "c-7"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_THAT(ended.err,
              StartsWith("valetkey: CONNECTION_REVOKED: the connection was "
                         "revoked\n"));
}

TEST_F(RunTest, RevokeItemises) {
  server_.revoke = [](const auto&, auto& response) {
    auto* token = response.add_tokens();
    token->set_kind(v1::TOKEN_KIND_REFRESH_TOKEN);
    token->set_result(v1::REVOCATION_RESULT_UNSUPPORTED_BY_PROVIDER);
    token->set_detail("system users only");
    response.set_copy_destroyed(true);
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey({"revoke", "c-7"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, HasSubstr("REFRESH_TOKEN  main   "
                                   "UNSUPPORTED_BY_PROVIDER  system users"));
  EXPECT_THAT(ended.out, HasSubstr("destroyed"));
}

TEST_F(RunTest, ListsAllPagesAndKeepsTheFirstCursor) {
  server_.list_connections = [](const auto& request, auto& response) {
    EXPECT_EQ(request.provider(), "applications/shop/providers/pinterest");
    EXPECT_EQ(request.state(), v1::CONNECTION_STATE_ACTIVE);
    const bool first = request.page_token().empty();
    response.add_connections()->set_name(
        first ? "applications/shop/connections/c-1"
              : "applications/shop/connections/c-2");
    if (first) response.set_next_page_token("2");
    response.set_cursor(first ? "early" : "late");
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey({"connections", "list", "--provider",
                                "pinterest", "--state", "active", "--json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("connections/c-1"));
  EXPECT_THAT(ended.out, HasSubstr("connections/c-2"));
  EXPECT_THAT(ended.out, HasSubstr("\"early\""));
}

TEST_F(RunTest, LimitStopsPaging) {
  server_.list_connections = [](const auto& request, auto& response) {
    for (int i = 0; i < request.page_size(); ++i) {
      response.add_connections()->set_name("applications/shop/connections/c");
    }
    response.set_next_page_token("more");
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey({"connections", "list", "--limit", "3"});
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 4);
}

TEST_F(RunTest, LabelChangesOnlyWhatIsGivenAndTriesAgain) {
  int reads = 0;
  server_.get_connection = [&](const auto& request, auto& response) {
    auto* connection = response.mutable_connection();
    connection->set_name(request.name());
    connection->set_etag("e" + std::to_string(++reads));
    (*connection->mutable_labels())["keep"] = "1";
    (*connection->mutable_labels())["gone"] = "2";
    return grpc::Status::OK;
  };
  server_.update_connection = [](const auto& request, auto& response) {
    if (request.connection().etag() != "e2") {
      return ReasonedError(grpc::StatusCode::ABORTED, "ETAG_MISMATCH", "x", {},
                           0);
    }
    *response.mutable_connection() = request.connection();
    return grpc::Status();
  };
  const Ended ended =
      Valetkey({"connections", "label", "c-7", "new=3", "gone-"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "keep=1, new=3\n");
}

TEST_F(RunTest, LabelGivesUpInTheEnd) {
  server_.get_connection = [](const auto&, auto&) { return grpc::Status::OK; };
  server_.update_connection = [](const auto&, auto&) {
    return ReasonedError(grpc::StatusCode::ABORTED, "ETAG_MISMATCH", "x", {},
                         0);
  };
  EXPECT_EQ(Valetkey({"connections", "label", "c-7", "new=3"}).code, 4);
}

TEST_F(RunTest, KeySecretAloneGoesToStandardOutput) {
  v1::CreateKeyRequest asked;
  server_.create_key = [&](const auto& request, auto& response) {
    asked = request;
    response.set_secret("vk_new");
    return grpc::Status::OK;
  };
  const Ended ended = Valetkey({"keys", "create", "--right", "read-tokens",
                                "--right", "connect", "--expires-in", "1d"});
  EXPECT_EQ(ended.out, "vk_new\n");
  EXPECT_THAT(asked.rights(),
              ElementsAre(v1::RIGHT_READ_TOKENS, v1::RIGHT_CONNECT));
  EXPECT_NEAR(static_cast<double>(asked.expire_time().seconds()),
              static_cast<double>(absl::ToUnixSeconds(absl::Now()) + 86400),
              60);
  Valetkey({"keys", "create", "--all-rights"});
  EXPECT_EQ(asked.rights_size(), 5);
  EXPECT_EQ(Valetkey({"keys", "create"}).code, 1);
}

TEST_F(RunTest, ClientSecretComesFromAFileOrStandardInput) {
  v1::CreateProviderRequest asked;
  server_.create_provider = [&](const auto& request, auto& response) {
    asked = request;
    *response.mutable_provider() = request.provider();
    return grpc::Status::OK;
  };
  const std::string path = WriteFile("client-secret", "from-file\n");
  Ended ended = Valetkey({"providers", "add", "pinterest", "--client-id", "1",
                          "--client-secret-file", path, "--pkce", "off"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(asked.provider().client_secret(), "from-file");
  EXPECT_EQ(asked.provider().catalog_entry(), "catalog/pinterest");
  EXPECT_EQ(asked.provider().pkce(), v1::PKCE_MODE_OFF);
  EXPECT_THAT(ended.out, Not(HasSubstr("from-file")));
  Valetkey({"providers", "add", "p2", "--catalog", "pinterest", "--client-id",
            "1", "--client-secret-file", "-"},
           "from-input\n");
  EXPECT_EQ(asked.provider().client_secret(), "from-input");
  EXPECT_EQ(asked.provider_id(), "p2");
  EXPECT_EQ(Valetkey({"providers", "add", "p3", "--client-id", "1",
                      "--client-secret-file", "/nonexistent"})
                .code,
            1);
}

TEST_F(RunTest, ASecretInputComesFromAFile) {
  v1::UpdateProviderRequest asked;
  server_.update_provider = [&](const auto& request, auto&) {
    asked = request;
    return grpc::Status::OK;
  };
  const std::string path = WriteFile("site-key", "k-1\n");
  const Ended ended =
      Valetkey({"providers", "update", "acme", "--input", "region=eu",
                "--input-file", "site_key=" + path});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(
      asked.provider().inputs(),
      UnorderedElementsAre(Pair("region", "eu"), Pair("site_key", "k-1")));
  const Ended twice =
      Valetkey({"providers", "update", "acme", "--input", "site_key=x",
                "--input-file", "site_key=" + path});
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.err, HasSubstr("site_key"));
}

TEST_F(RunTest, UpdateMasksWhatWasGiven) {
  v1::UpdateProviderRequest asked;
  server_.update_provider = [&](const auto& request, auto&) {
    asked = request;
    return grpc::Status::OK;
  };
  EXPECT_EQ(Valetkey({"providers", "update", "pinterest", "--scope",
                      "pins:read", "--display-name", ""})
                .code,
            0);
  EXPECT_THAT(asked.update_mask().paths(),
              ElementsAre("display_name", "scopes"));
  EXPECT_EQ(Valetkey({"providers", "update", "pinterest"}).code, 1);
}

TEST_F(RunTest, CatalogShowsAPageOrTheDefinition) {
  server_.get_catalog_entry = [](const auto& request, auto& response) {
    EXPECT_EQ(request.name(), "catalog/pinterest");
    auto* entry = response.mutable_entry();
    entry->set_name("catalog/pinterest");
    entry->set_redirect_uri("https://valetkey.example/oauth/callback");
    auto* definition = entry->mutable_definition();
    definition->set_id("pinterest");
    definition->add_setup_steps("Sign in");
    definition->mutable_authorization()->add_default_scopes("pins:read");
    auto* scope = definition->add_scopes();
    scope->set_name("pins:read");
    scope->set_description("read pin data");
    return grpc::Status::OK;
  };
  const std::string page = Valetkey({"catalog", "show", "pinterest"}).out;
  EXPECT_THAT(page, HasSubstr("https://valetkey.example/oauth/callback"));
  EXPECT_THAT(page, HasSubstr("  1. Sign in\n"));
  EXPECT_THAT(page, HasSubstr("* pins:read  read pin data"));
  EXPECT_THAT(Valetkey({"catalog", "show", "pinterest", "--definition"}).out,
              HasSubstr("id: \"pinterest\"\n"));
}

TEST_F(RunTest, VersionNeedsNoServer) {
  EXPECT_THAT(Bare({"valetkey", "version"}).out, StartsWith("valetkey 0."));
}

}  // namespace
}  // namespace valetkey::cli
