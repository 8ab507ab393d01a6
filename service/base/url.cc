#include "service/base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace valetkey {
namespace {

int DefaultPort(absl::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool ParseIpv4(absl::string_view host, in_addr* address) {
  return inet_pton(AF_INET, std::string(host).c_str(), address) == 1;
}

bool ParseIpv6(absl::string_view host, in6_addr* address) {
  return inet_pton(AF_INET6, std::string(host).c_str(), address) == 1;
}

// Letters, digits, "-", "_" and "."; other names must come as punycode. A name
// that ends in a number is an IPv4 address and must be one in full: "127.1"
// and "0x7f000001" mean the loopback to some resolvers and a name to others.
bool IsHostName(absl::string_view host) {
  if (host.empty() || host.size() > 255 || host.front() == '.') return false;
  char previous = 0;
  for (const char c : host) {
    const bool ok = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                    c == '-' || c == '_' || c == '.';
    if (!ok || (c == '.' && previous == '.')) return false;
    previous = c;
  }
  const absl::string_view bare = absl::StripSuffix(host, ".");
  const std::size_t dot = bare.rfind('.');
  const absl::string_view last =
      dot == absl::string_view::npos ? bare : bare.substr(dot + 1);
  if (absl::ascii_isdigit(static_cast<unsigned char>(last.front()))) {
    bool number = true;
    const bool hex = last.size() > 1 && (last[1] == 'x' || last[1] == 'X');
    for (const char c : last.substr(hex ? 2 : 0)) {
      const bool digit =
          hex ? HexValue(c) >= 0
              : absl::ascii_isdigit(static_cast<unsigned char>(c));
      number = number && digit;
    }
    in_addr address;
    if (number && !ParseIpv4(host, &address)) return false;
  }
  return true;
}

absl::Status BadUrl(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a usable URL: ", what));
}

std::string Encode(absl::string_view text, bool form) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(c);
    } else if (form && c == ' ') {
      out.push_back('+');
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

std::string FormDecode(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() &&
               HexValue(text[i + 1]) >= 0 && HexValue(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexValue(text[i + 1]) * 16 +
                                      HexValue(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::string Url::Origin() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string origin =
      absl::StrCat(scheme, "://", ipv6 ? "[" : "", host, ipv6 ? "]" : "");
  if (port != 0 && port != DefaultPort(scheme)) {
    absl::StrAppend(&origin, ":", port);
  }
  return origin;
}

bool Url::IsLoopback() const {
  if (host == "localhost") return true;
  in_addr v4;
  if (ParseIpv4(host, &v4)) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return ParseIpv6(host, &v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<Url> ParseUrl(absl::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '\\') {
      return BadUrl("a character that no URL has");
    }
  }
  Url url;
  const std::size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return BadUrl("no scheme");
  url.scheme = absl::AsciiStrToLower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return BadUrl("the scheme must be http or https");
  }
  absl::string_view rest = text.substr(colon + 1);
  if (!absl::ConsumePrefix(&rest, "//")) return BadUrl("no host");

  const std::size_t authority_end = rest.find_first_of("/?#");
  absl::string_view authority = rest.substr(0, authority_end);
  rest = authority_end == absl::string_view::npos ? absl::string_view()
                                                  : rest.substr(authority_end);
  if (authority.find('@') != absl::string_view::npos) {
    return BadUrl("user information is not allowed");
  }
  absl::string_view host;
  absl::string_view port;
  bool has_port = false;
  if (absl::ConsumePrefix(&authority, "[")) {
    const std::size_t close = authority.find(']');
    if (close == absl::string_view::npos) return BadUrl("no closing bracket");
    host = authority.substr(0, close);
    in6_addr address;
    if (!ParseIpv6(host, &address)) return BadUrl("no IPv6 address");
    port = authority.substr(close + 1);
    has_port = absl::ConsumePrefix(&port, ":");
    if (!has_port && !port.empty()) return BadUrl("text after the host");
  } else {
    const std::size_t at = authority.find(':');
    host = authority.substr(0, at);
    has_port = at != absl::string_view::npos;
    if (has_port) port = authority.substr(at + 1);
    if (!IsHostName(host)) return BadUrl("no valid host");
  }
  url.host = absl::AsciiStrToLower(host);
  if (has_port && !port.empty()) {
    for (const char c : port) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) {
        return BadUrl("no valid port");
      }
    }
    if (port.size() > 5 || !absl::SimpleAtoi(port, &url.port) || url.port < 1 ||
        url.port > 65535) {
      return BadUrl("no valid port");
    }
    if (url.port == DefaultPort(url.scheme)) url.port = 0;
  }

  const std::size_t hash = rest.find('#');
  if (hash != absl::string_view::npos) {
    url.fragment = std::string(rest.substr(hash + 1));
    rest = rest.substr(0, hash);
  }
  const std::size_t question = rest.find('?');
  if (question != absl::string_view::npos) {
    url.query = std::string(rest.substr(question + 1));
    rest = rest.substr(0, question);
  }
  url.path = std::string(rest);
  return url;
}

std::string PercentEncode(absl::string_view text) {
  return Encode(text, /*form=*/false);
}

std::string FormEncode(absl::string_view text) {
  return Encode(text, /*form=*/true);
}

std::string EncodeQuery(const QueryParameters& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    absl::StrAppend(&query, query.empty() ? "" : "&", FormEncode(name), "=",
                    FormEncode(value));
  }
  return query;
}

QueryParameters ParseQuery(absl::string_view query, int max_parameters) {
  QueryParameters parameters;
  while (!query.empty() &&
         parameters.size() < static_cast<std::size_t>(max_parameters)) {
    const std::size_t end = query.find('&');
    const absl::string_view pair = query.substr(0, end);
    query = end == absl::string_view::npos ? absl::string_view()
                                           : query.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    parameters.emplace_back(FormDecode(pair.substr(0, equals)),
                            equals == absl::string_view::npos
                                ? std::string()
                                : FormDecode(pair.substr(equals + 1)));
  }
  return parameters;
}

const std::string* FindParameter(const QueryParameters& parameters,
                                 absl::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string AppendQuery(absl::string_view url,
                        const QueryParameters& parameters,
                        bool after_fragment) {
  if (parameters.empty()) return std::string(url);
  absl::string_view fragment;
  if (!after_fragment) {
    const std::size_t hash = url.find('#');
    if (hash != absl::string_view::npos) {
      fragment = url.substr(hash);
      url = url.substr(0, hash);
    }
  }
  // After a fragment, "?" counts only there: "#/oauth?a=1" is such a query.
  const std::size_t hash = url.find('#');
  const absl::string_view part =
      hash == absl::string_view::npos ? url : url.substr(hash);
  absl::string_view separator = "?";
  if (part.find('?') != absl::string_view::npos) {
    separator = part.back() == '?' || part.back() == '&' ? "" : "&";
  }
  return absl::StrCat(url, separator, EncodeQuery(parameters), fragment);
}

}  // namespace valetkey
