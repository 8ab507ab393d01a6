#include "service/net/sql/postgres_value.h"

#include <libpq-fe.h>

#include <cstdlib>

namespace valetkey::sql {
namespace {

// Of pg_type; they never change.
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kTextArray = 1009;
constexpr std::uint32_t kInt8Array = 1016;

// Big-endian, as all numbers of the protocol are.
template <class T>
void AppendNumber(T value, std::string* out) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0;
       shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

// The head of an array of one dimension without nulls.
std::string ArrayHead(std::uint32_t element, std::size_t size) {
  std::string data;
  AppendNumber<std::uint32_t>(size == 0 ? 0 : 1, &data);  // dimensions
  AppendNumber<std::uint32_t>(0, &data);                  // no nulls
  AppendNumber<std::uint32_t>(element, &data);
  if (size == 0) return data;
  AppendNumber(static_cast<std::uint32_t>(size), &data);
  AppendNumber<std::uint32_t>(1, &data);  // the first index
  return data;
}

}  // namespace

PostgresValue PostgresValue::Int(std::optional<std::int64_t> value) {
  std::string data;
  if (value) AppendNumber(static_cast<std::uint64_t>(*value), &data);
  PostgresValue made(kInt8, std::move(data));
  made.is_null_ = !value.has_value();
  return made;
}

PostgresValue PostgresValue::Text(absl::string_view value) {
  return {kText, std::string(value)};
}

PostgresValue PostgresValue::Bytes(absl::string_view value) {
  return {kBytea, std::string(value)};
}

PostgresValue PostgresValue::Ints(const std::vector<std::int64_t>& values) {
  std::string data = ArrayHead(kInt8, values.size());
  for (std::int64_t value : values) {
    AppendNumber<std::uint32_t>(8, &data);
    AppendNumber(static_cast<std::uint64_t>(value), &data);
  }
  return {kInt8Array, std::move(data)};
}

PostgresValue PostgresValue::Texts(const std::vector<std::string>& values) {
  std::string data = ArrayHead(kText, values.size());
  for (const std::string& value : values) {
    AppendNumber(static_cast<std::uint32_t>(value.size()), &data);
    data += value;
  }
  return {kTextArray, std::move(data)};
}

PostgresResult::PostgresResult(pg_result* result) : result_(result, PQclear) {}

int PostgresResult::rows() const { return PQntuples(result_.get()); }

std::int64_t PostgresResult::affected() const {
  const char* text = PQcmdTuples(result_.get());
  return std::strtoll(text, nullptr, 10);
}

bool PostgresResult::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::int64_t PostgresResult::Int(int row, int column) const {
  const absl::string_view data = Text(row, column);
  if (data.size() != 2 && data.size() != 4 && data.size() != 8) return 0;
  // The first byte has the sign.
  std::uint64_t value = (data[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (char c : data) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> PostgresResult::OptionalInt(int row,
                                                        int column) const {
  if (IsNull(row, column)) return std::nullopt;
  return Int(row, column);
}

bool PostgresResult::Bool(int row, int column) const {
  const absl::string_view data = Text(row, column);
  return !data.empty() && data[0] != 0;
}

absl::string_view PostgresResult::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

}  // namespace valetkey::sql
