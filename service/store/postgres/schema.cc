#include "service/store/postgres/schema.h"

#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/crypto.h"
#include "service/base/status.h"

namespace valetkey::store {
namespace {

using sql::PostgresStatement;
using sql::PostgresValue;

// Each brings the tables from its index to the next version; statements end
// with ";" at the end of a line.
constexpr const char* kMigrations[] = {
    // Times are microseconds since the Unix epoch, as in record.proto. Names
    // are ordered by their bytes; what people may have given any bytes to
    // (subjects, labels) is bytea. The partial indexes hold only what is due
    // or waits to be numbered or published, so that looking costs what
    // there is to do. CACHE 1: of two events of which one's writer has seen
    // the other, the later has the higher id, whatever connections they used.
    R"sql(
CREATE TABLE store (
  one SMALLINT PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL,
  checked BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE applications (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  record BYTEA NOT NULL
);
CREATE TABLE keys (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  application TEXT COLLATE "C" NOT NULL
    CONSTRAINT keys_application REFERENCES applications (name),
  digest BYTEA NOT NULL CONSTRAINT keys_digest UNIQUE,
  record BYTEA NOT NULL
);
CREATE INDEX keys_by_application ON keys (application, name);
CREATE TABLE providers (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  application TEXT COLLATE "C" NOT NULL
    CONSTRAINT providers_application REFERENCES applications (name),
  record BYTEA NOT NULL
);
CREATE INDEX providers_by_application ON providers (application, name);
CREATE TABLE authorizations (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  application TEXT COLLATE "C" NOT NULL
    CONSTRAINT authorizations_application REFERENCES applications (name),
  provider TEXT COLLATE "C" NOT NULL
    CONSTRAINT authorizations_provider REFERENCES providers (name),
  connection TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  expire_time BIGINT NOT NULL,
  record BYTEA NOT NULL
);
CREATE INDEX authorizations_by_application ON authorizations (application);
CREATE INDEX authorizations_by_provider ON authorizations (provider);
CREATE INDEX authorizations_by_connection ON authorizations (connection);
CREATE INDEX authorizations_by_expire_time ON authorizations (expire_time);
CREATE TABLE connections (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  application TEXT COLLATE "C" NOT NULL
    CONSTRAINT connections_application REFERENCES applications (name),
  provider TEXT COLLATE "C" NOT NULL
    CONSTRAINT connections_provider REFERENCES providers (name),
  subject BYTEA NOT NULL,
  state BIGINT NOT NULL,
  due_time BIGINT,
  record BYTEA NOT NULL
);
CREATE INDEX connections_by_application ON connections (application, name);
CREATE INDEX connections_by_provider ON connections (provider, name);
CREATE INDEX connections_by_subject
  ON connections (application, subject, name);
CREATE INDEX connections_by_state ON connections (state);
CREATE INDEX connections_by_due_time ON connections (due_time, name)
  WHERE due_time IS NOT NULL;
CREATE TABLE connection_labels (
  application TEXT COLLATE "C" NOT NULL,
  key BYTEA NOT NULL,
  value BYTEA NOT NULL,
  connection TEXT COLLATE "C" NOT NULL
    CONSTRAINT connection_labels_connection
    REFERENCES connections (name) ON DELETE CASCADE,
  PRIMARY KEY (application, key, value, connection)
);
CREATE INDEX connection_labels_by_connection
  ON connection_labels (connection);
CREATE INDEX connection_labels_by_label
  ON connection_labels (key, value, connection);
CREATE TABLE outbox (
  one SMALLINT PRIMARY KEY CHECK (one = 1),
  newest BIGINT NOT NULL
);
CREATE TABLE events (
  id BIGINT GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  sequence BIGINT CONSTRAINT events_sequence UNIQUE,
  application TEXT COLLATE "C" NOT NULL,
  time BIGINT NOT NULL,
  published BOOLEAN NOT NULL DEFAULT false,
  record BYTEA NOT NULL
);
CREATE INDEX events_by_application ON events (application, sequence);
CREATE INDEX events_unnumbered ON events (id) WHERE sequence IS NULL;
CREATE INDEX events_unpublished ON events (sequence) WHERE NOT published;
CREATE TABLE replicas (
  instance BYTEA PRIMARY KEY,
  host BYTEA NOT NULL,
  version BYTEA NOT NULL,
  start_time BIGINT NOT NULL,
  beat_time BIGINT NOT NULL,
  status BYTEA NOT NULL
);
INSERT INTO outbox (one, newest) VALUES (1, 0);
)sql",
    // What people look for: words (search.h), what needs care, how many there
    // are, and a connection's events. Of what is there already, words are the
    // id and the subject until it is next refreshed, and events of before
    // belong to no connection. (As "escape" a subject is ASCII whatever its
    // bytes are, so that lower() can be trusted with it.)
    R"sql(
CREATE TABLE connection_words (
  connection TEXT COLLATE "C" PRIMARY KEY
    CONSTRAINT connection_words_connection
    REFERENCES connections (name) ON DELETE CASCADE,
  words BYTEA NOT NULL
);
INSERT INTO connection_words (connection, words)
  SELECT name, decode(lower((encode(convert_to(split_part(name, '/', 4),
    'UTF8'), 'escape') || chr(10) || encode(subject, 'escape'))
    COLLATE "C"), 'escape') FROM connections;
ALTER TABLE connections ADD COLUMN ailing SMALLINT NOT NULL DEFAULT 0;
DROP INDEX connections_by_state;
CREATE INDEX connections_by_health
  ON connections (application, provider, state, ailing);
CREATE INDEX connections_by_attention ON connections (application, name)
  WHERE state = 2 OR ailing = 1;
ALTER TABLE events ADD COLUMN connection TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX events_by_connection ON events (connection, sequence)
  WHERE connection <> '';
)sql",
    // Definitions that were added, and a number that rises with each change of
    // any of them.
    R"sql(
CREATE TABLE definitions (
  name TEXT COLLATE "C" PRIMARY KEY,
  revision BIGINT NOT NULL,
  record BYTEA NOT NULL
);
ALTER TABLE store ADD COLUMN definitions_revision BIGINT NOT NULL DEFAULT 0;
)sql",
};

// Any constant that no other program is likely to lock in the same database.
constexpr std::int64_t kMigrationLock = 0x56414c45544b4559;

PostgresStatement Once(std::string text,
                       std::vector<PostgresValue> values = {}) {
  return {std::move(text), std::move(values), /*prepared=*/false};
}

using SteadyClock = std::chrono::steady_clock;

absl::Duration Left(SteadyClock::time_point deadline) {
  return absl::FromChrono(deadline - SteadyClock::now());
}

Task<absl::StatusOr<std::int64_t>> ReadVersion(sql::PostgresPool& pool,
                                               absl::Duration timeout) {
  auto tables = co_await pool.Run(
      {Once("SELECT to_regclass('schema_version') IS NOT NULL, "
            "to_regclass('applications') IS NOT NULL OR "
            "to_regclass('connections') IS NOT NULL OR "
            "to_regclass('events') IS NOT NULL OR "
            "to_regclass('store') IS NOT NULL")},
      timeout);
  if (!tables.ok()) co_return tables.status();
  if (!(*tables)[0].Bool(0, 0)) {
    if ((*tables)[0].Bool(0, 1)) {
      co_return sql::DatabaseError(pool.endpoint(),
                                   "it has tables of another program");
    }
    co_return 0;
  }
  auto version = co_await pool.Run(
      {Once("SELECT COALESCE(max(version), 0)::bigint FROM schema_version")},
      timeout);
  if (!version.ok()) co_return version.status();
  co_return (*version)[0].Int(0, 0);
}

// All that is missing above `version`, as one transaction, which fails with a
// division by zero if the version is another by now.
std::vector<PostgresStatement> Migration(std::int64_t version, Random& random) {
  std::vector<PostgresStatement> batch;
  batch.push_back(Once("SELECT pg_advisory_xact_lock($1)",
                       {PostgresValue::Int(kMigrationLock)}));
  batch.push_back(
      Once("CREATE TABLE IF NOT EXISTS schema_version "
           "(version BIGINT PRIMARY KEY)"));
  batch.push_back(
      Once("SELECT 1 / count(*) FROM (SELECT COALESCE(max(version), 0) AS "
           "version FROM schema_version) AS newest WHERE version = $1",
           {PostgresValue::Int(version)}));
  for (std::int64_t next = version; next < PostgresSchemaVersion(); ++next) {
    for (absl::string_view statement :
         absl::StrSplit(kMigrations[next], ";\n", absl::SkipWhitespace())) {
      batch.push_back(Once(std::string(statement)));
    }
    batch.push_back(Once("INSERT INTO schema_version (version) VALUES ($1)",
                         {PostgresValue::Int(next + 1)}));
  }
  if (version == 0) {
    batch.push_back(Once("INSERT INTO store (one, id) VALUES (1, $1)",
                         {PostgresValue::Text(HexEncode(random.Bytes(8)))}));
  }
  return batch;
}

// Whether another store was at it.
bool IsContended(const absl::Status& status) {
  const auto error = sql::PostgresErrorOf(status);
  return error && (error->sqlstate == sql::kDivisionByZero ||
                   error->sqlstate == sql::kUniqueViolation ||
                   error->sqlstate == sql::kLockNotAvailable ||
                   error->sqlstate == sql::kSerializationFailure ||
                   error->sqlstate == sql::kDeadlockDetected);
}

Task<absl::Status> Migrate(sql::PostgresPool& pool, Random& random,
                           SteadyClock::time_point deadline) {
  for (;;) {
    auto version = co_await ReadVersion(pool, Left(deadline));
    if (!version.ok()) co_return version.status();
    if (*version > PostgresSchemaVersion()) {
      co_return sql::DatabaseError(
          pool.endpoint(),
          absl::StrCat("it has schema version ", *version,
                       ", and this program knows none above ",
                       PostgresSchemaVersion(),
                       ": run the newer program that wrote it, or restore a "
                       "backup"));
    }
    if (*version == PostgresSchemaVersion()) co_return absl::OkStatus();
    auto done = co_await pool.Run(Migration(*version, random), Left(deadline));
    if (done.ok()) co_return absl::OkStatus();
    if (!IsContended(done.status()) || Left(deadline) < absl::ZeroDuration()) {
      co_return done.status();
    }
    co_await SleepFor(absl::Milliseconds(20));
  }
}

Task<absl::StatusOr<PostgresStoreState>> ReadState(sql::PostgresPool& pool,
                                                   absl::Duration timeout) {
  auto read = co_await pool.Run(
      {Once("SELECT id, (SELECT newest FROM outbox WHERE one = 1) FROM store "
            "WHERE one = 1")},
      timeout);
  if (!read.ok()) co_return read.status();
  if ((*read)[0].rows() != 1) {
    co_return sql::DatabaseError(pool.endpoint(), "its store table is empty");
  }
  PostgresStoreState state;
  state.id = std::string((*read)[0].Text(0, 0));
  state.newest = (*read)[0].Int(0, 1);
  co_return state;
}

}  // namespace

int PostgresSchemaVersion() { return static_cast<int>(std::size(kMigrations)); }

Task<absl::StatusOr<PostgresStoreState>> PreparePostgres(
    sql::PostgresPool& pool, Random& random, absl::Duration timeout) {
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(timeout);
  VK_CO_RETURN_IF_ERROR(co_await pool.WaitUntilConnected(Left(deadline)));
  VK_CO_RETURN_IF_ERROR(co_await Migrate(pool, random, deadline));
  co_return co_await ReadState(pool, Left(deadline));
}

}  // namespace valetkey::store
