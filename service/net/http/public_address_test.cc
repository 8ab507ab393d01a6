#include "service/net/http/public_address.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "gtest/gtest.h"

namespace valetkey {
namespace {

bool IsPublic(const char* text) {
  const boost::asio::ip::tcp::endpoint endpoint(
      boost::asio::ip::make_address(text), 443);
  return IsPublicAddress(endpoint.data());
}

TEST(PublicAddressTest, TellsThePublicFromTheRest) {
  for (const char* text :
       {"8.8.8.8",         "1.1.1.1",          "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",      "172.15.255.255",  "172.32.0.0",
        "192.167.255.255", "192.169.0.0",      "198.17.255.255",  "198.20.0.0",
        "223.255.255.255", "2606:4700::1111",  "2a00:1450::1",    "2001:200::1",
        "::ffff:8.8.8.8",  "64:ff9b::808:808", "2002:808:808::1", "3ffe::1"}) {
    EXPECT_TRUE(IsPublic(text)) << text;
  }
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.168.0.0",
                           "192.168.255.255",
                           "198.18.0.0",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::a00:1",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:10::1",
                           "2001:db8::1",
                           "2002:7f00:1::1",
                           "3fff::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1"}) {
    EXPECT_FALSE(IsPublic(text)) << text;
  }
}

TEST(PublicAddressTest, OtherFamiliesAreNotPublic) {
  sockaddr address = {};
  address.sa_family = AF_UNIX;
  EXPECT_FALSE(IsPublicAddress(&address));
}

}  // namespace
}  // namespace valetkey
