#include "service/net/sql/postgres_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/base/status.h"

namespace valetkey::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PostgresUrl, TakesTheUrlApart) {
  auto url = ParsePostgresUrl(
      "postgres://user:p%40ss@db.example:5433/valetkey?sslmode=verify-full&"
      "sslrootcert=%2Fca.pem");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->hosts.size(), 1u);
  EXPECT_EQ(url->hosts[0].name, "db.example");
  EXPECT_EQ(url->hosts[0].port, "5433");
  EXPECT_EQ(url->password.Reveal(), "p@ss");
  EXPECT_EQ(url->parameters["user"], "user");
  EXPECT_EQ(url->parameters["sslrootcert"], "/ca.pem");
  EXPECT_EQ(url->parameters.count("password"), 0u);
  EXPECT_EQ(url->Endpoint(), "db.example:5433/valetkey");
}

TEST(PostgresUrl, TakesSocketsAndSeveralHosts) {
  auto socket = ParsePostgresUrl("postgresql:///db?host=/run/postgresql");
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(socket->Endpoint(), "/run/postgresql/db");
  auto several = ParsePostgresUrl("postgres://one:1,two:2/db");
  ASSERT_TRUE(several.ok()) << several.status();
  ASSERT_EQ(several->hosts.size(), 2u);
  EXPECT_EQ(several->hosts[1].port, "2");
  EXPECT_EQ(several->Endpoint(), "one:1,two:2/db");
  EXPECT_TRUE(ParsePostgresUrl("postgres://[::1]:5432/db").ok());
  EXPECT_TRUE(ParsePostgresUrl("postgres://").ok());
}

TEST(PostgresUrl, NeverRepeatsWhatMayBeAPassword) {
  for (const char* text : {
           "secret",
           "mysql://u:secret@h/d",
           "postgres://user:se%zzcret@host/db",
           "postgres://user:p@secret@host/db",
           "postgres://user:secret/x@host/db",
           "postgres://user:12/secret@host/db",
           "postgres://user:x@host:secret/db",
           "postgres://user:x@host:1,secret:2/d?b@c",
           "postgres://host/db?unknown=secret",
           "postgres://host/db?service=secret",
           "postgres://host/db?host=/a@secret",
           "host=h password=secret",
       }) {
    auto url = ParsePostgresUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(ReasonOf(url.status()), Reason::kFieldInvalid);
    EXPECT_THAT(std::string(url.status().message()), HasSubstr("database URL"));
    EXPECT_THAT(url.status().ToString(), Not(HasSubstr("secret"))) << text;
  }
}

}  // namespace
}  // namespace valetkey::sql
