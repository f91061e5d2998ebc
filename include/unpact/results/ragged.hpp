#pragma once
/// Rows of different length.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unpact {

/// Row r is values[offsets[r] .. offsets[r+1]).
template <class T>
struct Ragged {
  std::vector<T> values;
  std::vector<std::uint64_t> offsets = {0};
  void add(const std::vector<T>& row) {
    values.insert(values.end(), row.begin(), row.end());
    offsets.push_back(values.size());
  }
  std::size_t rows() const { return offsets.size() - 1; }
  std::vector<T> row(std::size_t r) const {
    return {values.begin() + static_cast<std::ptrdiff_t>(offsets[r]),
            values.begin() + static_cast<std::ptrdiff_t>(offsets[r + 1])};
  }
};

}  // namespace unpact
