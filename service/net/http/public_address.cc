#include "service/net/http/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace valetkey {
namespace {

struct Block4 {
  std::uint32_t network;
  int bits;
};

constexpr Block4 kNotPublic4[] = {
    {0x00000000, 8},   // 0.0.0.0/8 this network
    {0x0a000000, 8},   // 10.0.0.0/8 private
    {0x64400000, 10},  // 100.64.0.0/10 shared (carrier NAT)
    {0x7f000000, 8},   // 127.0.0.0/8 loopback
    {0xa9fe0000, 16},  // 169.254.0.0/16 link-local: clouds' metadata
    {0xac100000, 12},  // 172.16.0.0/12 private
    {0xc0000000, 24},  // 192.0.0.0/24 protocol assignments
    {0xc0000200, 24},  // 192.0.2.0/24 documentation
    {0xc0586300, 24},  // 192.88.99.0/24 6to4 relays
    {0xc0a80000, 16},  // 192.168.0.0/16 private
    {0xc6120000, 15},  // 198.18.0.0/15 benchmarking
    {0xc6336400, 24},  // 198.51.100.0/24 documentation
    {0xcb007100, 24},  // 203.0.113.0/24 documentation
    {0xe0000000, 3},   // 224.0.0.0/3 multicast, reserved, broadcast
};

bool IsPublic4(std::uint32_t address) {
  for (const Block4& block : kNotPublic4) {
    if ((address >> (32 - block.bits)) ==
        (block.network >> (32 - block.bits))) {
      return false;
    }
  }
  return true;
}

using Bytes16 = std::array<unsigned char, 16>;

std::uint32_t Embedded4(const Bytes16& bytes, int offset) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | bytes[offset + i];
  return value;
}

bool StartsWith(const Bytes16& bytes, const Bytes16& prefix, int size) {
  return std::memcmp(bytes.data(), prefix.data(), size) == 0;
}

bool IsPublic6(const Bytes16& bytes) {
  constexpr Bytes16 kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr Bytes16 kNat64 = {0x00, 0x64, 0xff, 0x9b};
  if (StartsWith(bytes, kMapped, 12)) return IsPublic4(Embedded4(bytes, 12));
  if (StartsWith(bytes, kNat64, 12)) return IsPublic4(Embedded4(bytes, 12));
  // 6to4 carries its IPv4 address in bytes 2 to 5.
  if (bytes[0] == 0x20 && bytes[1] == 0x02) {
    return IsPublic4(Embedded4(bytes, 2));
  }
  // Only 2000::/3 is assigned for global unicast.
  if ((bytes[0] & 0xe0) != 0x20) return false;
  // 2001::/23 protocol assignments, Teredo and ORCHID among them.
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && (bytes[2] & 0xfe) == 0) {
    return false;
  }
  // 2001:db8::/32 and 3fff::/20 documentation.
  constexpr Bytes16 kDocumentation = {0x20, 0x01, 0x0d, 0xb8};
  if (StartsWith(bytes, kDocumentation, 4)) return false;
  return !(bytes[0] == 0x3f && bytes[1] == 0xff && (bytes[2] & 0xf0) == 0);
}

}  // namespace

bool IsPublicAddress(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    return IsPublic4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof in6);
    Bytes16 bytes;
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return IsPublic6(bytes);
  }
  return false;
}

}  // namespace valetkey
