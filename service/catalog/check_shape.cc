// What the other checks rely on. Lists are bounded, for those checks, and what
// a definition does, take time in proportion to products of their sizes: of
// environments and all the rest, of the steps of a revocation and the tokens of
// a grant. Text is UTF-8, for it is quoted in messages: Protobuf's text format
// can write any bytes.

#include <vector>

#include "absl/strings/str_cat.h"
#include "service/base/utf8.h"
#include "service/catalog/check.h"

namespace valetkey::catalog {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// Each of these is sent, or is a definition of its own.
constexpr int kMaxCalls = 8;
// Each has a pattern, for which its values are matched.
constexpr int kMaxInputs = 10;
constexpr int kMaxCaptures = 32;
constexpr int kMaxItems = 500;

int MaxItems(absl::string_view field) {
  if (field == "environments" || field == "post_exchange" ||
      field == "extra_tokens" || field == "steps") {
    return kMaxCalls;
  }
  if (field == "inputs") return kMaxInputs;
  if (field == "captures") return kMaxCaptures;
  return kMaxItems;
}

}  // namespace

void CheckShape(const Spot& spot) {
  const Message& message = spot.message();
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int size = repeated ? reflection->FieldSize(message, field) : 1;
    const int most = MaxItems(field->name());
    if (size > most) {
      spot.Fault(field, most, absl::StrCat("expected at most ", most));
      continue;
    }
    for (int i = 0; i < size; ++i) {
      const int index = repeated ? i : -1;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        CheckShape(spot.Field(field, index));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
                 !IsUtf8(repeated
                             ? reflection->GetRepeatedString(message, field, i)
                             : reflection->GetString(message, field))) {
        spot.Fault(field, index, "expected UTF-8");
      }
    }
  }
}

}  // namespace valetkey::catalog
