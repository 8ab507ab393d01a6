#include "service/sidecar/egress_rules.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/base/url.h"

namespace valetkey::sidecar {
namespace {

bool IsAmong(absl::string_view name,
             std::initializer_list<absl::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](absl::string_view one) {
    return absl::EqualsIgnoreCase(one, name);
  });
}

// Header fields that carry credentials: those of RFC 9110 and RFC 6265, and
// the ones that providers have made up.
bool IsCredential(absl::string_view name) {
  return IsAmong(name, {"Authorization", "Proxy-Authorization", "Cookie",
                        "Cookie2", "Api-Key", "X-Api-Key", "X-Auth-Key",
                        "X-Auth-Token", "X-Authorization", "X-Access-Token",
                        "X-Api-Token", "X-Amz-Security-Token", "X-Goog-Api-Key",
                        "Access-Token", "Private-Token", "Job-Token", "DPoP",
                        "X-Shopify-Access-Token", "X-Figma-Token"});
}

bool IsHopByHop(absl::string_view name) {
  return IsAmong(name, {"Connection", "Keep-Alive", "Proxy-Connection",
                        "Proxy-Authenticate", "TE", "Trailer",
                        "Transfer-Encoding", "Upgrade", "HTTP2-Settings"});
}

// Those that the Connection field names, in small letters.
std::set<std::string> NamedByConnection(const HttpHeaders& headers) {
  std::set<std::string> names;
  for (const auto& [name, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(name, "Connection")) continue;
    for (const absl::string_view one : absl::StrSplit(value, ',')) {
      names.insert(absl::AsciiStrToLower(absl::StripAsciiWhitespace(one)));
    }
  }
  return names;
}

// Without the port: "[::1]:9001" is "::1".
absl::string_view HostOf(absl::string_view authority) {
  if (absl::ConsumePrefix(&authority, "[")) {
    return authority.substr(0, authority.find(']'));
  }
  return authority.substr(0, authority.rfind(':'));
}

bool MayName(absl::string_view authority, const EgressTarget& target) {
  if (authority.empty() ||
      absl::EqualsIgnoreCase(authority, target.authority)) {
    return true;
  }
  Url url;
  url.host = absl::AsciiStrToLower(HostOf(authority));
  return url.IsLoopback();
}

}  // namespace

absl::StatusOr<EgressTarget> TargetOf(absl::string_view api_base_url) {
  VK_ASSIGN_OR_RETURN(const Url url, ParseUrl(api_base_url));
  EgressTarget target;
  target.origin = url.Origin();
  target.authority = target.origin.substr(target.origin.find("://") + 3);
  return target;
}

std::optional<EgressRefusal> Refuse(const ServerRequest& request,
                                    const EgressTarget& target) {
  if (request.method == "TRACE" || request.method == "CONNECT") {
    return EgressRefusal{405,
                         absl::StrCat(request.method,
                                      " does not pass: send the request "
                                      "itself, as to a plain HTTP server")};
  }
  if (!absl::StartsWith(request.path, "/")) {
    return EgressRefusal{400, "the request's target is no path"};
  }
  // A Unix socket is no host that a name could be rebound to.
  if (request.peer != "unix" && !MayName(request.authority, target)) {
    return EgressRefusal{
        403, absl::StrCat("this door leads to ", target.authority,
                          " alone; the request names another host")};
  }
  const std::string* const site = request.headers.Find("Sec-Fetch-Site");
  if (request.headers.Find("Origin") != nullptr ||
      (site != nullptr && *site != "none" && *site != "same-origin")) {
    return EgressRefusal{403, "requests from web pages do not pass"};
  }
  for (const auto& [name, value] : request.headers.fields()) {
    if (IsCredential(name)) {
      return EgressRefusal{
          400, absl::StrCat("the header field ", name,
                            " carries a credential, which this door adds "
                            "itself: leave it out")};
    }
  }
  if (FindParameter(ParseQuery(request.query), "access_token") != nullptr) {
    return EgressRefusal{400,
                         "the parameter access_token is a credential, which "
                         "this door adds itself: leave it out"};
  }
  return std::nullopt;
}

HttpHeaders HeadersToProvider(const HttpHeaders& headers) {
  const std::set<std::string> named = NamedByConnection(headers);
  HttpHeaders out;
  for (const auto& [name, value] : headers.fields()) {
    if (IsHopByHop(name) || named.count(absl::AsciiStrToLower(name)) != 0 ||
        IsAmong(name, {"Host", "Content-Length", "Expect"})) {
      continue;
    }
    out.Add(name, value);
  }
  return out;
}

HttpHeaders HeadersToCaller(const HttpHeaders& headers,
                            const EgressTarget& target) {
  const std::set<std::string> named = NamedByConnection(headers);
  HttpHeaders out;
  for (const auto& [name, value] : headers.fields()) {
    if (IsHopByHop(name) || named.count(absl::AsciiStrToLower(name)) != 0 ||
        IsAmong(name, {"Content-Length", "Set-Cookie", "Set-Cookie2", "Alt-Svc",
                       "Strict-Transport-Security"})) {
      continue;
    }
    absl::string_view shown = value;
    // "https://api.pinterest.com/v5/x", not "https://api.pinterest.com.evil".
    if (absl::EqualsIgnoreCase(name, "Location") &&
        absl::ConsumePrefix(&shown, target.origin)) {
      if (shown.empty()) {
        shown = "/";
      } else if (shown[0] != '/') {
        shown = value;
      }
    }
    out.Add(name, shown);
  }
  return out;
}

}  // namespace valetkey::sidecar
