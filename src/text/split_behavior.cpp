#include "split_behavior.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

struct Part {
  ByteSpan span;
  bool separator = false;
};

/// The word without a gap: matches and what is between them.
std::vector<Part> parts_of(const ByteSpan& word, const std::vector<ByteSpan>& matches, bool invert) {
  std::vector<Part> parts;
  std::size_t at = word.begin;
  for (const auto& match : matches) {
    if (at != word.begin + match.begin) parts.push_back({{at, word.begin + match.begin}, invert});
    parts.push_back({{word.begin + match.begin, word.begin + match.end}, !invert});
    at = word.begin + match.end;
  }
  if (at != word.end) parts.push_back({{at, word.end}, invert});
  return parts;
}

}  // namespace

SplitBehavior split_behavior(const std::string& name, const std::string& where) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw UserError(concat(where, ": field 'behavior' is broken"), concat("a Split cannot be ", name), "fetch the file again");
}

void split_word(const ByteSpan& word, const std::vector<ByteSpan>& matches, SplitBehavior behavior, bool invert,
                std::vector<ByteSpan>& result) {
  const auto push = [&](const ByteSpan& span) {
    if (span.begin < span.end) result.push_back(span);
  };
  if (behavior == SplitBehavior::isolated) {  // the usual case, without a list of parts
    std::size_t at = word.begin;
    for (const auto& match : matches) {
      push({at, word.begin + match.begin});
      push({word.begin + match.begin, word.begin + match.end});
      at = word.begin + match.end;
    }
    push({at, word.end});
    return;
  }
  auto parts = parts_of(word, matches, invert);
  if (behavior == SplitBehavior::removed) {
    for (const auto& part : parts)
      if (!part.separator) push(part.span);
    return;
  }
  const bool backwards = behavior == SplitBehavior::merged_with_next;
  if (backwards) std::reverse(parts.begin(), parts.end());
  std::vector<ByteSpan> merged;
  bool previous = false;
  for (const auto& part : parts) {
    const bool joins = behavior == SplitBehavior::contiguous ? part.separator == previous : part.separator && !previous;
    if (!joins || merged.empty()) merged.push_back(part.span);
    else if (backwards) merged.back().begin = part.span.begin;
    else merged.back().end = part.span.end;
    previous = part.separator;
  }
  if (backwards) std::reverse(merged.begin(), merged.end());
  for (const auto& span : merged) push(span);
}

}  // namespace unpact
