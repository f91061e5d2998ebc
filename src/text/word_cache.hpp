#pragma once
/// The tokens of words seen before.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

/// A token of a word and the word's bytes behind it.
struct Symbol {
  std::uint32_t id = 0, begin = 0, end = 0;
};

class WordCache {
 public:
  static constexpr std::size_t kMaxWordBytes = 64;

  /// Appends the symbols of `word`, moved by `offset`, when they are known.
  bool append(std::string_view word, std::uint32_t offset, std::vector<Symbol>& symbols) const {
    if (slots_.empty()) return false;
    const Slot& slot = slots_[find(word)];
    if (slot.size == 0) return false;
    for (std::uint32_t k = 0; k < slot.count; ++k) {
      const Symbol& known = symbols_[slot.first + k];
      symbols.push_back({known.id, known.begin + offset, known.end + offset});
    }
    return true;
  }

  /// Remembers a word that is not there: its symbols are those from `first` on, moved by `offset`.
  void insert(std::string_view word, std::uint32_t offset, const std::vector<Symbol>& symbols, std::size_t first) {
    if (slots_.empty() || words_ >= slots_.size() / 2) clear();
    Slot& slot = slots_[find(word)];
    slot = {static_cast<std::uint32_t>(keys_.size()), static_cast<std::uint32_t>(word.size()),
            static_cast<std::uint32_t>(symbols_.size()), static_cast<std::uint32_t>(symbols.size() - first)};
    keys_ += word;
    for (std::size_t k = first; k < symbols.size(); ++k)
      symbols_.push_back({symbols[k].id, symbols[k].begin - offset, symbols[k].end - offset});
    ++words_;
  }

 private:
  struct Slot {
    std::uint32_t key = 0, size = 0, first = 0, count = 0;
  };
  static constexpr std::size_t kFewSlots = 1 << 9, kMostSlots = 1 << 16;

  /// Forgets everything; the next time there is room for more, so that a tokenizer of few texts stays small.
  void clear() {
    slots_.assign(slots_.empty() ? kFewSlots : std::min(4 * slots_.size(), kMostSlots), Slot{});
    keys_.clear();
    symbols_.clear();
    words_ = 0;
  }
  std::size_t find(std::string_view word) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = std::hash<std::string_view>{}(word)&mask;
    while (slots_[at].size != 0 && std::string_view(keys_).substr(slots_[at].key, slots_[at].size) != word)
      at = (at + 1) & mask;
    return at;
  }
  std::vector<Slot> slots_;
  std::string keys_;
  std::vector<Symbol> symbols_;
  std::size_t words_ = 0;
};

}  // namespace unpact
