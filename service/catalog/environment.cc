#include "service/catalog/environment.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace valetkey::catalog {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// Set fields replace, messages merge, lists are replaced whole.
void Override(const Message& from, Message& to) {
  const Reflection* reflection = from.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(from, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated() &&
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Override(reflection->GetMessage(from, field),
               *reflection->MutableMessage(&to, field));
    }
  }
  // What is left to copy: scalars and lists.
  const std::unique_ptr<Message> rest(from.New());
  rest->CopyFrom(from);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) {
      reflection->ClearField(&to, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      reflection->ClearField(rest.get(), field);
    }
  }
  to.MergeFrom(*rest);
}

}  // namespace

absl::Status ClearField(absl::string_view path, Message& message) {
  const std::size_t dot = path.find('.');
  const std::string name(path.substr(0, dot));
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no field \"", name, "\""));
  }
  const Reflection* reflection = message.GetReflection();
  if (dot == absl::string_view::npos) {
    reflection->ClearField(&message, field);
    return absl::OkStatus();
  }
  if (field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" has no fields of its own"));
  }
  if (!reflection->HasField(message, field)) {
    // Nothing to clear; the path is looked at all the same.
    const std::unique_ptr<Message> scratch(
        reflection->GetMessage(message, field).New());
    return ClearField(path.substr(dot + 1), *scratch);
  }
  return ClearField(path.substr(dot + 1),
                    *reflection->MutableMessage(&message, field));
}

Definition ApplyEnvironment(
    const Definition& definition,
    const ::valetkey::catalog::v1::Environment& environment) {
  Definition merged = definition;
  merged.clear_environments();
  for (const std::string& path : environment.cleared_fields()) {
    ClearField(path, merged).IgnoreError();
  }
  Override(environment.overrides(), merged);
  return merged;
}

}  // namespace valetkey::catalog
