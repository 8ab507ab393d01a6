#include "service/net/sql/postgres_error.h"

#include <libpq-fe.h>

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/status.h"

namespace valetkey::sql {
namespace {

constexpr char kPayload[] = "valetkey/postgres-error";

std::string Field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

// Data exceptions (22), violated constraints (23), errors that functions raise
// (P0) and internal ones (XX) quote values.
bool IsSafe(absl::string_view sqlstate) {
  const absl::string_view type = sqlstate.substr(0, 2);
  for (const char* safe : {"08", "0A", "25", "26", "28", "3D", "40", "42", "53",
                           "54", "55", "57", "58"}) {
    if (type == safe) return true;
  }
  return false;
}

}  // namespace

std::optional<PostgresError> PostgresErrorOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> parts = absl::StrSplit(text, '\n');
  PostgresError error;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &error.statement)) {
    return std::nullopt;
  }
  error.sqlstate = parts[0];
  error.constraint = parts[2];
  return error;
}

absl::Status DatabaseError(absl::string_view endpoint, absl::string_view what) {
  return MakeError(Reason::kStoreUnavailable,
                   absl::StrCat("database ", endpoint, ": ", what), {},
                   absl::Seconds(1));
}

absl::Status StatementError(absl::string_view endpoint, const pg_result* result,
                            int statement) {
  const std::string sqlstate = Field(result, PG_DIAG_SQLSTATE);
  if (sqlstate.empty()) {
    // libpq's own: the connection is lost.
    return DatabaseError(endpoint, OneLine(PQresultErrorMessage(result)));
  }
  const std::string constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string what = absl::StrCat("error ", sqlstate);
  if (!constraint.empty()) absl::StrAppend(&what, " (", constraint, ")");
  if (IsSafe(sqlstate)) {
    absl::StrAppend(&what, ": ",
                    OneLine(Field(result, PG_DIAG_MESSAGE_PRIMARY)));
  }
  absl::Status status = DatabaseError(endpoint, what);
  const std::string payload =
      absl::StrCat(sqlstate, "\n", statement, "\n", constraint);
  status.SetPayload(kPayload, absl::Cord(absl::string_view(payload)));
  return status;
}

absl::Status CopyError(const absl::Status& status) {
  absl::Status copy(status.code(), status.message());
  status.ForEachPayload(
      [&copy](absl::string_view url, const absl::Cord& payload) {
        const std::string text(payload);
        copy.SetPayload(url, absl::Cord(absl::string_view(text)));
      });
  return copy;
}

std::string OneLine(absl::string_view message) {
  std::string line;
  for (absl::string_view part :
       absl::StrSplit(message, absl::ByAnyChar("\r\n\t "), absl::SkipEmpty())) {
    if (!line.empty()) line += ' ';
    absl::StrAppend(&line, part);
  }
  return line;
}

}  // namespace valetkey::sql
