#include "service/store/postgres/definitions.h"

#include "service/base/status.h"
#include "service/store/record_codec.h"

namespace valetkey::store::postgres {

using sql::PostgresResult;
using sql::PostgresStatement;
using sql::PostgresValue;

// One statement, so that all of it is of one moment.
PostgresStatement SelectDefinitions() {
  return {
      "SELECT d.name, d.revision, d.record, s.definitions_revision "
      "FROM store AS s LEFT JOIN definitions AS d ON true "
      "WHERE s.one = 1 ORDER BY d.name",
      {}};
}

absl::StatusOr<AddedDefinitions> DefinitionsOf(const PostgresResult& result) {
  AddedDefinitions all;
  for (int row = 0; row < result.rows(); ++row) {
    all.revision = result.Int(row, 3);
    if (result.IsNull(row, 0)) continue;
    VK_RETURN_IF_ERROR(ReadRow(result, row, 0, &all.items.emplace_back()));
  }
  return all;
}

PostgresStatement SelectDefinitionsRevision() {
  return {"SELECT definitions_revision FROM store WHERE one = 1", {}};
}

PostgresStatement HoldDefinition(const std::string& name) {
  return {
      "WITH held AS (SELECT 1 FROM definitions WHERE name = $1 FOR KEY SHARE) "
      "SELECT 1 / count(*) FROM held",
      {PostgresValue::Text(name)}};
}

// Their records are read, and all of them: providers are few, and it is rare.
PostgresStatement CheckUnused(const std::string& name) {
  return {
      "WITH used AS (SELECT 1 FROM providers WHERE position($1 in record) > 0 "
      "LIMIT 1) SELECT 1 / (1 - count(*)) FROM used",
      {PostgresValue::Bytes(EncodedCatalogEntry(name))}};
}

PostgresStatement RaiseDefinitionsRevision() {
  return {
      "UPDATE store SET definitions_revision = definitions_revision + 1 "
      "WHERE one = 1",
      {}};
}

}  // namespace valetkey::store::postgres
