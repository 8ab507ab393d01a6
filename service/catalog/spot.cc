#include "service/catalog/spot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/utf8.h"

namespace valetkey::catalog {

using ::google::protobuf::FieldDescriptor;

void Faults::Add(int line, absl::string_view field, absl::string_view text) {
  if (faults_.size() >= 20) return;
  // Protobuf's parser quotes bytes, not characters.
  faults_.push_back({line, std::string(field), ReadableUtf8(text)});
}

std::string Faults::Join() const {
  return absl::StrJoin(
      faults_, "\n", [this](std::string* out, const Finding& fault) {
        absl::StrAppend(out, file_, ":", std::max(fault.line, 1), ": ",
                        fault.field, fault.field.empty() ? "" : ": ",
                        fault.message);
      });
}

void FaultCollector::AddError(int line,
                              google::protobuf::io::ColumnNumber column,
                              const std::string& message) {
  faults_.Add(line + 1, "", absl::StrCat("column ", column + 1, ": ", message));
}

const FieldDescriptor* Spot::Named(const char* name) const {
  return message_->GetDescriptor()->FindFieldByName(name);
}

std::string Spot::PathOf(const FieldDescriptor* field, int index) const {
  std::string path = absl::StrCat(path_, std::string(field->name()));
  if (index >= 0) absl::StrAppend(&path, "[", index, "]");
  return path;
}

int Spot::LineOf(const FieldDescriptor* field, int index) const {
  if (tree_ == nullptr || (field->is_repeated() && index < 0)) return line_;
  const int line = tree_->GetLocation(field, index).line;
  return line < 0 ? line_ : line + 1;
}

Spot Spot::Field(const FieldDescriptor* field, int index) const {
  const auto* reflection = message_->GetReflection();
  return Spot(
      index < 0 ? reflection->GetMessage(*message_, field)
                : reflection->GetRepeatedMessage(*message_, field, index),
      tree_ == nullptr ? nullptr : tree_->GetTreeForNested(field, index),
      PathOf(field, index) + ".", LineOf(field, index), *faults_);
}

Spot Spot::Field(const char* name, int index) const {
  return Field(Named(name), index);
}

void Spot::Fault(const FieldDescriptor* field, int index,
                 absl::string_view text) const {
  faults_->Add(LineOf(field, index), PathOf(field, index), text);
}

void Spot::Fault(const char* name, absl::string_view text, int index) const {
  Fault(Named(name), index, text);
}

}  // namespace valetkey::catalog
