// Finding connections by what people remember of them, and those that need
// care. Pure functions.

#ifndef VALETKEY_STORE_SEARCH_H_
#define VALETKEY_STORE_SEARCH_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/store/records.h"

namespace valetkey::store {

// What a search looks through: the connection's id, subject, labels' values,
// and the account's id and name, in lines, with ASCII letters in lower case.
// Longer ones are cut, so that a row of the index stays small.
std::string SearchText(const Connection& connection);

// The words of a query, in the same form.
std::vector<std::string> QueryWords(absl::string_view query);

// Whether all words are somewhere in SearchText.
bool FitsSearch(const std::vector<std::string>& words,
                const Connection& connection);

// Whether it gives tokens or is revoked with trouble: the last attempt failed,
// or the refresh token dies soon. Kept as a column.
bool IsAiling(const Connection& connection);

// Whether somebody has to look after it: it waits for new consent, or is
// ailing and not revoked already.
bool NeedsAttention(ConnectionState state, bool is_ailing);
bool NeedsAttention(const Connection& connection);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SEARCH_H_
