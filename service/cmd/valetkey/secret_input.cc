#include "service/cmd/valetkey/secret_input.h"

#include <termios.h>
#include <unistd.h>

#include "service/cmd/valetkey/parse.h"

namespace valetkey::cli {
namespace {

// Turns the terminal's echo off while it lives.
class EchoOff {
 public:
  EchoOff() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~EchoOff() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

std::string ReadSecret(Shell& shell, const std::string& option,
                       const std::string& path, const std::string& prompt) {
  std::string secret;
  if (!path.empty()) {
    secret = ReadFile(option, path, shell.in());
  } else if (isatty(STDIN_FILENO) != 0) {
    const EchoOff echo_off;
    shell.err() << prompt << ": " << std::flush;
    std::getline(shell.in(), secret);
    shell.err() << "\n";
  } else {
    secret = ReadFile(option, "-", shell.in());
  }
  if (secret.empty()) throw CLI::ValidationError(option, "the secret is empty");
  return secret;
}

void ReadInputs(Shell& shell, const std::vector<std::string>& inputs,
                const std::vector<std::string>& files,
                google::protobuf::Map<std::string, std::string>* out) {
  FillMap(Checked("--input", ParsePairs(inputs)), out);
  for (const auto& [name, file] : Checked("--input-file", ParsePairs(files))) {
    if (out->count(name) != 0) {
      throw CLI::ValidationError("--input-file",
                                 "'" + name + "' is given by --input, too");
    }
    (*out)[name] = ReadSecret(shell, "--input-file", file, "");
  }
}

}  // namespace valetkey::cli
