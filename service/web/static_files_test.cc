#include "service/web/static_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/web/portal_test_support.h"

namespace valetkey::web {

// testdata/portal, embedded as the portal is.
const std::vector<EmbeddedFile>& FixturePortal();

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class StaticFilesTest : public testing::Test {
 protected:
  HttpResponse Get(absl::string_view path,
                   const std::vector<Header>& headers = {}) const {
    return files_.Serve(MakeRequest("GET", path, headers));
  }

  StaticFiles files_{{{"index.html", "<!doctype html>"},
                      {"index.html.br", "brotli page"},
                      {"assets/a-AbCd1234.js", "script"},
                      {"assets/a-AbCd1234.js.gz", "gzip script"},
                      {"assets/a-AbCd1234.js.br", "brotli script"},
                      {"assets/b.css.gz", "of nothing"},
                      {"icon.svg", "<svg/>"}}};
};

TEST_F(StaticFilesTest, FilesAndTheirTypes) {
  EXPECT_TRUE(files_.complete());
  EXPECT_EQ(Get("/").body, "<!doctype html>");
  EXPECT_EQ(HeaderIn(Get("/"), "content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(Get("/assets/a-AbCd1234.js").body, "script");
  EXPECT_EQ(HeaderIn(Get("/assets/a-AbCd1234.js"), "content-type"),
            "text/javascript; charset=utf-8");
  EXPECT_EQ(HeaderIn(Get("/icon.svg"), "content-type"), "image/svg+xml");
  EXPECT_EQ(files_.Serve(MakeRequest("POST", "/")).status, 405);
  EXPECT_FALSE(StaticFiles({}).complete());
}

TEST_F(StaticFilesTest, OtherPathsArePlacesInTheApplication) {
  for (const char* path :
       {"/applications/shop/connections/c-7", "/sign-in", "/portalx", "/a/../b",
        "/%2e%2e/etc/passwd", "", "/catalog/monday.com"}) {
    EXPECT_EQ(Get(path).status, 200) << path;
    EXPECT_EQ(Get(path).body, "<!doctype html>") << path;
    EXPECT_EQ(HeaderIn(Get(path), "cache-control"), "no-cache") << path;
  }
}

TEST_F(StaticFilesTest, WhatIsMissingIsNotAPage) {
  for (const char* path :
       {"/assets/a-00000000.js", "/assets/x", "/favicon.ico", "/robots.txt",
        "/valetkey.v1.TokenService/Nothing", "/portal/other", "/oauth/other",
        "/connect/x", "/healthz/x", "/metrics2", "/.well-known/security.txt",
        "/assets/b.css"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
    EXPECT_EQ(HeaderIn(Get(path), "cache-control"), "no-store") << path;
  }
}

TEST_F(StaticFilesTest, CompressedForWhoAccepts) {
  const HttpResponse answer =
      Get("/assets/a-AbCd1234.js", {{"Accept-Encoding", "gzip, deflate, br"}});
  EXPECT_EQ(answer.body, "brotli script");
  EXPECT_EQ(HeaderIn(answer, "content-encoding"), "br");
  EXPECT_EQ(HeaderIn(answer, "vary"), "Accept-Encoding");
  const HttpResponse gzip =
      Get("/assets/a-AbCd1234.js", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(gzip.body, "gzip script");
  EXPECT_EQ(HeaderIn(gzip, "content-encoding"), "gzip");
  const HttpResponse page = Get("/", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(page.body, "<!doctype html>");
  EXPECT_EQ(HeaderIn(page, "content-encoding"), "");
  EXPECT_EQ(HeaderIn(page, "vary"), "Accept-Encoding");
}

TEST_F(StaticFilesTest, EncodingsByTheirWeights) {
  EXPECT_EQ(ChooseEncoding("gzip, br", true, true), "br");
  EXPECT_EQ(ChooseEncoding("gzip;q=1, br;q=0.5", true, true), "gzip");
  EXPECT_EQ(ChooseEncoding("gzip;q=1, br;q=0.5", false, true), "br");
  EXPECT_EQ(ChooseEncoding("br;q=0, gzip;q=0", true, true), "");
  EXPECT_EQ(ChooseEncoding("*", true, true), "br");
  EXPECT_EQ(ChooseEncoding("*;q=0, GZIP", true, true), "gzip");
  EXPECT_EQ(ChooseEncoding("br;q=nonsense", false, true), "");
  EXPECT_EQ(ChooseEncoding("gzipped, x-br", true, true), "");
  EXPECT_EQ(ChooseEncoding("", true, true), "");
  EXPECT_EQ(ChooseEncoding(";;,,=;q=", true, true), "");
}

TEST_F(StaticFilesTest, HashedFilesAreKeptTheRestIsAskedAbout) {
  const HttpResponse script = Get("/assets/a-AbCd1234.js");
  EXPECT_EQ(HeaderIn(script, "cache-control"),
            "public, max-age=31536000, immutable");
  const std::string etag = HeaderIn(Get("/"), "etag");
  EXPECT_THAT(etag, StartsWith("\""));
  for (const std::string& known :
       {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const HttpResponse same = Get("/", {{"If-None-Match", known}});
    EXPECT_EQ(same.status, 304) << known;
    EXPECT_THAT(same.body, IsEmpty());
    EXPECT_EQ(HeaderIn(same, "etag"), etag);
  }
  EXPECT_EQ(Get("/", {{"If-None-Match", "\"other\""}}).status, 200);
  // Another encoding is another thing.
  EXPECT_EQ(
      Get("/", {{"If-None-Match", etag}, {"Accept-Encoding", "br"}}).status,
      200);
}

TEST_F(StaticFilesTest, HeadersThatAScannerLooksFor) {
  const HttpResponse page = Get("/");
  const std::string policy = HeaderIn(page, "content-security-policy");
  for (const char* part :
       {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
        "base-uri 'none'", "form-action 'self'"}) {
    EXPECT_THAT(policy, HasSubstr(part));
  }
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(HeaderIn(page, "x-content-type-options"), "nosniff");
  EXPECT_EQ(HeaderIn(page, "x-frame-options"), "DENY");
  EXPECT_EQ(HeaderIn(page, "referrer-policy"), "no-referrer");
  EXPECT_EQ(HeaderIn(page, "cross-origin-opener-policy"), "same-origin");
  EXPECT_EQ(HeaderIn(page, "cross-origin-resource-policy"), "same-origin");
  EXPECT_THAT(HeaderIn(page, "permissions-policy"), HasSubstr("camera=()"));
}

TEST(EmbeddedFilesTest, AreTheFilesThemselves) {
  std::vector<absl::string_view> paths;
  for (const EmbeddedFile& file : FixturePortal()) paths.push_back(file.path);
  // Without the source map.
  EXPECT_THAT(paths, ElementsAre("assets/empty-AbCd1234.css",
                                 "assets/index-AbCd1234.js",
                                 "assets/index-AbCd1234.js.gz", "index.html"));
  EXPECT_EQ(FixturePortal()[0].data, "");
  EXPECT_EQ(FixturePortal()[1].data, "console.log(\"fixture\");\n");
  EXPECT_THAT(FixturePortal()[2].data, StartsWith("\x1F\x8B"));
  EXPECT_THAT(FixturePortal()[3].data, StartsWith("<!doctype html>\n"));
  EXPECT_TRUE(StaticFiles(FixturePortal()).complete());
}

}  // namespace
}  // namespace valetkey::web
