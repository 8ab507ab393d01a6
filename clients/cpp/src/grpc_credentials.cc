#include "valetkey/grpc_credentials.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace valetkey::client {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()),
          std::string(status.message())};
}

using Metadata = std::multimap<grpc::string, grpc::string>;

class SourcePlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit SourcePlugin(TokenSource source) : source_(std::move(source)) {}

  // On a thread of gRPC's, since this may wait.
  bool IsBlocking() const override { return true; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref,
                           const grpc::AuthContext&,
                           Metadata* metadata) override {
    const absl::StatusOr<Token> token = source_.Get();
    if (!token.ok()) return ToGrpc(token.status());
    metadata->emplace("authorization", token->authorization());
    return grpc::Status::OK;
  }

  grpc::string DebugString() override {
    return absl::StrCat("valetkey token source ", source_.name());
  }

 private:
  const TokenSource source_;
};

// One token, that its generation is known.
class TokenPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit TokenPlugin(Token token) : token_(std::move(token)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref,
                           const grpc::AuthContext&,
                           Metadata* metadata) override {
    metadata->emplace("authorization", token_.authorization());
    return grpc::Status::OK;
  }

  grpc::string DebugString() override { return "valetkey token"; }

 private:
  const Token token_;
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> TokenCredentials(TokenSource source) {
  return grpc::MetadataCredentialsFromPlugin(
      std::make_unique<SourcePlugin>(std::move(source)));
}

grpc::Status CallWithToken(
    const TokenSource& source,
    const std::function<grpc::Status(grpc::ClientContext*)>& call,
    const CallOptions& options) {
  const auto with = [&](const Token& token) {
    grpc::ClientContext context;
    context.set_credentials(grpc::MetadataCredentialsFromPlugin(
        std::make_unique<TokenPlugin>(token)));
    return call(&context);
  };
  const absl::StatusOr<Token> token = source.Get(options);
  if (!token.ok()) return ToGrpc(token.status());
  const grpc::Status status = with(*token);
  if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED) return status;
  source.Invalidate(token->generation());
  const absl::StatusOr<Token> next = source.Get(options);
  if (!next.ok() || next->generation() == token->generation()) return status;
  return with(*next);
}

}  // namespace valetkey::client
