// What a person sees after consent at a provider, and what their browser
// takes on to the application. Pure functions.
//
// Nothing that came with the request is shown: whoever makes a person follow
// a link must not be able to put words on our page. Names are those that an
// operator configured.

#ifndef VALETKEY_WEB_CALLBACK_H_
#define VALETKEY_WEB_CALLBACK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/base/http_message.h"

namespace valetkey::web {

// How a consent ended, as far as it could be found out.
struct CallbackOutcome {
  absl::Status status;           // OK: connected; else by its Reason
  std::string connection;        // applications/{a}/connections/{c}, if known
  bool scopes_missing = false;   // connected, with less than was asked for
  std::string return_uri;        // "" : end on a page of ours
  std::string application_name;  // for people; "" if not known
  std::string provider_name;     // likewise
};

// The four ways to end; in return_uri's `status` and in metrics.
enum class CallbackEnd { kConnected, kDeclined, kExpired, kFailed };
CallbackEnd CallbackEndOf(const absl::Status& status);
absl::string_view CallbackEndName(CallbackEnd end);  // "connected"

// The page: 200 connected; 403 declined; 400 for a state, code or issuer that
// is not valid; 502 if the provider refuses us or answers nonsense; 503 (with
// Retry-After) for weather; else 500.
HttpResponse CallbackPage(const CallbackOutcome& outcome);

// The failed page for a request that could not be read: 400, 405, 413, 414,
// 415, 431.
HttpResponse UnreadableCallbackPage(int status);

// The outcome's return_uri with the parameters `status`, `connection` and, if
// it is not connected, `error` (the reason, "CONSENT_DENIED") added to its
// own query; its fragment stays at the end.
std::string ReturnLocation(const CallbackOutcome& outcome);

// A redirect to ReturnLocation if there is a return_uri, else CallbackPage.
HttpResponse CallbackResponse(const CallbackOutcome& outcome);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_CALLBACK_H_
