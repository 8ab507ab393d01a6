// The client certificate of a gRPC call's connection, which TLS has verified.

#ifndef VALETKEY_RPC_PEER_CERTIFICATE_H_
#define VALETKEY_RPC_PEER_CERTIFICATE_H_

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace valetkey::rpc {

class PeerCertificate {
 public:
  // Looks only where it is `wanted`: looking costs.
  PeerCertificate(const grpc::CallbackServerContext& context, bool wanted) {
    if (!wanted) return;
    context_ = context.auth_context();
    if (context_ == nullptr) return;
    const std::vector<grpc::string_ref> found =
        context_->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (found.size() == 1) {
      pem_ = absl::string_view(found[0].data(), found[0].size());
    }
  }

  // In PEM; "" if there is none. Valid as long as this object.
  absl::string_view pem() const { return pem_; }

 private:
  std::shared_ptr<const grpc::AuthContext> context_;
  absl::string_view pem_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_PEER_CERTIFICATE_H_
