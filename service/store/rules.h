// What every store decides in the same way, whatever it keeps rows in. Pure
// functions.

#ifndef VALETKEY_STORE_RULES_H_
#define VALETKEY_STORE_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/store/store.h"

namespace valetkey::store {

// What a change has left: no row that was not asked for, none renamed, every
// event of some application. An error is a fault of the caller.
absl::Status CheckChanged(const RowKeys& keys, const Rows& rows);

// Rounds the times of all rows as keeping them would.
void RoundTimes(Rows* rows);

// Neither ended nor expired: it holds its provider in place.
bool IsOpen(const Authorization& authorization, absl::Time now);

// What a change has deleted.
struct Gone {
  bool application = false;
  bool provider = false;
  bool connection = false;
};

// Takes from `rows` what has gone with its application, provider or
// connection, though the change has set it.
void DropDependants(const RowKeys& keys, const Gone& gone, Rows* rows);

// The errors that Update promises.
absl::Status ApplicationInUse(absl::string_view name);
absl::Status ProviderInUse(absl::string_view name);
absl::Status ApplicationMissing(absl::string_view name);
absl::Status ProviderMissing(absl::string_view name);
absl::Status KeyTaken();
absl::Status DefinitionInUse(absl::string_view name);

// Adds what an index gives, in the order of provider, state and ailing, to the
// groups that are asked for.
void AddGroup(std::string provider, ConnectionState state, bool is_ailing,
              std::int64_t count, std::vector<ConnectionGroup>* groups);

// `limit` as callers may give it: at least 1.
inline int ClampLimit(int limit) { return limit < 1 ? 1 : limit; }

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_RULES_H_
