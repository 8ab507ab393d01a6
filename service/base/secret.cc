#include "service/base/secret.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "service/base/crypto.h"

namespace valetkey {

void WipeMemory(void* data, std::size_t size) {
  if (size > 0) OPENSSL_cleanse(data, size);
}

SecretString::SecretString(absl::string_view value) : size_(value.size()) {
  if (size_ == 0) return;
  data_ = std::make_unique<char[]>(size_);
  std::memcpy(data_.get(), value.data(), size_);
}

SecretString SecretString::Take(std::string&& value) {
  SecretString secret{absl::string_view(value)};
  WipeMemory(value.data(), value.size());
  value.clear();
  return secret;
}

SecretString::SecretString(const SecretString& other)
    : SecretString(other.Reveal()) {}

SecretString& SecretString::operator=(const SecretString& other) {
  if (this != &other) *this = SecretString(other);
  return *this;
}

SecretString::SecretString(SecretString&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretString::~SecretString() { Wipe(); }

bool SecretString::Equals(const SecretString& other) const {
  return ConstantTimeEquals(Reveal(), other.Reveal());
}

void SecretString::Wipe() { WipeMemory(data_.get(), size_); }

}  // namespace valetkey
