#include "service/identity/algorithm.h"

namespace valetkey::identity {
namespace {

constexpr AlgorithmInfo kAlgorithms[] = {
    {Algorithm::kRs256, "RS256", KeyType::kRsa, false, "SHA256"},
    {Algorithm::kRs384, "RS384", KeyType::kRsa, false, "SHA384"},
    {Algorithm::kRs512, "RS512", KeyType::kRsa, false, "SHA512"},
    {Algorithm::kPs256, "PS256", KeyType::kRsa, true, "SHA256"},
    {Algorithm::kPs384, "PS384", KeyType::kRsa, true, "SHA384"},
    {Algorithm::kPs512, "PS512", KeyType::kRsa, true, "SHA512"},
    {Algorithm::kEs256, "ES256", KeyType::kP256, false, "SHA256"},
    {Algorithm::kEs384, "ES384", KeyType::kP384, false, "SHA384"},
    {Algorithm::kEdDsa, "EdDSA", KeyType::kEd25519, false, nullptr},
};

}  // namespace

absl::Span<const AlgorithmInfo> Algorithms() { return kAlgorithms; }

const AlgorithmInfo& InfoOf(Algorithm algorithm) {
  return kAlgorithms[static_cast<int>(algorithm) - 1];
}

std::optional<Algorithm> AlgorithmFromName(absl::string_view name) {
  for (const AlgorithmInfo& info : kAlgorithms) {
    if (name == info.name) return info.algorithm;
  }
  return std::nullopt;
}

}  // namespace valetkey::identity
