#include "service/base/utf8.h"

#include <cstdint>

namespace valetkey {

bool IsUtf8(absl::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    std::size_t size = 0;
    std::uint32_t code = 0;
    std::uint32_t least = 0;
    if (lead >= 0xc2 && lead < 0xe0) {
      size = 2, code = lead & 0x1f, least = 0x80;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      size = 3, code = lead & 0x0f, least = 0x800;
    } else if (lead >= 0xf0 && lead < 0xf5) {
      size = 4, code = lead & 0x07, least = 0x10000;
    }
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      return false;
    }
    i += size;
  }
  return true;
}

std::string ReadableUtf8(absl::string_view text) {
  std::string readable(text);
  if (IsUtf8(text)) return readable;
  for (char& c : readable) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return readable;
}

absl::string_view CutUtf8(absl::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) {
    --max;
  }
  return text.substr(0, max);
}

}  // namespace valetkey
