// A string that must not leak: a token, a client secret, a verifier, a key.
//
// It cannot be printed, logged, compared with == or converted to a string by
// accident; Reveal() is the one way in, and easy to search for. Its memory is
// wiped when it is destroyed or replaced. Not thread-safe to change;
// concurrent reads are safe.

#ifndef VALETKEY_BASE_SECRET_H_
#define VALETKEY_BASE_SECRET_H_

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace valetkey {

class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(absl::string_view value);
  // Takes the value and wipes the source.
  static SecretString Take(std::string&& value);

  SecretString(const SecretString& other);
  SecretString& operator=(const SecretString& other);
  SecretString(SecretString&& other) noexcept;
  SecretString& operator=(SecretString&& other) noexcept;
  ~SecretString();

  // The secret itself, valid while this object lives and is not changed.
  absl::string_view Reveal() const { return {data_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Compares in time that depends on the length alone.
  bool Equals(const SecretString& other) const;

  bool operator==(const SecretString&) const = delete;
  friend std::ostream& operator<<(std::ostream&, const SecretString&) = delete;

 private:
  void Wipe();

  std::unique_ptr<char[]> data_;  // exactly size_ bytes: nothing is left behind
  std::size_t size_ = 0;
};

// Overwrites a buffer in a way that the compiler may not leave out.
void WipeMemory(void* data, std::size_t size);

}  // namespace valetkey

#endif  // VALETKEY_BASE_SECRET_H_
