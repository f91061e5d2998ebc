#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "unpact/core/error.hpp"

namespace unpact {

struct ProtobufField {
  std::uint64_t number = 0;
  std::optional<std::string_view> bytes;  ///< of a length-delimited field
  std::optional<std::uint64_t> integer;   ///< of a varint
};

/// Walks over the fields of a protobuf message of a SentencePiece model, refusing what it does not understand.
class ProtobufFields {
 public:
  /// @param where must outlive this object.
  ProtobufFields(std::string_view message, const std::string& where) : rest_(message), where_(where) {}

  /// @throws UserError naming `where`.
  std::optional<ProtobufField> next() {
    if (rest_.empty()) return std::nullopt;
    const auto tag = varint();
    ProtobufField field{tag >> 3, std::nullopt, std::nullopt};
    switch (tag & 7) {
      case 0: field.integer = varint(); break;
      case 1: take(8); break;
      case 2: field.bytes = take(varint()); break;
      case 5: take(4); break;
      default: broken();
    }
    return field;
  }

 private:
  [[noreturn]] void broken() const {
    throw UserError(concat(where_, " is not a SentencePiece model"), "it is not a well-formed protobuf message",
                    "check that the file is complete; models of tiktoken's kind (Llama 3) are not supported");
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    broken();
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) broken();
    const auto bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest_;
  const std::string& where_;
};

}  // namespace unpact
