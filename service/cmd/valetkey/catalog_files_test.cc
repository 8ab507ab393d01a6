// `valetkey catalog lint`, `dry-run` and `pages`.

#include <filesystem>

#include "service/cmd/valetkey/run_fixture.h"

namespace valetkey::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAcme[] = R"(id: "acme"
display_name: "Acme"
category: CATEGORY_OTHER
authorization { url: "https://{input.tenant}.acme.example/authorize" }
inputs { name: "tenant" display_name: "Tenant" source: INPUT_SOURCE_OPERATOR
  pattern: "[a-z]+" }
allowed_hosts: "*.acme.example"
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_BASIC }
token { url: "https://acme.example/token" }
)";

class CatalogFilesTest : public RunTest {
 protected:
  Ended Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"valetkey", "catalog"});
    return Bare(arguments);
  }
};

TEST_F(CatalogFilesTest, LintNamesFileLineAndField) {
  const std::string good = WriteFile("acme.textproto", kAcme);
  const Ended clean = Run({"lint", good});
  EXPECT_EQ(clean.code, 0) << clean.err;
  EXPECT_THAT(clean.out,
              AllOf(HasSubstr("warning: " + good + ":1: revocation: "),
                    HasSubstr("1 definitions, 0 with errors, 7 warnings")));
  EXPECT_NE(Run({"lint", "--strict", good}).code, 0);

  std::string bad = kAcme;
  bad.replace(bad.find("https://acme"), 8, "http://");
  const std::string path = WriteFile("acme.textproto", bad);
  const Ended broken = Run({"lint", path});
  EXPECT_NE(broken.code, 0);
  EXPECT_THAT(broken.out,
              HasSubstr("error: " + path + ":9: token.url: expected https"));
  const std::string other = WriteFile("other.textproto", kAcme);
  EXPECT_THAT(Run({"lint", other}).out,
              HasSubstr(":1: id: expected \"other\""));
  EXPECT_THAT(Run({"lint", "/none.textproto"}).out,
              HasSubstr("/none.textproto: cannot be read"));
}

TEST_F(CatalogFilesTest, LintChecksTheBuiltInOnesWithoutFiles) {
  const Ended all = Run({"lint"});
  EXPECT_EQ(all.code, 0) << all.out;
  EXPECT_THAT(all.out, HasSubstr(" 0 with errors"));
}

TEST_F(CatalogFilesTest, DryRunPrintsRequestsWithoutSecrets) {
  const std::string file = WriteFile("acme.textproto", kAcme);
  const Ended missing = Run({"dry-run", file});
  EXPECT_NE(missing.code, 0);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("inputs.tenant"),
                                 HasSubstr("--input NAME=VALUE")));
  const Ended made = Run({"dry-run", file, "--input", "tenant=shop"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(
      made.out,
      AllOf(HasSubstr("# authorize\nGET https://shop.acme.example/authorize?"),
            HasSubstr("# exchange\nPOST https://acme.example/token\n"),
            HasSubstr("Basic base64(CLIENT_ID:CLIENT_SECRET)"),
            HasSubstr("# revoke: none")));
  const Ended json = Bare({"valetkey", "--json", "catalog", "dry-run",
                           "pinterest", "--environment", "sandbox"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_THAT(json.out, HasSubstr("https://api-sandbox.pinterest.com/v5/"));
}

TEST_F(CatalogFilesTest, PagesAreWrittenAndChecked) {
  const std::string folder = ::testing::TempDir() + "pages";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  EXPECT_NE(Run({"pages", "--check", folder}).code, 0);
  const Ended written = Run({"pages", folder});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_THAT(written.out, HasSubstr("written: pinterest.md"));
  EXPECT_EQ(Run({"pages", "--check", folder}).code, 0);
  std::ofstream(folder + "/pinterest.md") << "old";
  std::filesystem::copy(folder + "/google.md", folder + "/gone.md");
  std::ofstream(folder + "/mine.md") << "not ours";
  EXPECT_EQ(Run({"pages", "--check", folder}).out,
            "not fresh: gone.md\nnot fresh: pinterest.md\n");
  EXPECT_EQ(Run({"pages", folder}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder + "/gone.md"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/mine.md"));
}

TEST_F(CatalogFilesTest, DryRunNamesWhatIsNotThere) {
  EXPECT_THAT(Run({"dry-run", "nobody"}).err, HasSubstr("built-in definition"));
  EXPECT_THAT(Run({"dry-run", "pinterest", "--environment", "x"}).err,
              HasSubstr("one of sandbox"));
  EXPECT_THAT(Run({"dry-run", "google", "--environment", "x"}).err,
              HasSubstr("production only"));
  EXPECT_THAT(Run({"dry-run", "google", "--input", "a=b"}).err,
              HasSubstr("inputs.a"));
  EXPECT_THAT(Run({"dry-run", "google", "--input", "a"}).err,
              Not(HasSubstr("inputs.a")));
}

}  // namespace
}  // namespace valetkey::cli
