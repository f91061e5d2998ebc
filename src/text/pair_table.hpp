#pragma once
/// A flat hash table from two token ids to a merge: open addressing, because it is asked several times a character.
#include <bit>
#include <cstdint>
#include <vector>

namespace unpact {

/// Rank in the upper, resulting id in the lower 32 bits: comparing two merges compares their ranks.
using Merge = std::uint64_t;
constexpr Merge kNoMerge = ~Merge{0};

class PairTable {
 public:
  explicit PairTable(std::size_t pairs = 0)
      : slots_(std::bit_ceil(2 * pairs + 2)), shift_(64 - std::bit_width(slots_.size() - 1)) {}

  /// Must be called at most `pairs` times. A pair that is there already gets the new merge.
  void set(std::uint32_t left, std::uint32_t right, Merge merge) {
    Slot& slot = slots_[find(key(left, right))];
    slot = {key(left, right), merge};
  }
  Merge get(std::uint32_t left, std::uint32_t right) const { return slots_[find(key(left, right))].merge; }

 private:
  struct Slot {
    std::uint64_t key = ~std::uint64_t{0};
    Merge merge = kNoMerge;
  };
  static std::uint64_t key(std::uint32_t left, std::uint32_t right) { return std::uint64_t{left} << 32 | right; }
  std::size_t find(std::uint64_t key) const {
    std::size_t at = (key * 0x9E3779B97F4A7C15ULL ^ key >> 29) * 0xD6E8FEB86659FD93ULL >> shift_;
    while (slots_[at].key != key && slots_[at].key != ~std::uint64_t{0}) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace unpact
