#pragma once
/// For tests: the binary files of make_fixtures.py.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "unpact/core/atomic_file.hpp"

namespace unpact::testing_support {

/// Reads numbers and strings one after the other.
class FixtureReader {
 public:
  explicit FixtureReader(const std::filesystem::path& file) : content_(read_file(file)) {}
  std::uint32_t number() {
    std::uint32_t value = 0;
    std::memcpy(&value, take(4).data(), 4);
    return value;
  }
  std::string_view text() { return take(number()); }
  bool at_end() const { return at_ == content_.size(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > content_.size() - at_) throw std::runtime_error("a fixture is cut short");
    at_ += size;
    return std::string_view(content_).substr(at_ - size, size);
  }
  std::string content_;
  std::size_t at_ = 0;
};

}  // namespace unpact::testing_support
