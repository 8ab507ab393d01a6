#include "service/net/sql/sqlite.h"

#include <sqlite3.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey::sql {
namespace {

absl::Status MakeSqlError(const std::string& path, int code) {
  const int primary = code & 0xff;
  const bool ours = primary == SQLITE_ERROR || primary == SQLITE_MISUSE ||
                    primary == SQLITE_RANGE || primary == SQLITE_MISMATCH ||
                    primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG;
  return MakeError(
      ours ? Reason::kInternalFault : Reason::kStoreUnavailable,
      absl::StrCat("database ", path, ": ", sqlite3_errstr(primary),
                   " (SQLite code ", code, ")"),
      {}, ours ? absl::ZeroDuration() : absl::Seconds(1));
}

}  // namespace

Statement::Statement(Sqlite* db, sqlite3_stmt* statement)
    : db_(db), statement_(statement) {}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (statement_ != nullptr) Reset();
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bind_error_ = SQLITE_OK;
}

void Statement::BindInt(int parameter, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_, parameter, value);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindInt(int parameter, std::optional<std::int64_t> value) {
  if (value) {
    BindInt(parameter, *value);
    return;
  }
  const int code = sqlite3_bind_null(statement_, parameter);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindText(int parameter, absl::string_view value) {
  const int code =
      sqlite3_bind_text64(statement_, parameter, value.data(), value.size(),
                          SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::BindBlob(int parameter, absl::string_view value) {
  // A null pointer would bind NULL rather than a blob of no bytes.
  const char* data = value.empty() ? "" : value.data();
  const int code = sqlite3_bind_blob64(statement_, parameter, data,
                                       value.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) bind_error_ = code;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return db_->ErrorOf(bind_error_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return db_->ErrorOf(sqlite3_extended_errcode(db_->db_));
}

absl::Status Statement::Run() {
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

absl::string_view Statement::Text(int column) const {
  const auto* data =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? absl::string_view()
                         : absl::string_view(data, static_cast<size_t>(size));
}

absl::string_view Statement::Blob(int column) const {
  const auto* data =
      static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? absl::string_view()
                         : absl::string_view(data, static_cast<size_t>(size));
}

Sqlite::Sqlite(std::string path, sqlite3* db)
    : path_(std::move(path)), db_(db) {}

Sqlite::~Sqlite() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::StatusOr<std::unique_ptr<Sqlite>> Sqlite::Open(
    const std::string& path, const SqliteOptions& options) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  if (options.create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  if (code != SQLITE_OK) {
    sqlite3_close(raw);
    return MakeSqlError(path, code);
  }
  std::unique_ptr<Sqlite> db(new Sqlite(path, raw));
  sqlite3_busy_timeout(
      raw, static_cast<int>(absl::ToInt64Milliseconds(options.busy_timeout)));
  if (options.read_only) {
    VK_RETURN_IF_ERROR(db->Execute("PRAGMA query_only = ON"));
  }
  return db;
}

absl::Status Sqlite::ErrorOf(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      damaged_ = true;
      suspect_ = true;
      break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
      suspect_ = true;
      break;
    default:
      break;
  }
  return MakeSqlError(path_, code);
}

absl::Status Sqlite::Execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return ErrorOf(sqlite3_extended_errcode(db_));
}

absl::StatusOr<Statement> Sqlite::Prepare(absl::string_view sql) {
  auto found = statements_.find(std::string_view(sql.data(), sql.size()));
  if (found == statements_.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return ErrorOf(sqlite3_extended_errcode(db_));
    found = statements_.emplace(std::string(sql), statement).first;
  } else if (sqlite3_stmt_busy(found->second)) {
    return ErrorOf(SQLITE_MISUSE);
  }
  return Statement(this, found->second);
}

absl::StatusOr<std::int64_t> Sqlite::QueryInt(absl::string_view sql) {
  VK_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  VK_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return ErrorOf(SQLITE_ERROR);
  return statement.Int(0);
}

absl::StatusOr<std::string> Sqlite::QueryText(absl::string_view sql) {
  VK_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  VK_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return ErrorOf(SQLITE_ERROR);
  return std::string(statement.Text(0));
}

bool Sqlite::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

int Sqlite::changes() const { return sqlite3_changes(db_); }

std::int64_t Sqlite::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_);
}

}  // namespace valetkey::sql
