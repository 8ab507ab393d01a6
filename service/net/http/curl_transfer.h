// One request as a curl easy handle: the options it is sent with, what came
// back, and what its end means. Internal to net/http.
//
// Used by one thread at a time. curl keeps pointers to the object: it does not
// move, and outlives its handle's stay in a multi handle.

#ifndef VALETKEY_NET_HTTP_CURL_TRANSFER_H_
#define VALETKEY_NET_HTTP_CURL_TRANSFER_H_

#include <curl/curl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/net/http/curl_http_client.h"
#include "service/net/http/http_client.h"

namespace valetkey {

class CurlTransfer {
 public:
  // `options` outlives the transfer. `done` is called at most once, by
  // whoever drives the transfer.
  CurlTransfer(HttpRequest request, absl::Duration timeout,
               const CurlOptions& options,
               std::function<void(HttpResult)> done);
  virtual ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // Makes the handle; an error if the request cannot be sent as it is.
  absl::Status Prepare();
  CURL* easy() { return easy_; }

  // Ends the transfer with curl's verdict, or with a reason of ours. The
  // handle must have left its multi handle.
  void Finish(CURLcode code);
  void Fail(absl::string_view why);

 protected:
  // What a transfer in pieces does in its own way.
  virtual void SetTimes();
  virtual void SetBody();
  // Whether the request must have a connection to itself, lest curl send it
  // twice.
  virtual bool NeedsOwnConnection() const;
  virtual void HeaderComplete() {}
  // The bytes taken, or CURL_WRITEFUNC_PAUSE.
  virtual std::size_t TakeBody(absl::string_view data);

  int status() const { return status_; }
  const HttpHeaders& response_headers() const { return response_.headers; }
  const HttpRequest& request() const { return request_; }
  const CurlOptions& options() const { return options_; }

 private:
  struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  absl::Status AddHeaders();
  void SetMethod();
  void SetNetwork(bool overridden);
  HttpResult Failure(CURLcode code) const;

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count,
                              void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count,
                            void* self);
  static int OnRequest(void* self, char*, char*, int, int);
  static curl_socket_t OnOpenSocket(void* self, curlsocktype purpose,
                                    curl_sockaddr* address);

  HttpRequest request_;
  const absl::Duration timeout_;
  const CurlOptions& options_;
  std::function<void(HttpResult)> done_;

  CURL* easy_ = nullptr;
  std::unique_ptr<curl_slist, ListDeleter> headers_;
  char error_[CURL_ERROR_SIZE] = {};
  std::string host_;

  HttpResponse response_;
  int status_ = 0;  // of the header that came last
  std::size_t header_bytes_ = 0;
  bool header_complete_ = false;
  bool sent_ = false;  // a connection was there and the request begun
  bool too_large_ = false;
  bool refused_address_ = false;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_CURL_TRANSFER_H_
