// A server's certificate, key and clients' authorities, read from files and
// read again when they change. Serves both ports: HTTP here, gRPC by the PEM
// texts.
//
//   VK_ASSIGN_OR_RETURN(auto watcher, TlsFileWatcher::Open(files));
//   ... every few seconds, or at SIGHUP:
//   if (absl::Status status = watcher->Poll(); !status.ok()) Log(...);
//   use(*watcher->current());

#ifndef VALETKEY_NET_HTTP_TLS_FILES_H_
#define VALETKEY_NET_HTTP_TLS_FILES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/mutex.h"
#include "service/base/secret.h"

namespace valetkey {

enum class ClientCertificates {
  kIgnored,   // not asked for
  kOptional,  // verified if the client shows one
  kRequired,  // no handshake without
};

struct TlsFiles {
  std::string certificate_file;  // PEM: the server's first, then the chain
  std::string key_file;          // PEM, not encrypted
  std::string client_ca_file;    // PEM; needed unless kIgnored
  ClientCertificates client_certificates = ClientCertificates::kIgnored;
};

// What the files held, checked: the key belongs to the certificate, which has
// not expired.
struct TlsMaterial {
  std::string certificate_pem;
  SecretString key_pem;
  std::string client_ca_pem;
  ClientCertificates client_certificates = ClientCertificates::kIgnored;
  absl::Time expire_time;  // of the server's certificate
};

// FIELD_INVALID naming the file and what is wrong with it.
absl::StatusOr<TlsMaterial> LoadTlsFiles(const TlsFiles& files);

// Thread-safe. Reads small files on the calling thread.
class TlsFileWatcher {
 public:
  static absl::StatusOr<std::unique_ptr<TlsFileWatcher>> Open(TlsFiles files);

  // The last that was good; never null.
  std::shared_ptr<const TlsMaterial> current() const;

  // Looks whether a file has changed since the last look (inode, size, time
  // of change; through symbolic links) and reads them again if so. Files that
  // do not pass, as when only one of the two has been replaced yet, leave
  // current() as it is and are reported once; the next change is read again.
  absl::Status Poll();
  // Reads the files whether or not they seem changed.
  absl::Status Reload();

 private:
  TlsFileWatcher(TlsFiles files, std::string stamp, TlsMaterial material);

  const TlsFiles files_;
  mutable Mutex mutex_;
  std::string stamp_ VK_GUARDED_BY(mutex_);
  std::shared_ptr<const TlsMaterial> current_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_TLS_FILES_H_
