// The portal's session: a cookie that holds, sealed by the keyring, the API
// key that somebody signed in with, or who they are, when that was, and when it
// was last used.
//
// The server keeps nothing, so any replica serves any session and a restart
// ends none. What ends one: its time (SessionOptions), signing out
// (the browser forgets the cookie), revoking the key or what the policy gives
// the person, or taking the keyring's key away that sealed it. Thread-safe.

#ifndef VALETKEY_WEB_SESSION_COOKIE_H_
#define VALETKEY_WEB_SESSION_COOKIE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/base/http_message.h"
#include "service/base/sealer.h"
#include "service/base/secret.h"

namespace valetkey::web {

struct SessionOptions {
  absl::Duration idle_timeout = absl::Minutes(30);
  absl::Duration lifetime = absl::Hours(12);  // however much it is used
  // Whether browsers come by https. Without, the cookie can be neither Secure
  // nor have the __Host- prefix, which keeps sibling domains from setting it.
  bool secure = true;
};

struct Session {
  // One of the two: the key, or a person in JSON (identity::EncodePerson).
  SecretString api_key;
  std::string person;
  absl::Time start;
  absl::Time last_use;
};

class SessionCookie {
 public:
  // The sealer and the clock outlive this object.
  SessionCookie(const Sealer& sealer, const Clock& clock,
                SessionOptions options);

  // "__Host-valetkey", or "valetkey-session" without https.
  absl::string_view name() const;

  // A new session as the value of Set-Cookie.
  std::string Begin(SecretString api_key) const;
  // The same for a person. REQUIRES: of at most identity::kMaxPersonSize.
  std::string BeginFor(std::string person) const;
  // The same session with now as its last use. nullopt while the last one is
  // so recent that it is not worth a header.
  std::optional<std::string> Renew(const Session& session) const;
  // Makes the browser forget it.
  std::string Clear() const;

  // Whether a request comes with such a cookie, good or bad.
  bool IsIn(const HttpHeaders& headers) const;
  // The session of a request; nullopt if there is none, or it is over, or the
  // cookie is not of our making.
  std::optional<Session> Read(const HttpHeaders& headers) const;

  // When it ends unless it is used again; and if it is used now.
  absl::Time EndOf(const Session& session) const;
  absl::Time EndIfUsed(const Session& session) const;

 private:
  std::string Set(const Session& session) const;

  const Sealer& sealer_;
  const Clock& clock_;
  const SessionOptions options_;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_SESSION_COOKIE_H_
