#include "service/net/http/http_stream.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

using boost::system::error_code;
using SslContext = asio::ssl::context;

class PlainStream final : public HttpStream {
 public:
  explicit PlainStream(HttpSocket socket) : socket_(std::move(socket)) {}

  void AsyncHandshake(Done done) override {
    asio::post(socket_.get_executor(),
               [done = std::move(done)] { done(error_code(), 0); });
  }
  void AsyncReadSome(asio::mutable_buffer buffer, Done done) override {
    socket_.async_read_some(buffer, std::move(done));
  }
  void AsyncWriteSome(asio::const_buffer buffer, Done done) override {
    socket_.async_write_some(buffer, std::move(done));
  }
  void ShutdownSend() override {
    error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  bool tls() const override { return false; }
  std::string ClientSubject() const override { return ""; }
  std::shared_ptr<const std::string> ClientCertificate() override {
    return nullptr;
  }

 private:
  HttpSocket socket_;
};

class TlsStream final : public HttpStream {
 public:
  TlsStream(HttpSocket socket, std::shared_ptr<SslContext> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  void AsyncHandshake(Done done) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [done = std::move(done)](error_code error) { done(error, 0); });
  }
  void AsyncReadSome(asio::mutable_buffer buffer, Done done) override {
    stream_.async_read_some(buffer, std::move(done));
  }
  void AsyncWriteSome(asio::const_buffer buffer, Done done) override {
    stream_.async_write_some(buffer, std::move(done));
  }
  // A close_notify would need a read of its own beside the outstanding one;
  // the end of every message is told by its framing.
  void ShutdownSend() override {
    error_code ignored;
    stream_.next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }
  bool tls() const override { return true; }

  std::string ClientSubject() const override {
    SSL* const ssl = const_cast<TlsStream*>(this)->stream_.native_handle();
    if (SSL_get_verify_result(ssl) != X509_V_OK) return "";
    X509* const certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == nullptr) return "";
    BIO* const text = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                       XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text, &data);
    std::string subject(data, static_cast<std::size_t>(size));
    BIO_free(text);
    X509_free(certificate);
    return subject;
  }
  std::shared_ptr<const std::string> ClientCertificate() override {
    SSL* const ssl = stream_.native_handle();
    if (certificate_ != nullptr || SSL_get_verify_result(ssl) != X509_V_OK) {
      return certificate_;
    }
    X509* const certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == nullptr) return nullptr;
    BIO* const text = BIO_new(BIO_s_mem());
    if (PEM_write_bio_X509(text, certificate) == 1) {
      char* data = nullptr;
      const long size = BIO_get_mem_data(text, &data);
      certificate_ = std::make_shared<const std::string>(
          data, static_cast<std::size_t>(size));
    }
    BIO_free(text);
    X509_free(certificate);
    return certificate_;
  }

 private:
  const std::shared_ptr<SslContext> context_;
  asio::ssl::stream<HttpSocket> stream_;
  // Written out once a connection: TLS is never renegotiated here.
  std::shared_ptr<const std::string> certificate_;
};

int SelectHttp1(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned int in_size, void*) {
  static constexpr unsigned char kHttp1[] = "\x08http/1.1";
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kHttp1, sizeof(kHttp1) - 1, in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

asio::const_buffer BufferOf(absl::string_view text) {
  return {text.data(), text.size()};
}

error_code UseClientAuthority(SslContext& context,
                              const TlsMaterial& material) {
  error_code error;
  context.add_certificate_authority(BufferOf(material.client_ca_pem), error);
  if (error) return error;
  asio::ssl::verify_mode mode = asio::ssl::verify_peer;
  if (material.client_certificates == ClientCertificates::kRequired) {
    mode |= asio::ssl::verify_fail_if_no_peer_cert;
  }
  context.set_verify_mode(mode, error);
  // Without a context OpenSSL refuses to resume sessions of verified clients.
  static constexpr unsigned char kId[] = "valetkey";
  SSL_CTX_set_session_id_context(context.native_handle(), kId, sizeof(kId) - 1);
  return error;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SslContext>> NewServerTlsContext(
    const TlsMaterial& material) {
  auto context = std::make_shared<SslContext>(SslContext::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(context->native_handle(), &SelectHttp1, nullptr);
  error_code error;
  context->use_certificate_chain(BufferOf(material.certificate_pem), error);
  if (!error) {
    context->use_private_key(BufferOf(material.key_pem.Reveal()),
                             SslContext::pem, error);
  }
  if (!error && material.client_certificates != ClientCertificates::kIgnored) {
    error = UseClientAuthority(*context, material);
  }
  if (error) {
    return MakeError(
        Reason::kFieldInvalid,
        absl::StrCat("tls: OpenSSL refuses the certificate: ", error.message()),
        {{"field", "tls_certificate"}});
  }
  return context;
}

std::unique_ptr<HttpStream> NewHttpStream(HttpSocket socket,
                                          std::shared_ptr<SslContext> tls) {
  if (tls == nullptr) return std::make_unique<PlainStream>(std::move(socket));
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls));
}

}  // namespace valetkey
