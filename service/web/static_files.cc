#include "service/web/static_files.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/crypto.h"

namespace valetkey::web {
namespace {

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

constexpr std::pair<absl::string_view, absl::string_view> kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".map", "application/json"},
};

// "" for what is not the name of a file that a page loads.
absl::string_view TypeOf(absl::string_view path) {
  for (const auto& [suffix, type] : kTypes) {
    if (absl::EndsWith(path, suffix)) return type;
  }
  return "";
}

// Below these nothing is a place in the application: a call to a method that
// is not there must not be answered with a page.
bool IsServers(absl::string_view path) {
  for (absl::string_view prefix :
       {"/valetkey.", "/portal/", "/oauth/", "/connect/", "/healthz", "/readyz",
        "/metrics", "/.well-known/"}) {
    if (absl::StartsWith(path, prefix)) return true;
  }
  return false;
}

std::string EtagOf(absl::string_view data) {
  return absl::StrCat("\"", HexEncode(Sha256(data).substr(0, 12)), "\"");
}

// RFC 9110 section 13.1.2; the weak comparison.
bool Matches(absl::string_view if_none_match, absl::string_view etag) {
  for (absl::string_view item : absl::StrSplit(if_none_match, ',')) {
    item = absl::StripAsciiWhitespace(item);
    absl::ConsumePrefix(&item, "W/");
    if (item == "*" || item == etag) return true;
  }
  return false;
}

HttpResponse NotFound() {
  return PlainResponse(404, absl::StrCat(HttpStatusText(404), "\n"));
}

}  // namespace

absl::string_view ChooseEncoding(absl::string_view accept, bool has_gzip,
                                 bool has_brotli) {
  double gzip = -1;
  double brotli = -1;
  double any = 0;
  for (absl::string_view item : absl::StrSplit(accept, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(item, absl::MaxSplits(';', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(parts.first);
    absl::string_view parameter = absl::StripAsciiWhitespace(parts.second);
    double weight = 1;
    if (absl::ConsumePrefix(&parameter, "q=") &&
        !absl::SimpleAtod(parameter, &weight)) {
      weight = 0;
    }
    if (absl::EqualsIgnoreCase(name, "gzip")) gzip = weight;
    if (absl::EqualsIgnoreCase(name, "br")) brotli = weight;
    if (name == "*") any = weight;
  }
  if (gzip < 0) gzip = any;
  if (brotli < 0) brotli = any;
  if (has_brotli && brotli > 0 && (brotli >= gzip || !has_gzip)) return "br";
  return has_gzip && gzip > 0 ? "gzip" : "";
}

StaticFiles::StaticFiles(const std::vector<EmbeddedFile>& files) {
  for (const EmbeddedFile& file : files) {
    absl::string_view path = file.path;
    const bool gzip = absl::ConsumeSuffix(&path, ".gz");
    const bool brotli = !gzip && absl::ConsumeSuffix(&path, ".br");
    File& entry = files_[std::string(path)];
    Form& form = gzip ? entry.gzip : brotli ? entry.brotli : entry.identity;
    form = {.data = file.data, .etag = EtagOf(file.data)};
  }
  // A compressed form of nothing has nobody to give it to.
  absl::erase_if(files_, [](const auto& item) {
    return item.second.identity.etag.empty();
  });
}

HttpResponse StaticFiles::Serve(const ServerRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return MethodNotAllowed("GET, HEAD");
  }
  std::string path(absl::StripPrefix(request.path, "/"));
  auto found = files_.find(path);
  if (found == files_.end()) {
    // A script that is not there must not come as a page: a browser with the
    // page of another version would fail in a way that nobody understands.
    if (IsServers(request.path) || absl::StartsWith(path, "assets/") ||
        !TypeOf(path).empty()) {
      return NotFound();
    }
    path = "index.html";
    found = files_.find(path);
    if (found == files_.end()) return NotFound();
  }
  const File& file = found->second;
  const std::string* const accept = request.headers.Find("accept-encoding");
  const absl::string_view encoding =
      ChooseEncoding(accept == nullptr ? "" : absl::string_view(*accept),
                     !file.gzip.data.empty(), !file.brotli.data.empty());
  const Form& form = encoding == "br"     ? file.brotli
                     : encoding == "gzip" ? file.gzip
                                          : file.identity;
  HttpResponse response;
  response.status = 200;
  const absl::string_view type = TypeOf(path);
  response.headers.Add("Content-Type",
                       type.empty() ? "application/octet-stream" : type);
  AddSecurityHeaders(response.headers,
                     absl::StartsWith(path, "assets/")
                         ? "public, max-age=31536000, immutable"
                         : "no-cache");
  response.headers.Add("Content-Security-Policy", kPolicy);
  response.headers.Add("ETag", form.etag);
  response.headers.Add("Vary", "Accept-Encoding");
  const std::string* const known = request.headers.Find("if-none-match");
  if (known != nullptr && Matches(*known, form.etag)) {
    response.status = 304;
    return response;
  }
  if (!encoding.empty()) response.headers.Add("Content-Encoding", encoding);
  response.body = std::string(form.data);
  return response;
}

}  // namespace valetkey::web
