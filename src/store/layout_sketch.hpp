#pragma once
/// Stands in for hdf5::Writer to learn what a file will hold before it exists.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unpact/core/text.hpp"
#include "hdf5.hpp"
#include "writer.hpp"

namespace unpact {

class LayoutSketch {
 public:
  void attribute(const std::string&, const std::string& text) { bytes_ += kAttributeBytes + text.size(); }
  void attribute(const std::string&, std::int64_t) { bytes_ += kAttributeBytes; }
  void attribute(const std::string&, double) { bytes_ += kAttributeBytes; }
  void group_attribute(const std::string&, const std::string&, const std::string& text) {
    bytes_ += kAttributeBytes + text.size();
  }
  void group(const std::string&) { bytes_ += kObjectBytes; }
  template <class T>
  void numbers(const hdf5::Description& description, std::span<const T>, const std::vector<std::size_t>& shape) {
    add(description.path, sizeof(T), shape);
  }
  void strings(const hdf5::Description& description, const std::vector<std::string>& values,
               const std::vector<std::size_t>& shape) {
    add(description.path, hdf5::stored_width(values), shape);
  }
  void index_scale(const std::string& path, std::size_t size, const std::string&) {
    add(path, sizeof(std::uint64_t), {size});
  }

  /// A line a dataset: path, bytes of a value, extents. Ranks that write together must have the same.
  const std::string& text() const { return text_; }
  /// The most that the file can take while it is written: HDF5 first stores fill values, then data that at worst does
  /// not shrink.
  std::size_t most_bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kAttributeBytes = 512, kObjectBytes = 16 << 10;

  void add(const std::string& path, std::size_t width, const std::vector<std::size_t>& shape) {
    std::size_t raw = width;
    text_ += concat(path, " of ", width, " bytes x");
    for (const auto extent : shape) {
      raw *= extent;
      text_ += concat(" ", extent);
    }
    text_ += "\n";
    bytes_ += kObjectBytes + 2 * raw + raw / 16;
  }

  std::string text_;
  std::size_t bytes_ = 64 << 10;
};

}  // namespace unpact
