#pragma once
/// Values as bytes, for what travels between ranks or lies in pages on the disk; both are read by the program that wrote
/// them, so numbers keep the machine's own form.
///
/// Numbers and enumerations are their bytes; strings and vectors their length (uint64) and then their items; a struct is
/// its fields, which it lists once:
///
///     template <class Self> static auto fields(Self& self) { return std::tie(self.a, self.b); }
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {

template <class T>
concept PlainNumber = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T>
concept ListsFields = requires(T& value) {
  T::fields(value);
};

/// A string or a vector; a vector of bool has no items of its own.
template <class T>
concept CodedSequence = std::same_as<T, std::string> ||
    (std::same_as<T, std::vector<typename T::value_type>> && !std::same_as<T, std::vector<bool>>);

class Encoder {
 public:
  template <class T>
  void put(const T& value) {
    if constexpr (PlainNumber<T>) {
      put_bytes(&value, sizeof value);
    } else if constexpr (ListsFields<T>) {
      std::apply([this](const auto&... field) { (this->put(field), ...); }, T::fields(value));
    } else {
      static_assert(CodedSequence<T>, "a number, a string, a vector, or a struct that lists its fields");
      put(static_cast<std::uint64_t>(value.size()));
      if constexpr (PlainNumber<typename T::value_type>)
        put_bytes(value.data(), value.size() * sizeof(typename T::value_type));
      else
        for (const auto& item : value) put(item);
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  void put_bytes(const void* data, std::size_t size) {
    if (size > 0) bytes_.append(static_cast<const char*>(data), size);
  }
  std::string bytes_;
};

class Decoder {
 public:
  /// @param bytes must outlive the decoder.
  explicit Decoder(std::string_view bytes) : left_(bytes) {}

  /// @throws RuntimeFailure when fewer bytes are left than the value takes.
  template <class T>
  void get(T& value) {
    if constexpr (std::same_as<T, bool>) {
      std::uint8_t byte = 0;
      get_bytes(&byte, 1);
      value = byte != 0;
    } else if constexpr (PlainNumber<T>) {
      get_bytes(&value, sizeof value);
    } else if constexpr (ListsFields<T>) {
      std::apply([this](auto&... field) { (this->get(field), ...); }, T::fields(value));
    } else {
      static_assert(CodedSequence<T>, "a number, a string, a vector, or a struct that lists its fields");
      get_items(value);
    }
  }
  bool is_empty() const { return left_.empty(); }

 private:
  template <class T>
  void get_items(T& value) {
    using Item = typename T::value_type;
    constexpr std::size_t least = PlainNumber<Item> ? sizeof(Item) : 1;  // bytes that an item takes
    std::uint64_t count = 0;
    get(count);
    if (count > left_.size() / least) refuse();  // before memory is taken for it
    value.resize(count);
    if constexpr (PlainNumber<Item>) get_bytes(value.data(), count * sizeof(Item));
    else
      for (auto& item : value) get(item);
  }
  void get_bytes(void* data, std::size_t size) {
    if (size > left_.size()) refuse();
    if (size > 0) std::memcpy(data, left_.data(), size);
    left_.remove_prefix(size);
  }
  [[noreturn]] static void refuse() {
    throw RuntimeFailure("encoded values are cut off", "a value takes more bytes than there are",
                         "were they written by another version?");
  }
  std::string_view left_;
};

template <class T>
std::string encode(const T& value) {
  Encoder encoder;
  encoder.put(value);
  return encoder.take();
}

/// @throws RuntimeFailure when the bytes are not exactly those of a T.
template <class T>
T decode(std::string_view bytes) {
  T value{};
  Decoder decoder(bytes);
  decoder.get(value);
  if (!decoder.is_empty())
    throw RuntimeFailure("encoded values are followed by other bytes", "they hold something else",
                         "were they written by another version?");
  return value;
}

}  // namespace unpact
