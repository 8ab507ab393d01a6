// A request as it is parsed, and what its target says. Internal to net/http.

#ifndef VALETKEY_NET_HTTP_HTTP_REQUEST_PARSER_H_
#define VALETKEY_NET_HTTP_HTTP_REQUEST_PARSER_H_

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "service/async/task.h"
#include "service/net/http/http_server.h"

namespace valetkey {

namespace http = boost::beast::http;

// Takes pieces of a body as they come. Beast's own string_body would reserve
// as much memory as a client says that it will send.
struct PieceBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>&, std::string& body)
        : body_(body) {}
    void init(const boost::optional<std::uint64_t>&,
              boost::system::error_code& error) {
      error = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      std::size_t size = 0;
      for (const asio::const_buffer buffer :
           boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        size += buffer.size();
      }
      return size;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    std::string& body_;
  };
};

class HttpRequestParser : public http::request_parser<PieceBody> {};

inline absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

// Splits the request target (RFC 9112 section 3.2). False if it is none.
bool ReadTarget(absl::string_view target, ServerRequest& request);

// The path of a request that was not read whole, for the page that says so.
std::string PathOfPart(absl::string_view data);

// As RFC 9112 section 3.2 demands since HTTP/1.1.
bool HasOneHost(const http::request<PieceBody>& message);

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_REQUEST_PARSER_H_
