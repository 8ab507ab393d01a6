// A connection's token that is always there: read from memory, kept fresh in
// the background.
//
//   absl::StatusOr<TokenSource> source = client.NewTokenSource("c-7");
//   absl::StatusOr<Token> token = source->Get();
//   ... token->authorization() ...
//   source->Invalidate(token->generation());  // the provider answered 401

#ifndef VALETKEY_TOKEN_SOURCE_H_
#define VALETKEY_TOKEN_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "valetkey/call_options.h"
#include "valetkey/token.h"

namespace valetkey::client {

namespace internal {
class Source;
}  // namespace internal

struct TokenSourceOptions {
  // Which of the connection's tokens, where a provider gives several in one
  // grant. Empty: the main one.
  std::string token;
  // Get fails with SCOPE_NOT_GRANTED unless all of these were granted.
  std::vector<std::string> required_scopes;
};

// A handle: copies are the same source, which closes when the last of them
// goes. Thread-safe.
class TokenSource {
 public:
  // Made by Client::NewTokenSource.
  explicit TokenSource(std::shared_ptr<internal::Source> source);

  // The held token, if it lives 2 s longer and was not refused: a read of
  // memory without a lock. Otherwise waits for the one fetch that all readers
  // share, at most for the timeout.
  //
  // Errors: those of GetToken; UNAVAILABLE with a retry delay while ValetKey is
  // away and no valid token is left; CANCELLED once this or the client is
  // closed.
  absl::StatusOr<Token> Get() const;
  absl::StatusOr<Token> Get(const CallOptions& options) const;
  void Get(const CallOptions& options, Callback<Token> done) const;

  // The held token if Get would return at once, and otherwise nothing; begins
  // nothing.
  std::optional<Token> TryGet() const;

  // Says that the provider refused the token of this generation: it is not
  // given out any more, and the next fetch brings another. Does nothing if
  // another one is held.
  void Invalidate(std::int64_t generation) const;

  // Ends what goes on in the background. Readers that wait, and later ones,
  // fail with CANCELLED. May be called more than once.
  void Close() const;

  // "applications/{a}/connections/{c}".
  const std::string& name() const;

 private:
  struct Handle;
  std::shared_ptr<const Handle> handle_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_TOKEN_SOURCE_H_
