#include "service/base/name.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

TEST(NameTest, Ids) {
  for (const std::string& id :
       {std::string("a"), std::string("shop"), std::string("c-7"),
        std::string("a--b"), std::string("a1"), std::string(63, 'a')}) {
    EXPECT_TRUE(IsValidId(id)) << id;
  }
  for (const std::string& id :
       {std::string(), std::string("1a"), std::string("-a"), std::string("a-"),
        std::string("A"), std::string("a_b"), std::string("a.b"),
        std::string("a/b"), std::string("a b"), std::string("\xc3\xa4"),
        std::string("a\0", 2), std::string(64, 'a')}) {
    EXPECT_FALSE(IsValidId(id)) << id;
  }
}

TEST(NameTest, MakesAndTakesApart) {
  EXPECT_EQ(ApplicationName("shop"), "applications/shop");
  EXPECT_EQ(ChildName("applications/shop", "connections", "c-7"),
            "applications/shop/connections/c-7");
  EXPECT_EQ(ApplicationOf("applications/shop/connections/c-7"),
            "applications/shop");
  EXPECT_EQ(ApplicationOf("applications/shop"), "applications/shop");
  for (const char* name : {"", "applications", "applications/", "shop",
                           "applications//connections/c", "catalog/x",
                           "applications/Shop/connections/c"}) {
    EXPECT_EQ(ApplicationOf(name), "") << name;
  }
  EXPECT_EQ(IdOf("applications/shop/connections/c-7"), "c-7");
  EXPECT_EQ(IdOf("c-7"), "c-7");
  EXPECT_EQ(IdOf("a/"), "");
}

TEST(NameTest, Checks) {
  EXPECT_TRUE(CheckApplicationName("f", "applications/shop").ok());
  EXPECT_TRUE(CheckChildName("f", "keys", "applications/shop/keys/k").ok());
  EXPECT_TRUE(CheckCatalogName("f", "catalog/pinterest").ok());
  for (const char* name :
       {"", "applications/", "applications/shop/", "applications/shop/keys",
        "applications/shop/keys/", "applications/shop/keys/k/",
        "applications/shop/keys/k/x", "applications/shop/connections/c",
        "applications//keys/k", "/applications/shop/keys/k", "catalog/",
        "catalog/x/y", "applications/shop/keysk", "applications/s/keys/%2e"}) {
    EXPECT_FALSE(CheckApplicationName("f", name).ok()) << name;
    EXPECT_FALSE(CheckChildName("f", "keys", name).ok()) << name;
    EXPECT_FALSE(CheckCatalogName("f", name).ok()) << name;
  }
  EXPECT_EQ(CheckChildName("parent", "connections", "x").message(),
            "parent: expected applications/{a}/connections/{c}");
  EXPECT_EQ(ReasonOf(CheckCatalogName("f", "x")), Reason::kFieldInvalid);
}

}  // namespace
}  // namespace valetkey
