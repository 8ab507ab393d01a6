#include "valetkey/token_source.h"

#include "src/blocking.h"
#include "src/source.h"

namespace valetkey::client {

// Closes the source with the last copy of the handle.
struct TokenSource::Handle {
  explicit Handle(std::shared_ptr<internal::Source> closed_at_end)
      : source(std::move(closed_at_end)) {}
  ~Handle() { source->Close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<internal::Source> source;
};

TokenSource::TokenSource(std::shared_ptr<internal::Source> source)
    : handle_(std::make_shared<Handle>(std::move(source))) {}

absl::StatusOr<Token> TokenSource::Get() const {
  if (auto token = handle_->source->Peek()) return Token(std::move(token));
  return Get(CallOptions());
}

absl::StatusOr<Token> TokenSource::Get(const CallOptions& options) const {
  if (auto token = handle_->source->Peek()) return Token(std::move(token));
  return internal::Blocking<Token>([&](Callback<Token> done) {
    handle_->source->Get(options, std::move(done));
  });
}

void TokenSource::Get(const CallOptions& options, Callback<Token> done) const {
  handle_->source->Get(options, std::move(done));
}

std::optional<Token> TokenSource::TryGet() const {
  auto token = handle_->source->Peek();
  if (token == nullptr) return std::nullopt;
  return Token(std::move(token));
}

void TokenSource::Invalidate(std::int64_t generation) const {
  handle_->source->Invalidate(generation);
}

void TokenSource::Close() const { handle_->source->Close(); }

const std::string& TokenSource::name() const { return handle_->source->name(); }

}  // namespace valetkey::client
