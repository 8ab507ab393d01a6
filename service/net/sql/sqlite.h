// A thin owner of SQLite connections and statements. Only this folder includes
// sqlite3.h.
//
//   VK_ASSIGN_OR_RETURN(auto db, Sqlite::Open(path, {}));
//   VK_ASSIGN_OR_RETURN(Statement select,
//                       db->Prepare("SELECT a FROM t WHERE b = ?1"));
//   select.BindText(1, "x");
//   VK_ASSIGN_OR_RETURN(bool found, select.Step());
//   if (found) Use(select.Text(0));
//
// A connection and its statements are used by one thread at a time. Errors are
// STORE_UNAVAILABLE (the file, the disk, a lock) or INTERNAL_FAULT (our SQL);
// they name the file and what SQLite calls the error, never a value.

#ifndef VALETKEY_NET_SQL_SQLITE_H_
#define VALETKEY_NET_SQL_SQLITE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace valetkey::sql {

class Sqlite;

// One use of a prepared statement; gives it back when it is destroyed. Does
// not outlive its connection. Parameters count from 1, columns from 0. A text
// or blob column is valid until the next Step.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // What is bound is copied. A failed bind (no memory) shows at Step.
  void BindInt(int parameter, std::int64_t value);
  void BindInt(int parameter, std::optional<std::int64_t> value);
  void BindText(int parameter, absl::string_view value);
  void BindBlob(int parameter, absl::string_view value);

  // True: there is a row. False: it is done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();
  // Makes it ready to be bound and stepped again.
  void Reset();

  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  absl::string_view Text(int column) const;
  absl::string_view Blob(int column) const;

 private:
  friend class Sqlite;
  Statement(Sqlite* db, sqlite3_stmt* statement);

  Sqlite* db_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;
};

struct SqliteOptions {
  bool create = false;     // make the file if there is none
  bool read_only = false;  // refuse writes on this connection
  absl::Duration busy_timeout = absl::Seconds(5);
};

class Sqlite {
 public:
  static absl::StatusOr<std::unique_ptr<Sqlite>> Open(
      const std::string& path, const SqliteOptions& options);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  // Any number of statements, their rows ignored.
  absl::Status Execute(const char* sql);
  // Compiled once for each text. REQUIRES: the last use of it is over.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // The first column of the first row; an error if there is none.
  absl::StatusOr<std::int64_t> QueryInt(absl::string_view sql);
  absl::StatusOr<std::string> QueryText(absl::string_view sql);

  bool InTransaction() const;
  // Rows changed by the last INSERT, UPDATE or DELETE.
  int changes() const;
  std::int64_t last_insert_id() const;

  // The file is not a database, or damaged: nothing will mend it by itself.
  bool damaged() const { return damaged_; }
  // An error was met after which a new connection is the surest way on (I/O,
  // damage, a file taken away); a full disk or a lock is not.
  bool suspect() const { return suspect_; }

 private:
  friend class Statement;
  Sqlite(std::string path, sqlite3* db);
  // Turns a result code into an error, and notes what it tells.
  absl::Status ErrorOf(int code);

  const std::string path_;
  sqlite3* const db_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
  bool damaged_ = false;
  bool suspect_ = false;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_SQLITE_H_
