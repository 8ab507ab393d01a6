// What is measured: a broker with many connections behind the RPC layer, and
// beside it a gRPC service that answers at once.

#ifndef VALETKEY_TESTS_BENCH_STACK_H_
#define VALETKEY_TESTS_BENCH_STACK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace valetkey::bench {

struct StackOptions {
  std::string folder;     // for the store and the socket
  std::string redis_url;  // "" for none
  int connections = 1000;
  std::size_t memory_entries = 1'000'000;
  int token_bytes = 150;
};

class Stack {
 public:
  explicit Stack(StackOptions options);
  ~Stack();

  absl::Status Start();

  const std::string& address() const;
  const std::string& authorization() const;
  // The same rights by a JWT of 1 KiB and a policy.
  const std::string& jwt_authorization() const;
  const std::vector<std::string>& names() const;
  // Has every connection read once, so that the caches are filled.
  absl::Status Warm();
  // Bytes of the heap that the memory cache takes for one connection.
  static double BytesPerCachedConnection(int token_bytes);
  // Look-ups that Redis answered.
  double RemoteHits() const;

 private:
  struct Parts;
  const StackOptions options_;
  std::unique_ptr<Parts> parts_;
};

// A server whose GetToken returns a token of `token_bytes` without looking at
// anything: an empty gRPC call of the same message sizes.
class EmptyServer {
 public:
  EmptyServer(std::string address, int token_bytes);
  ~EmptyServer();
  const std::string& address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace valetkey::bench

#endif  // VALETKEY_TESTS_BENCH_STACK_H_
