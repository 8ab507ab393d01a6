#include "service/base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>

namespace valetkey {
namespace {

constexpr char kBase64Url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The value of a base64url digit, or -1.
int Base64UrlValue(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

const unsigned char* Bytes(absl::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

}  // namespace

std::array<unsigned char, 32> Sha256Digest(absl::string_view data) {
  std::array<unsigned char, 32> digest;
  SHA256(Bytes(data), data.size(), digest.data());
  return digest;
}

std::string Sha256(absl::string_view data) {
  const auto digest = Sha256Digest(data);
  return std::string(reinterpret_cast<const char*>(digest.data()),
                     digest.size());
}

std::string HmacSha256(absl::string_view key, absl::string_view data) {
  std::string mac(32, '\0');
  unsigned int size = 0;
  // A null key would mean "the key of the last call" to OpenSSL.
  const char* const key_data = key.empty() ? "" : key.data();
  HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), Bytes(data),
       data.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

std::string Base64UrlEncode(absl::string_view data) {
  std::string text;
  text.reserve((data.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : data) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text.push_back(kBase64Url[(bits >> count) & 63]);
    }
  }
  if (count > 0) text.push_back(kBase64Url[(bits << (6 - count)) & 63]);
  return text;
}

bool Base64UrlDecode(absl::string_view text, std::string* data) {
  data->clear();
  if (text.size() % 4 == 1) return false;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = Base64UrlValue(c);
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> count) & 255));
    }
  }
  // Bits left over must be zero, or two texts would mean the same bytes.
  if ((bits & ((1u << count) - 1)) != 0) return false;
  data->swap(out);
  return true;
}

std::string HexEncode(absl::string_view data) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(data.size() * 2);
  for (const char c : data) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  return a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace valetkey
