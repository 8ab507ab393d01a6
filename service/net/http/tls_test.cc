#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"
#include "service/net/http/http_server.h"
#include "service/net/http/test_certificates.h"
#include "service/net/http/tls_files.h"

namespace valetkey {
namespace {

using boost::system::error_code;

class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() {
    const TestCertificate good = authority_.Issue("server", "DNS:localhost");
    files_.certificate_file = folder_.Write("cert.pem", good.certificate_pem);
    files_.key_file = folder_.Write("key.pem", good.key_pem);
  }
  // The error of loading, which names `file` and the field.
  void ExpectError(const TlsFiles& files, absl::string_view field,
                   absl::string_view file, absl::string_view why) {
    const auto loaded = LoadTlsFiles(files);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(ReasonOf(loaded.status()), Reason::kFieldInvalid);
    for (absl::string_view part : {field, file, why}) {
      EXPECT_TRUE(absl::StrContains(loaded.status().message(), part))
          << loaded.status();
    }
  }

  TestFolder folder_;
  TestAuthority authority_;
  TlsFiles files_;
};

TEST_F(TlsFilesTest, Loads) {
  const auto loaded = LoadTlsFiles(files_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_GT(loaded->expire_time, absl::Now() + absl::Minutes(50));
  EXPECT_LT(loaded->expire_time, absl::Now() + absl::Minutes(70));
  EXPECT_TRUE(absl::StrContains(loaded->key_pem.Reveal(), "PRIVATE KEY"));
}

TEST_F(TlsFilesTest, SaysWhatIsWrong) {
  TlsFiles files = files_;
  files.certificate_file = folder_.Path("missing.pem");
  ExpectError(files, "tls_certificate", "missing.pem", "No such file");
  files.certificate_file = folder_.Path(".");
  ExpectError(files, "tls_certificate", folder_.Path("."), "directory");
  files.certificate_file = folder_.Write("text.pem", "no certificate");
  ExpectError(files, "tls_certificate", "text.pem", "not a PEM file");
  files.certificate_file =
      folder_.Write("chain.pem", authority_.Issue("a", "").certificate_pem +
                                     "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                     "-----END CERTIFICATE-----\n");
  ExpectError(files, "tls_certificate", "chain.pem", "not a PEM file");
  files.certificate_file = folder_.Write(
      "old.pem", authority_.Issue("a", "", -absl::Hours(1)).certificate_pem);
  ExpectError(files, "tls_certificate", "old.pem", "expired at");

  files = files_;
  files.key_file = "";
  ExpectError(files, "tls_key", "(none)", "needed");
  files.key_file = files_.certificate_file;
  ExpectError(files, "tls_key", "cert.pem", "not a PEM file");
  files.key_file =
      folder_.Write("other.pem", authority_.Issue("a", "").key_pem);
  ExpectError(files, "tls_key", "other.pem", "does not belong");

  files = files_;
  files.client_certificates = ClientCertificates::kRequired;
  ExpectError(files, "tls_client_ca", "(none)", "needed");
  files.client_ca_file = files_.key_file;
  ExpectError(files, "tls_client_ca", "key.pem", "not a PEM file");
}

TEST_F(TlsFilesTest, WatcherKeepsTheLastGoodPair) {
  auto watcher = TlsFileWatcher::Open(files_);
  ASSERT_TRUE(watcher.ok()) << watcher.status();
  const auto first = (*watcher)->current();
  EXPECT_TRUE((*watcher)->Poll().ok());
  EXPECT_EQ((*watcher)->current(), first);

  // The certificate comes before its key: reported once, and kept out.
  const TestCertificate next = authority_.Issue("next", "DNS:localhost");
  folder_.Write("cert.pem", next.certificate_pem);
  EXPECT_FALSE((*watcher)->Poll().ok());
  EXPECT_TRUE((*watcher)->Poll().ok());
  EXPECT_EQ((*watcher)->current(), first);
  folder_.Write("key.pem", next.key_pem);
  EXPECT_TRUE((*watcher)->Poll().ok());
  EXPECT_EQ((*watcher)->current()->certificate_pem, next.certificate_pem);

  std::remove(files_.key_file.c_str());
  EXPECT_FALSE((*watcher)->Poll().ok());
  EXPECT_EQ((*watcher)->current()->certificate_pem, next.certificate_pem);
}

Task<void> Who(ServerRequest request, ResponseWriter& writer) {
  (co_await writer.Send(PlainResponse(
       200, absl::StrCat("tls=", request.tls, " ", request.client_subject))))
      .IgnoreError();
}

class TlsServerTest : public TlsFilesTest {
 protected:
  HttpServer& server() {
    if (server_ == nullptr) {
      HttpServerOptions options;
      options.tls = files_;
      options.header_timeout = absl::Milliseconds(500);
      options.tls_poll_interval = absl::Milliseconds(20);
      server_ = std::make_unique<HttpServer>(pool_, options);
      server_->Handle("/who", &Who);
      const absl::Status status = server_->Start();
      EXPECT_TRUE(status.ok()) << status;
    }
    return *server_;
  }
  // The answer's body, or "error: …"; `server_name` is the common name of the
  // certificate that was shown.
  std::string Get(const TestCertificate* client = nullptr,
                  std::string* server_name = nullptr) {
    asio::io_context context;
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.set_verify_mode(asio::ssl::verify_peer);
    tls.add_certificate_authority(asio::buffer(authority_.pem()));
    if (client != nullptr) {
      tls.use_certificate_chain(asio::buffer(client->certificate_pem));
      tls.use_private_key(asio::buffer(client->key_pem),
                          asio::ssl::context::pem);
    }
    asio::ssl::stream<asio::ip::tcp::socket> stream(context, tls);
    stream.next_layer().connect(
        {asio::ip::address_v4::loopback(), server().port()});
    error_code error;
    stream.handshake(asio::ssl::stream_base::client, error);
    if (error) return "error: " + error.message();
    if (server_name != nullptr) {
      char name[64] = {};
      X509* const shown = SSL_get1_peer_certificate(stream.native_handle());
      X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName,
                                name, sizeof name);
      X509_free(shown);
      *server_name = name;
    }
    asio::write(stream,
                asio::buffer(std::string("GET /who HTTP/1.1\r\nHost: x\r\n"
                                         "Connection: close\r\n\r\n")),
                error);
    std::string answer;
    asio::read(stream, asio::dynamic_buffer(answer), error);
    const std::size_t body = answer.find("\r\n\r\n");
    return body == std::string::npos ? "error: no answer"
                                     : answer.substr(body + 4);
  }

  ReactorPool pool_{2};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsServerTest, Serves) { EXPECT_EQ(Get(), "tls=1 "); }

TEST_F(TlsServerTest, NoTlsNoAnswer) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), server().port()});
  asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  std::string answer;
  error_code error;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  EXPECT_FALSE(absl::StrContains(answer, "HTTP/1.1"));
}

TEST_F(TlsServerTest, AHandshakeThatHangsIsCut) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), server().port()});
  std::string answer;
  error_code error;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  EXPECT_EQ(answer, "");
  EXPECT_EQ(Get(), "tls=1 ");
}

TEST_F(TlsServerTest, ClientCertificates) {
  TestAuthority others("Other CA");
  const TestCertificate known = authority_.Issue("alice", "");
  const TestCertificate unknown = others.Issue("mallory", "");
  files_.client_ca_file = folder_.Write("ca.pem", authority_.pem());
  files_.client_certificates = ClientCertificates::kOptional;
  EXPECT_EQ(Get(), "tls=1 ");
  EXPECT_EQ(Get(&known), "tls=1 CN=alice");
  EXPECT_TRUE(absl::StartsWith(Get(&unknown), "error: "));

  server_ = nullptr;
  files_.client_certificates = ClientCertificates::kRequired;
  EXPECT_TRUE(absl::StartsWith(Get(), "error: "));
  EXPECT_EQ(Get(&known), "tls=1 CN=alice");
  EXPECT_TRUE(absl::StartsWith(Get(&unknown), "error: "));
}

TEST_F(TlsServerTest, NewConnectionsUseNewFiles) {
  std::string name;
  EXPECT_EQ(Get(nullptr, &name), "tls=1 ");
  EXPECT_EQ(name, "server");
  const auto replace = [this](const std::string& common_name) {
    const TestCertificate next = authority_.Issue(common_name, "");
    folder_.Write("cert.pem", next.certificate_pem);
    folder_.Write("key.pem", next.key_pem);
  };
  // By itself, in a while.
  replace("second");
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (name != "second" && absl::Now() < give_up) Get(nullptr, &name);
  EXPECT_EQ(name, "second");
  // At once, when told.
  replace("third");
  EXPECT_TRUE(server().ReloadTls().ok());
  EXPECT_EQ(Get(nullptr, &name), "tls=1 ");
  EXPECT_EQ(name, "third");
  folder_.Write("key.pem", "rubbish");
  EXPECT_FALSE(server().ReloadTls().ok());
  EXPECT_EQ(Get(nullptr, &name), "tls=1 ");
  EXPECT_EQ(name, "third");
}

}  // namespace
}  // namespace valetkey
