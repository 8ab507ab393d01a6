// A server that is a fake, and a folder of the test's own.

#ifndef VALETKEY_SIDECAR_SIDECAR_FIXTURE_H_
#define VALETKEY_SIDECAR_SIDECAR_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "valetkey/client.h"
#include "valetkey/testing/fake_valetkey.h"

namespace valetkey::sidecar {

inline constexpr char kName[] = "applications/shop/connections/c-7";

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

inline std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SidecarFixture : public testing::Test {
 protected:
  explicit SidecarFixture(const client::FakeOptions& options = {})
      : fake_(options) {
    // On tmpfs where there is one, as tokens are to be.
    const std::filesystem::path memory = "/dev/shm";
    std::string pattern = ((std::filesystem::exists(memory)
                                ? memory
                                : std::filesystem::temp_directory_path()) /
                           "vk-sidecar-XXXXXX")
                              .string();
    folder_ = mkdtemp(pattern.data());
    fake_.SetToken("c-7", "secret-1");
  }
  ~SidecarFixture() override { std::filesystem::remove_all(folder_); }

  client::FakeValetKey fake_;
  std::filesystem::path folder_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_SIDECAR_FIXTURE_H_
