#include "sentencepiece_check.hpp"

#include <algorithm>
#include <cstdint>

#include "protobuf_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

// Field numbers of sentencepiece_model.proto.
constexpr std::uint64_t kTrainer = 2, kNormalizer = 3, kDenormalizer = 5;  // of ModelProto
constexpr std::uint64_t kUnknownSurface = 44;                              // of TrainerSpec
constexpr std::uint64_t kCharacterMap = 2;                                 // of NormalizerSpec

// Of what one character may become, or one unknown token: else a short text could become one that fills the memory.
constexpr std::size_t kLongestString = 1024;

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t k = 0; k < 4; ++k)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + k])) << (8 * k);
  return value;
}

/// The double array of darts-clone: bit 31 marks a value, bit 8 a value behind the unit, bits 9 to 30 the offset.
bool is_safe_array(std::string_view array, std::size_t value_limit) {
  const std::size_t count = array.size() / 4;
  for (std::size_t i = 0; i < count; ++i) {
    const auto unit = little_endian(array, 4 * i);
    if (i > 0 && (unit >> 31) != 0) continue;  // a value: no character leads on from it
    const std::size_t base = i ^ (static_cast<std::size_t>(unit >> 10) << ((unit & (1U << 9)) >> 6));
    if ((base | 0xFF) >= count) return false;  // a character may lead to any unit of the block
    const bool has_value = ((unit >> 8) & 1) != 0;
    if (has_value && (little_endian(array, 4 * base) & 0x7FFFFFFF) >= value_limit) return false;
  }
  return true;
}

/// Of NUL-terminated strings.
std::size_t longest_string(std::string_view strings) {
  std::size_t longest = 0;
  for (std::size_t begin = 0; begin < strings.size();) {
    const auto end = std::min(strings.find('\0', begin), strings.size());
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return longest;
}

/// Size of the array, the array, NUL-terminated strings that its values point into.
bool is_safe_map(std::string_view map) {
  if (map.empty()) return true;  // identity
  if (map.size() < 4) return false;
  const std::size_t size = little_endian(map, 0);
  if (size % 4 != 0 || size < 1024 || size >= map.size() - 4) return false;
  const auto strings = map.substr(4 + size);
  return strings.back() == '\0' && longest_string(strings) <= kLongestString &&
         is_safe_array(map.substr(4, size), strings.size());
}

}  // namespace

void check_sentencepiece_tables(std::string_view model, const std::string& where) {
  ProtobufFields fields(model, where);
  while (const auto field = fields.next()) {
    const bool is_trainer = field->number == kTrainer;
    if (!field->bytes || (!is_trainer && field->number != kNormalizer && field->number != kDenormalizer)) continue;
    ProtobufFields inner(*field->bytes, where);
    while (const auto part = inner.next()) {
      if (!part->bytes) continue;
      UNPACT_VALIDATE(is_trainer || part->number != kCharacterMap || is_safe_map(*part->bytes), concat(where, " is broken"),
                      "its normalization table points outside of itself or writes very long texts",
                      "fetch the file again from a source that you trust");
      UNPACT_VALIDATE(!is_trainer || part->number != kUnknownSurface || part->bytes->size() <= kLongestString,
                      concat(where, " is broken"), concat("it writes ", part->bytes->size(), " bytes for an unknown token"),
                      "fetch the file again from a source that you trust");
    }
  }
}

}  // namespace unpact
