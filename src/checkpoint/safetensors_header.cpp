#include <algorithm>
#include <cstring>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {
namespace {

constexpr std::ptrdiff_t kMostValues = 4'000'000;  // some 400,000 tensors; in memory a value takes up to 100 bytes

std::uint64_t dtype_bytes(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},  {"I32", 4},     {"I16", 2},     {"I8", 1},
      {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};
  const auto it = sizes.find(dtype);
  return it == sizes.end() ? 0 : it->second;
}

[[noreturn]] void broken(const std::string& where, const std::string& what, const std::string& reason) {
  throw UserError(concat(where, ": ", what), reason, "the file is damaged or not a safetensors file: fetch it again");
}

std::uint64_t unsigned_value(const Json& value, const std::string& where, const std::string& tensor) {
  if (!value.is_number_unsigned())
    broken(where, concat("tensor '", tensor, "' has a bad number"), "sizes and offsets must be whole numbers >= 0");
  return value.get<std::uint64_t>();
}

TensorEntry parse_entry(const Json& json, const std::string& name, const std::string& where) {
  if (!json.is_object() || !json.contains("shape") || !json["shape"].is_array() || !json.contains("data_offsets") ||
      !json["data_offsets"].is_array() || json["data_offsets"].size() != 2)
    broken(where, concat("tensor '", name, "' is not described"), "it needs dtype, shape and two data_offsets");
  TensorEntry entry;
  entry.dtype = require_string(json, "dtype", concat(where, ": tensor '", name, "'"));
  std::uint64_t bytes = dtype_bytes(entry.dtype);
  if (bytes == 0)
    broken(where, concat("tensor '", name, "' has the unknown dtype '", entry.dtype, "'"), "it cannot be read");
  for (const auto& extent : json["shape"]) {
    const auto size = unsigned_value(extent, where, name);
    if (size > (1ULL << 62) || __builtin_mul_overflow(bytes, size, &bytes))
      broken(where, concat("tensor '", name, "' has an impossible shape"), "its number of bytes overflows");
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  entry.begin = unsigned_value(json["data_offsets"][0], where, name);
  entry.end = unsigned_value(json["data_offsets"][1], where, name);
  if (entry.end < entry.begin)
    broken(where, concat("tensor '", name, "' has reversed offsets"), concat(entry.begin, " > ", entry.end));
  if (entry.end - entry.begin != bytes)
    broken(where, concat("tensor '", name, "' has the wrong length"),
           concat("shape and dtype need ", bytes, " bytes, the offsets span ", entry.end - entry.begin));
  return entry;
}

/// The data must be covered exactly once, without gaps.
void check_coverage(const SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& where) {
  std::vector<std::pair<TensorEntry, std::string>> by_offset;
  for (const auto& [name, entry] : header.tensors) by_offset.emplace_back(entry, name);
  std::sort(by_offset.begin(), by_offset.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  std::uint64_t expected = 0;
  for (const auto& [entry, name] : by_offset) {
    if (entry.begin != expected)
      broken(where, concat("tensor '", name, entry.begin < expected ? "' overlaps another one" : "' leaves a gap before it"),
             concat("it begins at byte ", entry.begin, " of the data, expected ", expected));
    if (entry.end > data_bytes)
      broken(where, concat("tensor '", name, "' reaches past the end of the file"),
             concat("it ends at byte ", entry.end, " of the data, the file has ", data_bytes, ": cut short?"));
    expected = entry.end;
  }
  if (expected != data_bytes)
    broken(where, "there are bytes behind the last tensor", concat(data_bytes - expected, " bytes belong to no tensor"));
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const char* bytes, std::uint64_t available, std::uint64_t file_bytes,
                                           const std::string& where) {
  constexpr std::string_view lfs = "version https://git-lfs";
  if (available >= lfs.size() && std::string_view(bytes, lfs.size()) == lfs)
    throw UserError(concat(where, " is a Git LFS pointer, not the weights"),
                    "the repository was cloned without its large files",
                    "run `git lfs pull` in that folder or download the file again");
  if (available < 8) broken(where, "the file is too short", "a safetensors file begins with 8 bytes of header length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes, 8);
  if (length > kMaxSafetensorsHeader)
    broken(where, "the header is too long", concat(length, " bytes, at most ", kMaxSafetensorsHeader, " are allowed"));
  if (length < 2 || length > file_bytes - 8 || length > available - 8)
    broken(where, "the header does not fit into the file", concat("it claims ", length, " bytes of ", file_bytes - 8));
  if (std::count_if(bytes + 8, bytes + 8 + length, [](char c) { return c == ':' || c == ','; }) > kMostValues)
    broken(where, "the header lists too many values", concat("it holds more than ", kMostValues));
  const auto json = parse_json(std::string_view(bytes + 8, length), where + " (header)", 8);
  if (!json.is_object()) broken(where, "the header is not a JSON object", "tensors are listed by name");
  SafetensorsHeader header;
  header.data_begin = 8 + length;
  for (const auto& [name, value] : json.items()) {
    if (name != "__metadata__") {
      header.tensors.emplace(name, parse_entry(value, name, where));
      continue;
    }
    if (!value.is_object()) broken(where, "__metadata__ is not an object", "it maps strings to strings");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) broken(where, concat("metadata '", key, "' is not a string"), "it maps strings to strings");
      header.metadata.emplace(key, text.get<std::string>());
    }
  }
  check_coverage(header, file_bytes - header.data_begin, where);
  return header;
}

}  // namespace unpact
