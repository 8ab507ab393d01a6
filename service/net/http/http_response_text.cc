#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/net/http/http_server.h"

namespace valetkey {

absl::string_view HttpStatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

void AddSecurityHeaders(HttpHeaders& headers, absl::string_view cache_control) {
  headers.Add("X-Content-Type-Options", "nosniff");
  headers.Add("X-Frame-Options", "DENY");
  headers.Add("Referrer-Policy", "no-referrer");
  headers.Add("Cache-Control", cache_control);
  headers.Add("Cross-Origin-Opener-Policy", "same-origin");
  headers.Add("Cross-Origin-Resource-Policy", "same-origin");
  headers.Add("Permissions-Policy",
              "accelerometer=(), camera=(), geolocation=(), gyroscope=(), "
              "magnetometer=(), microphone=(), payment=(), usb=()");
}

HttpResponse PlainResponse(int status, absl::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  AddSecurityHeaders(response.headers);
  response.body = std::string(text);
  return response;
}

HttpResponse MethodNotAllowed(absl::string_view allow) {
  HttpResponse response = PlainResponse(
      405, absl::StrCat("This address answers to ", allow, " only.\n"));
  response.headers.Add("Allow", allow);
  return response;
}

}  // namespace valetkey
