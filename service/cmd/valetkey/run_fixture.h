// A fixture that runs whole command lines against a server in this process.

#ifndef VALETKEY_CMD_VALETKEY_RUN_FIXTURE_H_
#define VALETKEY_CMD_VALETKEY_RUN_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "service/cmd/valetkey/shell.h"
#include "service/cmd/valetkey/test_server.h"

namespace valetkey::cli {

struct Ended {
  int code;
  std::string out;
  std::string err;
};

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    for (const char* name :
         {"VALETKEY_ADDRESS", "VALETKEY_API_KEY", "VALETKEY_APPLICATION"}) {
      unsetenv(name);
    }
  }

  // Runs `valetkey --address … --application shop` with the arguments.
  Ended Valetkey(std::vector<std::string> arguments, std::string input = "") {
    std::vector<std::string> all = {"valetkey", "--address", server_.address(),
                                    "--application", "shop"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Bare(all, input);
  }

  Ended Bare(const std::vector<std::string>& arguments,
             const std::string& input = "") {
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    server_.Sync();
    const int code =
        cli::Run(static_cast<int>(argv.size()), argv.data(), in, out, err);
    server_.Sync();
    return {code, out.str(), err.str()};
  }

  std::string WriteFile(const std::string& name, const std::string& text) {
    const std::string path = ::testing::TempDir() + name;
    std::ofstream(path) << text;
    return path;
  }

  TestServer server_;
};

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_RUN_FIXTURE_H_
