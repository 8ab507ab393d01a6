// Update of the PostgreSQL store, in two halves with the change between them:
// a statement that reads the rows at one moment, and a batch that writes what
// differs on condition that every row written is as it was read. Pure
// functions.

#ifndef VALETKEY_STORE_POSTGRES_CHANGE_H_
#define VALETKEY_STORE_POSTGRES_CHANGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/store/postgres/tables.h"
#include "service/store/store.h"

namespace valetkey::store::postgres {

struct Before {
  absl::Time now;  // the server's
  Loaded<Application> application;
  Loaded<ApiKey> key;
  Loaded<Provider> provider;
  Loaded<Authorization> authorization;
  Loaded<Connection> connection;
  Loaded<AddedDefinition> definition;
};

sql::PostgresStatement ReadRows(const RowKeys& keys);
absl::StatusOr<Before> TakeRows(const RowKeys& keys,
                                const sql::PostgresResult& result);

// What is to be written, and what each statement is for, so that its error can
// be understood.
struct Write {
  struct Step {
    enum class Kind {
      kOther,
      kSave,
      kDeleteProvider,
      kDeleteApplication,
      kCheckUnused
    };
    Kind kind = Kind::kOther;
    std::string application;  // of the row saved, or the one deleted
    std::string provider;
    std::string definition;  // the one deleted
  };

  Batch batch;
  std::vector<Step> steps;  // of the batch's statements
  int first_event = 0;      // the first statement that appends an event
};

// REQUIRES: the rows are checked and rounded (service/store/rules.h). Sets
// revisions and the events' times in `rows`, and takes from them what goes with
// the rows deleted.
Write WriteRows(const RowKeys& keys, const Before& before, Rows* rows);

// What a failed write means: an error that Update promises; or the given one.
// `again`: another has written one of the rows, or stood in the way; read them
// and try again.
absl::Status ExplainWrite(const std::vector<Write::Step>& steps,
                          const absl::Status& failed, bool* again);

// Whether the server asks for a transaction to be tried again.
bool IsTransient(const absl::Status& status);

}  // namespace valetkey::store::postgres

#endif  // VALETKEY_STORE_POSTGRES_CHANGE_H_
