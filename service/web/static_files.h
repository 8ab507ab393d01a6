// Serves embedded files as a single-page application: what is not a file and
// not a route of the server's is a place in the application, and gets its
// index.html.
//
// Beside a file "x" there may be "x.gz" and "x.br", compressed when it was
// built; who accepts one gets it. What is in assets/ has a hash in its name
// and is kept by browsers for good; the rest is asked about each time (ETag).
// Everything has a Content-Security-Policy that allows what this server sends
// and nothing from elsewhere. Thread-safe.

#ifndef VALETKEY_WEB_STATIC_FILES_H_
#define VALETKEY_WEB_STATIC_FILES_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "service/net/http/http_server.h"
#include "service/web/embedded_files.h"

namespace valetkey::web {

class StaticFiles {
 public:
  // The files' data outlives this object.
  explicit StaticFiles(const std::vector<EmbeddedFile>& files);

  // Whether there is an index.html; without it nothing can be served.
  bool complete() const { return files_.contains("index.html"); }

  // 200, 304, 404, or 405 for anything but GET and HEAD.
  // REQUIRES: complete().
  HttpResponse Serve(const ServerRequest& request) const;

 private:
  // A file in one of its encodings.
  struct Form {
    absl::string_view data;
    std::string etag;
  };
  struct File {
    Form identity;
    Form gzip;    // no data: there is none
    Form brotli;  // likewise
  };

  absl::flat_hash_map<std::string, File> files_;
};

// The encoding to answer with, of those that there are: "br", "gzip" or "".
// By the weights of Accept-Encoding (RFC 9110 section 12.5.3), ours first
// where they are equal.
absl::string_view ChooseEncoding(absl::string_view accept, bool has_gzip,
                                 bool has_brotli);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_STATIC_FILES_H_
