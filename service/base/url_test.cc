#include "service/base/url.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(UrlTest, Parses) {
  const struct {
    const char* text;
    const char* scheme;
    const char* host;
    int port;
    const char* path;
    const char* query;
    const char* fragment;
    const char* origin;
  } kCases[] = {
      {"https://api.pinterest.com/v5/oauth/token", "https", "api.pinterest.com",
       0, "/v5/oauth/token", "", "", "https://api.pinterest.com"},
      {"HTTPS://API.Example.COM", "https", "api.example.com", 0, "", "", "",
       "https://api.example.com"},
      {"http://a?b=c#d", "http", "a", 0, "", "b=c", "d", "http://a"},
      {"http://a#d?e", "http", "a", 0, "", "", "d?e", "http://a"},
      {"https://a:443/", "https", "a", 0, "/", "", "", "https://a"},
      {"http://a:443/", "http", "a", 443, "/", "", "", "http://a:443"},
      {"http://a:80", "http", "a", 0, "", "", "", "http://a"},
      {"http://a:/x", "http", "a", 0, "/x", "", "", "http://a"},
      {"http://[::1]:8080/x?y?z", "http", "::1", 8080, "/x", "y?z", "",
       "http://[::1]:8080"},
      {"http://127.0.0.1:65535//x/../y", "http", "127.0.0.1", 65535, "//x/../y",
       "", "", "http://127.0.0.1:65535"},
      {"https://a.b.:8443/%7E%zz", "https", "a.b.", 8443, "/%7E%zz", "", "",
       "https://a.b.:8443"},
      {"https://3com.com/@x", "https", "3com.com", 0, "/@x", "", "",
       "https://3com.com"},
      {"https://xn--bcher-kva.example", "https", "xn--bcher-kva.example", 0, "",
       "", "", "https://xn--bcher-kva.example"},
  };
  for (const auto& c : kCases) {
    const auto url = ParseUrl(c.text);
    ASSERT_TRUE(url.ok()) << c.text << url.status();
    EXPECT_EQ(url->scheme, c.scheme) << c.text;
    EXPECT_EQ(url->host, c.host) << c.text;
    EXPECT_EQ(url->port, c.port) << c.text;
    EXPECT_EQ(url->path, c.path) << c.text;
    EXPECT_EQ(url->query, c.query) << c.text;
    EXPECT_EQ(url->fragment, c.fragment) << c.text;
    EXPECT_EQ(url->Origin(), c.origin) << c.text;
  }
}

TEST(UrlTest, Refuses) {
  // Among them the other schemes of RFC 3986, section 1.1.2.
  for (const char* text : {"",
                           "x",
                           "/x",
                           "//a/x",
                           "https:",
                           "https:/a",
                           "https://",
                           "https:///x",
                           "https://?a",
                           "https://#a",
                           "https://:80",
                           "ftp://a/rfc/rfc1808.txt",
                           "ldap://[2001:db8::7]/c=GB?objectClass?one",
                           "mailto:a@example.com",
                           "news:comp.infosystems",
                           "tel:+1-816-555-1212",
                           "javascript:alert(1)",
                           "https://u@a",
                           "https://u:p@a",
                           "https://@a",
                           "https://a@b@c",
                           "https://a:0",
                           "https://a:65536",
                           "https://a:99999999999",
                           "https://a:-1",
                           "https://a:+1",
                           "https://a:1a",
                           "https://a:80:80",
                           "https://a b",
                           "https://a/b c",
                           "https://a/\n",
                           " https://a",
                           "https://a ",
                           "https://a\\b",
                           "https://a/\xc3\xa4",
                           "https://\xc3\xa4",
                           "https://a%20b",
                           "https://a,b",
                           "https://.a",
                           "https://a..b",
                           "https://[::1",
                           "https://[]",
                           "https://[::g]",
                           "https://[::1]x",
                           "https://[127.0.0.1]",
                           "https://::1",
                           "https://127.1",
                           "https://2130706433",
                           "https://0x7f.1",
                           "https://0x7f000001",
                           "https://127.0.0.256",
                           "https://1.2.3.4.5",
                           "https://a\t",
                           "https://[fe80::1%25eth0]/"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
  EXPECT_FALSE(ParseUrl(absl::string_view("https://a/\0", 11)).ok());
  EXPECT_FALSE(ParseUrl("https://" + std::string(256, 'a')).ok());
}

TEST(UrlTest, Loopback) {
  for (const char* text :
       {"http://localhost", "http://LOCALHOST:1", "http://127.0.0.1",
        "http://127.255.0.9", "http://[::1]", "http://[0:0:0:0:0:0:0:1]"}) {
    EXPECT_TRUE(ParseUrl(text)->IsLoopback()) << text;
  }
  for (const char* text :
       {"http://localhost.example.com", "http://127.0.0.1.nip.io",
        "http://128.0.0.1", "http://[::2]", "http://[::]", "http://0.0.0.0",
        "http://xlocalhost", "http://[::ffff:128.0.0.1]"}) {
    EXPECT_FALSE(ParseUrl(text)->IsLoopback()) << text;
  }
}

TEST(UrlTest, Encodes) {
  // RFC 3986 sections 2.1 to 2.3; RFC 6749 appendix B.
  EXPECT_EQ(PercentEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(PercentEncode(":/?#[]@!$&'()*+,;= %"),
            "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%20%25");
  EXPECT_EQ(PercentEncode(absl::string_view("\0\xff", 2)), "%00%FF");
  EXPECT_EQ(FormEncode(" %&+\xc2\xa3\xe2\x82\xac"),
            "+%25%26%2B%C2%A3%E2%82%AC");
  EXPECT_EQ(EncodeQuery({}), "");
  EXPECT_EQ(EncodeQuery({{"a", "1"}, {"b", "x y"}, {"", ""}, {"a", "&="}}),
            "a=1&b=x+y&=&a=%26%3D");
}

TEST(UrlTest, ParsesQueries) {
  EXPECT_THAT(ParseQuery(""), IsEmpty());
  EXPECT_THAT(ParseQuery("&&"), IsEmpty());
  EXPECT_THAT(ParseQuery("a=1&b=x+y&&c&=d&e=f=g"),
              ElementsAre(Pair("a", "1"), Pair("b", "x y"), Pair("c", ""),
                          Pair("", "d"), Pair("e", "f=g")));
  EXPECT_THAT(
      ParseQuery("a=%41%2b%zz%4&%61=%00%"),
      ElementsAre(Pair("a", "A+%zz%4"), Pair("a", std::string("\0%", 2))));
  EXPECT_EQ(ParseQuery("a&b&c&d", 3).size(), 3u);
  EXPECT_EQ(ParseQuery(std::string(100000, '&') + "a").size(), 1u);
  const QueryParameters parameters = ParseQuery("a=1&b=2&a=3");
  EXPECT_EQ(*FindParameter(parameters, "a"), "1");
  EXPECT_EQ(FindParameter(parameters, "c"), nullptr);
}

TEST(UrlTest, RandomQueriesRoundTrip) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto text = [&] {
    std::string out(random() % 12, '\0');
    for (char& c : out) {
      c = random() % 2 ? static_cast<char>(random()) : "&=+%# ?/"[random() % 8];
    }
    return out;
  };
  for (int i = 0; i < 2000; ++i) {
    QueryParameters parameters(random() % 6);
    for (auto& [name, value] : parameters) {
      name = text();
      value = text();
    }
    const std::string query = EncodeQuery(parameters);
    ASSERT_EQ(ParseQuery(query), parameters) << query;
    const auto url = ParseUrl(AppendQuery("https://a/b#c", parameters));
    ASSERT_TRUE(url.ok());
    ASSERT_EQ(url->query, query);
    ASSERT_EQ(url->fragment, "c");
    // Garbage is read without harm, too.
    ASSERT_LE(ParseQuery(text() + text() + text()).size(), 36u);
    const auto garbage = ParseUrl("https://" + text());
    if (garbage.ok()) ASSERT_FALSE(garbage->host.empty());
  }
}

TEST(UrlTest, AppendsQueries) {
  const QueryParameters ab = {{"a", "1"}, {"b", "2"}};
  const struct {
    const char* url;
    bool after_fragment;
    const char* expected;
  } kCases[] = {
      {"https://x/y", false, "https://x/y?a=1&b=2"},
      {"https://x", false, "https://x?a=1&b=2"},
      {"https://x/y?", false, "https://x/y?a=1&b=2"},
      {"https://x/y?z=0", false, "https://x/y?z=0&a=1&b=2"},
      {"https://x/y?z=0&", false, "https://x/y?z=0&a=1&b=2"},
      {"https://x/y#f", false, "https://x/y?a=1&b=2#f"},
      {"https://x/y?z=0#f?g", false, "https://x/y?z=0&a=1&b=2#f?g"},
      {"https://x/y#/oauth", true, "https://x/y#/oauth?a=1&b=2"},
      {"https://x/y?q=1#/oauth", true, "https://x/y?q=1#/oauth?a=1&b=2"},
      {"https://x/y#/oauth?z=0", true, "https://x/y#/oauth?z=0&a=1&b=2"},
      {"https://x/y", true, "https://x/y?a=1&b=2"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(AppendQuery(c.url, ab, c.after_fragment), c.expected);
    EXPECT_EQ(AppendQuery(c.url, {}, c.after_fragment), c.url);
  }
}

}  // namespace
}  // namespace valetkey
