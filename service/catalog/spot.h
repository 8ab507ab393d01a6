// Where in a file in text format something is wrong: file, line and field. For
// definitions, and for other files of the operator's that are written so.

#ifndef VALETKEY_CATALOG_SPOT_H_
#define VALETKEY_CATALOG_SPOT_H_

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace valetkey::catalog {

// Something found at a line.
struct Finding {
  int line = 0;       // from 1; 0: of the whole
  std::string field;  // "token.url"; "" if the text cannot be read
  std::string message;

  bool operator==(const Finding&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  return out << finding.line << ": " << finding.field << ": "
             << finding.message;
}

// The faults found in one file. Further ones than the twentieth are dropped.
class Faults {
 public:
  explicit Faults(absl::string_view file) : file_(file) {}
  void Add(int line, absl::string_view field, absl::string_view text);

  bool empty() const { return faults_.empty(); }
  const std::vector<Finding>& all() const { return faults_; }
  // One a line, as "file:line: field: text".
  std::string Join() const;

 private:
  std::string file_;
  std::vector<Finding> faults_;
};

// What the parser of text format complains of.
class FaultCollector final : public google::protobuf::io::ErrorCollector {
 public:
  explicit FaultCollector(Faults& faults) : faults_(faults) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override;

 private:
  Faults& faults_;
};

// A message within a file, and where it was read. Copies are cheap but
// for the path; the message, tree and faults must outlive it.
class Spot {
 public:
  using Tree = google::protobuf::TextFormat::ParseInfoTree;

  // `tree` may be null; `line` (from 1) is that of the whole, or 0.
  Spot(const google::protobuf::Message& message, Tree* tree, std::string path,
       int line, Faults& faults)
      : message_(&message),
        tree_(tree),
        path_(std::move(path)),
        line_(line),
        faults_(&faults) {}

  const google::protobuf::Message& message() const { return *message_; }

  // A message field of this one; `index` is -1 unless it is a list.
  Spot Field(const google::protobuf::FieldDescriptor* field, int index) const;
  Spot Field(const char* name, int index = -1) const;

  // Adds a fault of a field, at its line if it is there, else at ours.
  void Fault(const google::protobuf::FieldDescriptor* field, int index,
             absl::string_view text) const;
  void Fault(const char* name, absl::string_view text, int index = -1) const;

 private:
  const google::protobuf::FieldDescriptor* Named(const char* name) const;
  std::string PathOf(const google::protobuf::FieldDescriptor* field,
                     int index) const;
  int LineOf(const google::protobuf::FieldDescriptor* field, int index) const;

  const google::protobuf::Message* message_;
  Tree* tree_;
  std::string path_;  // "" or with a "." at the end
  int line_;
  Faults* faults_;
};

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_SPOT_H_
