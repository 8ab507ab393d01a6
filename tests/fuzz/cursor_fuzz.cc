// Any cursor that a client may present: what is accepted must be exactly what
// was once given out.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/events/event_hub.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace valetkey;  // NOLINT
  static const auto& store = *new std::string("0123456789abcdef");
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  // As it is, and as bytes that pass the first check.
  for (const std::string& cursor :
       {std::string(input), Base64UrlEncode(input)}) {
    auto sequence = events::DecodeCursor(store, cursor);
    if (sequence.ok()) {
      if (*sequence < 0) std::abort();
      if (events::EncodeCursor(store, *sequence) != cursor) std::abort();
    } else if (ReasonOf(sequence.status()) != Reason::kCursorInvalid) {
      std::abort();
    }
  }
  return 0;
}
