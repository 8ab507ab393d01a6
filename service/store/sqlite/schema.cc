#include "service/store/sqlite/schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"

namespace valetkey::store {
namespace {

// Each brings the tables from its index to the next version.
constexpr const char* kMigrations[] = {
    // Times are microseconds since the Unix epoch, as in record.proto.
    // AUTOINCREMENT: a sequence number is not used again even when all events
    // have been trimmed. The partial indexes hold only what is due or waits to
    // be published, so that looking costs what there is to do.
    R"sql(
CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL,
  checked INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE applications (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  application TEXT NOT NULL REFERENCES applications (name),
  digest BLOB NOT NULL UNIQUE,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX keys_by_application ON keys (application, name);

CREATE TABLE providers (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  application TEXT NOT NULL REFERENCES applications (name),
  record BLOB NOT NULL
) STRICT;
CREATE INDEX providers_by_application ON providers (application, name);

CREATE TABLE authorizations (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  application TEXT NOT NULL REFERENCES applications (name),
  provider TEXT NOT NULL REFERENCES providers (name),
  connection TEXT NOT NULL,
  status INTEGER NOT NULL,
  expire_time INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX authorizations_by_application ON authorizations (application);
CREATE INDEX authorizations_by_provider ON authorizations (provider);
CREATE INDEX authorizations_by_connection ON authorizations (connection);
CREATE INDEX authorizations_by_expire_time ON authorizations (expire_time);

CREATE TABLE connections (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  application TEXT NOT NULL REFERENCES applications (name),
  provider TEXT NOT NULL REFERENCES providers (name),
  subject TEXT NOT NULL,
  state INTEGER NOT NULL,
  due_time INTEGER,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX connections_by_application ON connections (application, name);
CREATE INDEX connections_by_provider ON connections (provider, name);
CREATE INDEX connections_by_subject
  ON connections (application, subject, name);
CREATE INDEX connections_by_state ON connections (state);
CREATE INDEX connections_by_due_time ON connections (due_time, name)
  WHERE due_time IS NOT NULL;

CREATE TABLE connection_labels (
  application TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  connection TEXT NOT NULL REFERENCES connections (name) ON DELETE CASCADE,
  PRIMARY KEY (application, key, value, connection)
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_labels_by_connection
  ON connection_labels (connection);

CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  application TEXT NOT NULL,
  time INTEGER NOT NULL,
  published INTEGER NOT NULL DEFAULT 0,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_application ON events (application, sequence);
CREATE INDEX events_unpublished ON events (sequence) WHERE published = 0;
)sql",
    // What is due is claimed by provider, and replicas tell that they live.
    R"sql(
DROP INDEX connections_by_due_time;
CREATE INDEX connections_by_due_time ON connections (due_time, name, provider)
  WHERE due_time IS NOT NULL;

CREATE TABLE replicas (
  instance TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  version TEXT NOT NULL,
  start_time INTEGER NOT NULL,
  beat_time INTEGER NOT NULL,
  status BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    // What people look for: words (search.h), what needs care, how many there
    // are, and a connection's events. Of what is there already, words are the
    // id and the subject until it is next refreshed, and events of before
    // belong to no connection.
    R"sql(
CREATE TABLE connection_words (
  connection TEXT PRIMARY KEY REFERENCES connections (name) ON DELETE CASCADE,
  words BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO connection_words (connection, words)
  SELECT name, CAST(lower(substr(name, instr(name, '/connections/') + 13)
    || char(10) || subject) AS BLOB) FROM connections;

ALTER TABLE connections ADD COLUMN ailing INTEGER NOT NULL DEFAULT 0;
DROP INDEX connections_by_state;
CREATE INDEX connections_by_health
  ON connections (application, provider, state, ailing);
CREATE INDEX connections_by_attention ON connections (application, name)
  WHERE state = 2 OR ailing = 1;

ALTER TABLE events ADD COLUMN connection TEXT NOT NULL DEFAULT '';
CREATE INDEX events_by_connection ON events (connection, sequence)
  WHERE connection <> '';
)sql",
    // Definitions that were added, and a number that rises with each change of
    // any of them.
    R"sql(
CREATE TABLE definitions (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
ALTER TABLE store ADD COLUMN definitions_revision INTEGER NOT NULL DEFAULT 0;
)sql",
};

absl::Status Unavailable(absl::string_view message) {
  return MakeError(Reason::kStoreUnavailable, message);
}

std::string SystemError(int code) {
  return std::generic_category().message(code);
}

// Makes what was just made in a folder outlive a loss of power.
void SyncFolder(const std::filesystem::path& folder) {
  const int file = open(folder.empty() ? "." : folder.c_str(),
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

// The settings that every connection has. secure_delete: a sealed token that
// was deleted is overwritten, not left in a free page.
absl::Status SetUp(sql::Sqlite& db) {
  return db.Execute(
      "PRAGMA foreign_keys = ON;"
      "PRAGMA trusted_schema = OFF;"
      "PRAGMA cell_size_check = ON;"
      "PRAGMA secure_delete = ON;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA cache_size = -8192;");
}

absl::Status Damaged(const std::string& path, absl::string_view how) {
  return Unavailable(absl::StrCat(
      "the database ", path, " is damaged (", how,
      "): keep a copy of it with its -wal and -shm files, then restore a "
      "backup, or save what can be read with `sqlite3 ",
      path, " .recover`"));
}

// Says what to do, if that is why a call failed.
absl::Status Explain(const sql::Sqlite& db, const std::string& path,
                     absl::Status status) {
  if (!status.ok() && db.damaged()) return Damaged(path, status.message());
  return status;
}

absl::Status CheckDamage(sql::Sqlite& db, const std::string& path,
                         std::int64_t max_checked_bytes) {
  VK_ASSIGN_OR_RETURN(const std::int64_t pages,
                      db.QueryInt("PRAGMA page_count"));
  VK_ASSIGN_OR_RETURN(const std::int64_t page_size,
                      db.QueryInt("PRAGMA page_size"));
  if (pages * page_size > max_checked_bytes) return absl::OkStatus();
  VK_ASSIGN_OR_RETURN(const std::string verdict,
                      db.QueryText("PRAGMA quick_check(1)"));
  return verdict == "ok" ? absl::OkStatus() : Damaged(path, verdict);
}

absl::StatusOr<std::int64_t> ReadVersion(sql::Sqlite& db,
                                         const std::string& path) {
  VK_ASSIGN_OR_RETURN(
      const std::int64_t tables,
      db.QueryInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
  if (tables == 0) return 0;
  VK_ASSIGN_OR_RETURN(
      const std::int64_t ours,
      db.QueryInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table' "
                  "AND name = 'schema_version'"));
  if (ours == 0) {
    return Unavailable(
        absl::StrCat("the file ", path, " is a database of another program"));
  }
  return db.QueryInt("SELECT max(version) FROM schema_version");
}

absl::Status Migrate(sql::Sqlite& db, const std::string& path, Random& random) {
  VK_ASSIGN_OR_RETURN(const std::int64_t version, ReadVersion(db, path));
  if (version > SchemaVersion()) {
    return Unavailable(absl::StrCat(
        "the database ", path, " has schema version ", version,
        ", and this program knows none above ", SchemaVersion(),
        ": run the newer program that wrote it, or restore a backup"));
  }
  if (version == SchemaVersion()) return absl::OkStatus();
  VK_RETURN_IF_ERROR(
      db.Execute("CREATE TABLE IF NOT EXISTS schema_version ("
                 "version INTEGER PRIMARY KEY) STRICT"));
  for (std::int64_t next = version; next < SchemaVersion(); ++next) {
    VK_RETURN_IF_ERROR(db.Execute(kMigrations[next]));
    VK_ASSIGN_OR_RETURN(
        sql::Statement insert,
        db.Prepare("INSERT INTO schema_version (version) VALUES (?1)"));
    insert.BindInt(1, next + 1);
    VK_RETURN_IF_ERROR(insert.Run());
  }
  if (version > 0) return absl::OkStatus();
  VK_ASSIGN_OR_RETURN(sql::Statement insert,
                      db.Prepare("INSERT INTO store (one, id) VALUES (1, ?1)"));
  insert.BindText(1, HexEncode(random.Bytes(8)));
  return insert.Run();
}

}  // namespace

int SchemaVersion() { return static_cast<int>(std::size(kMigrations)); }

absl::Status MakeDatabaseFile(const std::string& path) {
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  // From the top down, each that is missing with a mode of its own: what
  // std::filesystem makes is as open as the umask lets it be.
  std::filesystem::path made;
  for (const auto& part : folder) {
    made /= part;
    if (mkdir(made.c_str(), 0700) == 0) {
      SyncFolder(made.parent_path());
      continue;
    }
    if (errno == EEXIST) continue;
    const int error = errno;
    std::error_code ignored;
    if (std::filesystem::is_directory(made, ignored)) continue;
    return Unavailable(absl::StrCat("cannot make the folder ", made.string(),
                                    ": ", SystemError(error)));
  }
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return Unavailable(absl::StrCat("cannot open the database ", path, ": ",
                                    SystemError(errno)));
  }
  close(file);
  SyncFolder(folder);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<sql::Sqlite>> OpenWriter(
    const std::string& path) {
  VK_ASSIGN_OR_RETURN(auto db, sql::Sqlite::Open(path, {}));
  VK_RETURN_IF_ERROR(Explain(*db, path, SetUp(*db)));
  auto mode = db->QueryText("PRAGMA journal_mode = WAL");
  if (!mode.ok()) return Explain(*db, path, mode.status());
  if (*mode != "wal") {
    return Unavailable(absl::StrCat(
        "the database ", path,
        " cannot use a write-ahead log: its file system lacks shared memory "
        "or locks (is it on a network?)"));
  }
  VK_RETURN_IF_ERROR(
      db->Execute("PRAGMA synchronous = FULL;"
                  "PRAGMA journal_size_limit = 67108864;"));
  return db;
}

absl::StatusOr<std::unique_ptr<sql::Sqlite>> OpenReader(
    const std::string& path) {
  sql::SqliteOptions options;
  options.read_only = true;
  VK_ASSIGN_OR_RETURN(auto db, sql::Sqlite::Open(path, options));
  VK_RETURN_IF_ERROR(SetUp(*db));
  return db;
}

absl::Status CheckAndMigrate(sql::Sqlite& db, const std::string& path,
                             std::int64_t max_checked_bytes, Random& random) {
  VK_RETURN_IF_ERROR(
      Explain(db, path, CheckDamage(db, path, max_checked_bytes)));
  VK_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  absl::Status status = Migrate(db, path, random);
  if (status.ok()) status = db.Execute("COMMIT");
  if (!status.ok() && db.InTransaction()) db.Execute("ROLLBACK").IgnoreError();
  return status;
}

absl::StatusOr<std::string> ReadStoreId(sql::Sqlite& db) {
  return db.QueryText("SELECT id FROM store");
}

}  // namespace valetkey::store
