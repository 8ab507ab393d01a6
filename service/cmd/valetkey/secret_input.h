// Reads a secret that may not stand on the command line, where every user of
// the machine could see it.

#ifndef VALETKEY_CMD_VALETKEY_SECRET_INPUT_H_
#define VALETKEY_CMD_VALETKEY_SECRET_INPUT_H_

#include <google/protobuf/map.h>

#include <string>
#include <vector>

#include "service/cmd/valetkey/shell.h"

namespace valetkey::cli {

// From the file ("-": standard input); without one, asks for it on the
// terminal without echo, or reads standard input where there is no terminal.
// `option` names the file's option in errors.
std::string ReadSecret(Shell& shell, const std::string& option,
                       const std::string& path, const std::string& prompt);

// The values of --input KEY=VALUE and of --input-file KEY=FILE; a secret one
// belongs into a file.
void ReadInputs(Shell& shell, const std::vector<std::string>& inputs,
                const std::vector<std::string>& files,
                google::protobuf::Map<std::string, std::string>* out);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_SECRET_INPUT_H_
