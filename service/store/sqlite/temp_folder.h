// A folder that goes with its owner, for tests.

#ifndef VALETKEY_STORE_SQLITE_TEMP_FOLDER_H_
#define VALETKEY_STORE_SQLITE_TEMP_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace valetkey::store {

class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "valetkey-store-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_TEMP_FOLDER_H_
