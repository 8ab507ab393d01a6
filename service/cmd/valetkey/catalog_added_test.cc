#include "service/cmd/valetkey/run_fixture.h"

namespace valetkey::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kText[] = "# By hand.\nid: \"own\"\n";

TEST_F(RunTest, CatalogAddSendsTheFileAsItIs) {
  server_.create_catalog_entry = [](const auto& request, auto& response) {
    EXPECT_THAT(request.text(), HasSubstr("# By hand.\nid: \"own\""));
    auto* entry = response.mutable_entry();
    entry->set_name("catalog/own");
    entry->set_redirect_uri("https://tokens.example/oauth/callback");
    entry->set_etag("r1");
    return grpc::Status::OK;
  };
  const std::string file = WriteFile("own.textproto", kText);
  for (const Ended& ended : {Valetkey({"catalog", "add", file}),
                             Valetkey({"catalog", "add", "-"}, kText)}) {
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_THAT(ended.out, HasSubstr("catalog/own"));
    EXPECT_THAT(ended.out, HasSubstr("https://tokens.example/oauth/callback"));
  }
  const Ended none = Valetkey({"catalog", "add", "/nonexistent"});
  EXPECT_NE(none.code, 0);
  EXPECT_THAT(none.err, HasSubstr("FILE"));
}

TEST_F(RunTest, CatalogUpdateNamesTheEntryThatTheFileIsOf) {
  server_.update_catalog_entry = [](const auto& request, auto&) {
    EXPECT_EQ(request.name(), "catalog/own");
    EXPECT_EQ(request.etag(), "r1");
    EXPECT_THAT(request.text(), HasSubstr("# By hand."));
    return grpc::Status::OK;
  };
  const std::string file = WriteFile("anything", kText);
  const Ended ended = Valetkey({"catalog", "update", file, "--etag", "r1"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  for (const char* const wrong : {"nonsense {", "display_name: \"x\""}) {
    const Ended refused = Valetkey({"catalog", "update", "-"}, wrong);
    EXPECT_NE(refused.code, 0);
    EXPECT_THAT(refused.err, HasSubstr("FILE"));
  }
}

TEST_F(RunTest, CatalogDeleteAndItsRefusal) {
  server_.delete_catalog_entry = [](const auto& request, auto&) {
    EXPECT_EQ(request.name(), "catalog/own");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Valetkey({"catalog", "delete", "own", "-y"}).out,
            "deleted catalog/own\n");
  server_.delete_catalog_entry = [](const auto&, auto&) {
    return ReasonedError(grpc::StatusCode::FAILED_PRECONDITION,
                         "RESOURCE_IN_USE",
                         "a provider still uses the catalog entry", {}, 0);
  };
  const Ended refused = Valetkey({"catalog", "delete", "own", "-y"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("a provider still uses"));
}

TEST_F(RunTest, CatalogShowsWhatWasAddedAsItWas) {
  server_.get_catalog_entry = [](const auto&, auto& response) {
    auto* entry = response.mutable_entry();
    entry->set_name("catalog/own");
    entry->set_source(v1::CATALOG_SOURCE_ADDED);
    entry->set_text(kText);
    entry->set_etag("r1");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Valetkey({"catalog", "show", "own", "--definition"}).out, kText);
  const std::string page = Valetkey({"catalog", "show", "own"}).out;
  EXPECT_THAT(page, HasSubstr("ADDED"));
  EXPECT_THAT(page, HasSubstr("r1"));
}

}  // namespace
}  // namespace valetkey::cli
