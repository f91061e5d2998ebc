/// The part of BpeModel that runs for every word.
#include <algorithm>
#include <queue>

#include "bpe_model.hpp"
#include "unicode.hpp"

namespace unpact {
namespace {

constexpr std::size_t kFewSymbols = 48;  // up to here looking through all pairs is quicker than a heap
constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";

}  // namespace

void BpeModel::encode(std::string_view word, std::uint32_t offset, WordCache* cache, std::vector<Symbol>& symbols) const {
  if (!cuts_at_spaces_ || word.size() <= kSpaceSymbol.size()) return encode_chunk(word, offset, cache, symbols);
  if (options_.ignore_merges && find(word) != kNone) {
    symbols.push_back({find(word), offset, offset + static_cast<std::uint32_t>(word.size())});
    return;
  }
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t end = begin;
    while (word.substr(end, kSpaceSymbol.size()) == kSpaceSymbol) end += kSpaceSymbol.size();
    end = std::min(word.find(kSpaceSymbol, end), word.size());
    encode_chunk(word.substr(begin, end - begin), offset + static_cast<std::uint32_t>(begin), cache, symbols);
    begin = end;
  }
}

void BpeModel::encode_chunk(std::string_view word, std::uint32_t offset, WordCache* cache,
                            std::vector<Symbol>& symbols) const {
  if (word.size() > WordCache::kMaxWordBytes) cache = nullptr;
  if (cache != nullptr && cache->append(word, offset, symbols)) return;
  const std::size_t first = symbols.size();
  const Id whole = options_.ignore_merges ? find(word) : kNone;
  if (whole != kNone) {
    symbols.push_back({whole, offset, offset + static_cast<std::uint32_t>(word.size())});
  } else {
    first_symbols(word, offset, symbols);
    if (symbols.size() - first <= kFewSymbols) merge_few(symbols, first);
    else merge_many(symbols, first);
  }
  if (cache != nullptr) cache->insert(word, offset, symbols, first);
}

void BpeModel::first_symbols(std::string_view word, std::uint32_t offset, std::vector<Symbol>& symbols) const {
  // An unknown character waits here for the next one, with which it may fuse. As in the tokenizers package it stays
  // waiting while bytes are spelled.
  std::optional<Symbol> waiting;
  for (std::size_t at = 0; at < word.size();) {
    const auto lead = static_cast<unsigned char>(word[at]);
    const std::size_t size = options_.bytes ? 1 : code_point_at(word, at).bytes;
    const auto begin = offset + static_cast<std::uint32_t>(at), end = begin + static_cast<std::uint32_t>(size);
    const Id id = size == 1 ? bytes_[lead] : find(word.substr(at, size));
    const std::string_view text = word.substr(at, size);
    at += size;
    if (id != kNone) {
      if (waiting) symbols.push_back(*std::exchange(waiting, std::nullopt));
      symbols.push_back({id, begin, end});
      continue;
    }
    const auto spelled = [&](char c) { return fallback_[static_cast<unsigned char>(c)] != kNone; };
    if (options_.byte_fallback && std::all_of(text.begin(), text.end(), spelled)) {
      for (std::uint32_t k = 0; k < size; ++k)
        symbols.push_back({fallback_[static_cast<unsigned char>(text[k])], begin + k, begin + k + 1});
      continue;
    }
    if (unknown_ == kNone) continue;
    if (waiting && options_.fuse_unknown) {
      waiting->end = end;
    } else {
      if (waiting) symbols.push_back(*waiting);
      waiting = Symbol{unknown_, begin, end};
    }
  }
  if (waiting) symbols.push_back(*waiting);
}

void BpeModel::merge_few(std::vector<Symbol>& symbols, std::size_t first) const {
  std::array<Merge, kFewSymbols> merges;
  std::size_t count = symbols.size() - first;
  Symbol* const s = symbols.data() + first;
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = merges_.get(s[i].id, s[i + 1].id);
  while (count > 1) {
    const auto* const lowest = std::min_element(merges.data(), merges.data() + count - 1);
    const auto best = static_cast<std::size_t>(lowest - merges.data());
    if (merges[best] == kNoMerge) break;
    s[best].id = static_cast<Id>(merges[best]);
    s[best].end = s[best + 1].end;
    --count;
    std::move(s + best + 2, s + count + 1, s + best + 1);
    for (std::size_t i = best + 1; i + 1 < count; ++i) merges[i] = merges[i + 1];
    if (best > 0) merges[best - 1] = merges_.get(s[best - 1].id, s[best].id);
    if (best + 1 < count) merges[best] = merges_.get(s[best].id, s[best + 1].id);
  }
  symbols.resize(first + count);
}

void BpeModel::merge_many(std::vector<Symbol>& symbols, std::size_t first) const {
  struct Candidate {
    Merge merge;
    std::uint32_t at;
    bool operator>(const Candidate& other) const { return merge != other.merge ? merge > other.merge : at > other.at; }
  };
  const auto count = static_cast<std::uint32_t>(symbols.size() - first);
  Symbol* const s = symbols.data() + first;
  std::vector<std::uint32_t> next(count), previous(count);
  std::vector<Candidate> candidates;
  const auto consider = [&](std::uint32_t at, const auto& add) {
    const Merge merge = next[at] < count ? merges_.get(s[at].id, s[next[at]].id) : kNoMerge;
    if (merge != kNoMerge) add(Candidate{merge, at});
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;  // of the first one: above every index
  }
  for (std::uint32_t i = 0; i < count; ++i) consider(i, [&](const Candidate& c) { candidates.push_back(c); });
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>(), std::move(candidates));
  while (!queue.empty()) {
    const auto [merge, at] = queue.top();
    queue.pop();
    // An entry is stale when one of its two symbols has changed since; a symbol that was merged away has the id kNone.
    if (s[at].id == kNone || next[at] >= count || merges_.get(s[at].id, s[next[at]].id) != merge) continue;
    const std::uint32_t right = next[at];
    s[at].id = static_cast<Id>(merge);
    s[at].end = s[right].end;
    s[right].id = kNone;
    next[at] = next[right];
    if (next[at] < count) previous[next[at]] = at;
    consider(at, [&](const Candidate& c) { queue.push(c); });
    if (previous[at] < count) consider(previous[at], [&](const Candidate& c) { queue.push(c); });
  }
  const auto begin = symbols.begin() + static_cast<std::ptrdiff_t>(first);
  const auto is_gone = [](const Symbol& symbol) { return symbol.id == kNone; };
  symbols.erase(std::remove_if(begin, symbols.end(), is_gone), symbols.end());
}

}  // namespace unpact
