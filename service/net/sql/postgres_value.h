// What goes into a PostgreSQL statement and what comes out of it. All values
// travel in PostgreSQL's binary formats. Not thread-safe to change.

#ifndef VALETKEY_NET_SQL_POSTGRES_VALUE_H_
#define VALETKEY_NET_SQL_POSTGRES_VALUE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

struct pg_result;

namespace valetkey::sql {

// A parameter. Its type is sent along and is the same whether it is null.
class PostgresValue {
 public:
  static PostgresValue Int(std::optional<std::int64_t> value);  // bigint
  static PostgresValue Text(absl::string_view value);           // UTF-8, no NUL
  static PostgresValue Bytes(absl::string_view value);          // bytea
  static PostgresValue Ints(const std::vector<std::int64_t>& values);
  static PostgresValue Texts(const std::vector<std::string>& values);

  std::uint32_t type() const { return type_; }  // an OID of pg_type
  bool is_null() const { return is_null_; }
  const std::string& data() const { return data_; }  // as it is sent

 private:
  PostgresValue(std::uint32_t type, std::string data)
      : type_(type), data_(std::move(data)) {}

  std::uint32_t type_;
  bool is_null_ = false;
  std::string data_;
};

// One statement with its parameters, $1 and up.
struct PostgresStatement {
  std::string text;
  std::vector<PostgresValue> values;
  // Parsed once for each connection and kept under a name there. False for
  // what is seldom used, and for what can only be parsed once the statements
  // before it have run.
  bool prepared = true;
};

// What a statement has answered; holds the rows.
class PostgresResult {
 public:
  using Clock = std::chrono::steady_clock;

  PostgresResult() = default;
  // Takes it.
  explicit PostgresResult(pg_result* result);

  int rows() const;
  // Rows written by an INSERT, UPDATE or DELETE; else 0.
  std::int64_t affected() const;

  // REQUIRES for all: the row and the column exist.
  bool IsNull(int row, int column) const;
  // A smallint, integer or bigint; 0 for null and for any other type.
  std::int64_t Int(int row, int column) const;
  std::optional<std::int64_t> OptionalInt(int row, int column) const;
  bool Bool(int row, int column) const;
  // Of a text or bytea; "" for null. Valid while this object lives.
  absl::string_view Text(int row, int column) const;

  // When the batch was handed to the connection, and when its last answer was
  // there: the server has run it between the two.
  Clock::time_point sent;
  Clock::time_point received;

 private:
  std::shared_ptr<pg_result> result_;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_VALUE_H_
