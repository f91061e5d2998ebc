#include <cstring>

#include "fuzz_target.hpp"
#include "unpact/core/json.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace {

using unpact::SafetensorsHeader;

std::uint64_t bytes_of(const std::string& dtype) {
  if (dtype == "BOOL" || dtype == "U8" || dtype == "I8") return 1;
  if (dtype.ends_with("16")) return 2;
  return dtype.ends_with("32") ? 4 : 8;
}

/// Whoever reads a tensor trusts this.
void check(const SafetensorsHeader& header, std::uint64_t file_bytes) {
  UNPACT_FUZZ_REQUIRE(header.data_begin <= file_bytes);
  unsigned __int128 covered = 0;
  for (const auto& [name, entry] : header.tensors) {
    unsigned __int128 size = bytes_of(entry.dtype);
    for (const auto extent : entry.shape) {
      UNPACT_FUZZ_REQUIRE(extent >= 0);
      size *= static_cast<std::uint64_t>(extent);
    }
    UNPACT_FUZZ_REQUIRE(entry.begin <= entry.end && entry.end <= file_bytes - header.data_begin);
    UNPACT_FUZZ_REQUIRE(size == entry.end - entry.begin);
    covered += size;
  }
  UNPACT_FUZZ_REQUIRE(covered == file_bytes - header.data_begin);
}

}  // namespace

/// A whole file, or after a line with the number of data bytes the JSON of a header, whose length is put in front.
UNPACT_FUZZ_TARGET(safetensors_header) {
  std::string file(input);
  std::uint64_t data_bytes = 0;
  const auto line = file.find('\n');
  if (!file.empty() && file[0] >= '0' && file[0] <= '9' && line != std::string::npos) {
    for (std::size_t i = 0; i < line && i < 18 && file[i] >= '0' && file[i] <= '9'; ++i)
      data_bytes = 10 * data_bytes + static_cast<std::uint64_t>(file[i] - '0');
    const std::uint64_t length = file.size() - line - 1;
    file.replace(0, line + 1, 8, '\0');
    std::memcpy(file.data(), &length, 8);
  }
  const std::vector<char> exact(file.begin(), file.end());
  const auto file_bytes = exact.size() + data_bytes;
  check(unpact::parse_safetensors_header(exact.data(), exact.size(), file_bytes, "input"), file_bytes);
}
