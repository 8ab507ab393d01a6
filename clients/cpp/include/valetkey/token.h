// An access token as an application uses it.

#ifndef VALETKEY_TOKEN_H_
#define VALETKEY_TOKEN_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace valetkey::client {

namespace internal {

struct TokenData {
  std::string access_token;
  std::string token_type;
  std::string authorization;
  absl::Time expire_time = absl::InfiniteFuture();
  absl::Time refresh_time = absl::InfiniteFuture();
  std::vector<std::string> scopes;
  std::int64_t generation = 0;
};

}  // namespace internal

// An immutable value; a copy costs a reference count. What is printed of it
// holds no secret. Thread-safe.
class Token {
 public:
  explicit Token(std::shared_ptr<const internal::TokenData> data)
      : data_(std::move(data)) {}

  // The secret. Do not log it.
  const std::string& access_token() const { return data_->access_token; }
  // As the provider named it, usually "bearer".
  const std::string& token_type() const { return data_->token_type; }
  // The value of an Authorization header: "Bearer <access token>". A secret.
  const std::string& authorization() const { return data_->authorization; }
  // absl::InfiniteFuture() if it does not expire, as far as anyone knows.
  absl::Time expire_time() const { return data_->expire_time; }
  // When ValetKey means to renew it; absl::InfiniteFuture() if never.
  absl::Time refresh_time() const { return data_->refresh_time; }
  // The scopes granted.
  const std::vector<std::string>& scopes() const { return data_->scopes; }
  // One more at every change of the connection's tokens.
  std::int64_t generation() const { return data_->generation; }

 private:
  std::shared_ptr<const internal::TokenData> data_;
};

// "token of generation 3, expires 2026-11-25T18:00:00+00:00".
std::ostream& operator<<(std::ostream& out, const Token& token);

}  // namespace valetkey::client

#endif  // VALETKEY_TOKEN_H_
