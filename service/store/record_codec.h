// Between records and what a row keeps of them (record.proto). Pure functions.
//
// Encode writes all of a record but its columns into `blob`. The blob that is
// there already, of the row as it was, gives the fields that this program does
// not know, which stay; "" for a new row. Decode sets all but the columns;
// false if the blob is damaged.

#ifndef VALETKEY_STORE_RECORD_CODEC_H_
#define VALETKEY_STORE_RECORD_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/store/records.h"

namespace valetkey::store {

// Microseconds since the Unix epoch, rounded down; the ends of the range are
// the infinite past and future.
std::int64_t EncodeTime(absl::Time time);
absl::Time DecodeTime(std::int64_t micros);

// The clock as the store tells it: without what a row cannot keep.
absl::Time RoundTime(absl::Time time);

void Encode(const Application& record, std::string* blob);
void Encode(const ApiKey& record, std::string* blob);
void Encode(const Provider& record, std::string* blob);
void Encode(const Authorization& record, std::string* blob);
void Encode(const Connection& record, std::string* blob);
void Encode(const AddedDefinition& record, std::string* blob);
void Encode(const Event& record, std::string* blob);

bool Decode(absl::string_view blob, Application* record);
bool Decode(absl::string_view blob, ApiKey* record);
bool Decode(absl::string_view blob, Provider* record);
bool Decode(absl::string_view blob, Authorization* record);
bool Decode(absl::string_view blob, Connection* record);
bool Decode(absl::string_view blob, AddedDefinition* record);
bool Decode(absl::string_view blob, Event* record);

// Rounds every time in a record as keeping it would.
void RoundTimes(Application* record);
void RoundTimes(ApiKey* record);
void RoundTimes(Provider* record);
void RoundTimes(Authorization* record);
void RoundTimes(Connection* record);
void RoundTimes(AddedDefinition* record);
void RoundTimes(Event* record);

// The bytes that the blob of a provider has if it is of that catalog entry,
// and no other one's has: text in front of them has no control characters.
// Blobs are searched for it where an index would not pay.
std::string EncodedCatalogEntry(absl::string_view catalog_entry);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_RECORD_CODEC_H_
