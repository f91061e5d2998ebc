#include "normalization.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// A character of the result. `change` as in the tokenizers package: above 0 for a character without one of its own in
/// the old text, -k for one that stands for 1 + k old characters.
struct Change {
  char32_t c = 0;
  std::ptrdiff_t change = 0;
};

int combining_class(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class; }

/// The canonical composition of two characters, or 0.
char32_t compose(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 2> pair{static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const auto size = utf8proc_normalize_utf32(pair.data(), 2, options);
  return size == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

void decompose(std::string_view part, bool compatibly, std::vector<Change>& result) {
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibly ? UTF8PROC_COMPAT : 0));
  std::array<utf8proc_int32_t, 32> pieces{};  // the longest decomposition has 18
  result.clear();
  for (std::size_t at = 0; at < part.size();) {
    const auto c = code_point_at(part, at);
    at += c.bytes;
    const auto count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), pieces.data(), pieces.size(), options, nullptr);
    UNPACT_ASSERT(count > 0 && count <= static_cast<utf8proc_ssize_t>(pieces.size()));
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k)
      result.push_back({static_cast<char32_t>(pieces[k]), k > 0 ? 1 : 0});
  }
  for (auto begin = result.begin(); begin != result.end();) {  // marks between two starters go by their class
    const auto end = std::find_if(begin + 1, result.end(), [](const Change& x) { return combining_class(x.c) == 0; });
    const auto marks = combining_class(begin->c) == 0 ? begin + 1 : begin;
    const auto by_class = [](const Change& a, const Change& b) { return combining_class(a.c) < combining_class(b.c); };
    std::stable_sort(marks, end, by_class);
    begin = end;
  }
}

void recompose(std::vector<Change>& text) {
  std::vector<Change> out;
  std::size_t starter = text.size();  // index in `out`, or none
  int last_class = -1;                // of what stands behind the starter; -1: nothing
  for (const auto& next : text) {
    const int own_class = combining_class(next.c);
    const bool has_starter = starter < out.size();
    const bool blocked = last_class >= 0 && last_class >= own_class;
    if (has_starter && !blocked) {
      if (const auto composed = compose(out[starter].c, next.c); composed != 0) {
        out[starter] = {composed, out[starter].change + next.change - 1};
        continue;
      }
    }
    out.push_back(next);
    if (own_class == 0) {
      starter = out.size() - 1;
      last_class = -1;
    } else {
      last_class = own_class;
    }
  }
  text = std::move(out);
}

bool same_text(std::string_view part, const std::vector<Change>& changes) {
  std::size_t at = 0;
  for (const auto& change : changes) {
    if (at >= part.size() || change.change != 0) return false;
    const auto c = code_point_at(part, at);
    if (c.value != change.c) return false;
    at += c.bytes;
  }
  return at == part.size();
}

void write(Rewriter& rewriter, std::size_t end, const std::vector<Change>& changes) {
  for (const auto& change : changes) {
    if (change.change > 0 || rewriter.cursor() >= end) rewriter.insert(change.c);
    else rewriter.replace(change.c, static_cast<std::size_t>(-change.change));
  }
  rewriter.drop_to(end);
}

}  // namespace

void normalize(AlignedText& text, NormalForm form) {
  // Characters below `stable` never change by themselves; only in NFC may one compose with what follows it.
  const bool canonical_composition = form == NormalForm::nfc;
  const char32_t stable = canonical_composition ? 0x300 : 0x80;
  const bool composes = form == NormalForm::nfc || form == NormalForm::nfkc;
  const bool compatibly = form == NormalForm::nfkc || form == NormalForm::nfkd;
  const std::string_view bytes = text.bytes();  // the old ones, until the rewriter has finished
  Rewriter rewriter(text);
  std::vector<Change> changes;
  bool changed = false;
  std::size_t previous = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto c = code_point_at(bytes, at);
    if (c.value < stable) {
      previous = at;
      at += c.bytes;
      continue;
    }
    const std::size_t begin = composes ? previous : at;
    std::size_t end = at + c.bytes;
    while (end < bytes.size()) {
      const auto next = code_point_at(bytes, end);
      if (next.value < stable) break;
      end += next.bytes;
    }
    previous = at = end;
    decompose(bytes.substr(begin, end - begin), compatibly, changes);
    if (composes) recompose(changes);
    if (same_text(bytes.substr(begin, end - begin), changes)) continue;
    changed = true;
    rewriter.copy_to(begin);
    write(rewriter, end, changes);
  }
  if (!changed) return;
  rewriter.finish();
  text.words = {{0, text.bytes().size()}};
}

void to_lower_case(AlignedText& text) {
  const std::string_view bytes = text.bytes();
  Rewriter rewriter(text);
  bool changed = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto c = code_point_at(bytes, at);
    const auto lower = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value)));
    if (lower != c.value || c.value == 0x130) {
      changed = true;
      rewriter.copy_to(at);
      rewriter.replace(c.value == 0x130 ? U'i' : lower);
      if (c.value == 0x130) rewriter.insert(0x307);  // the one letter whose lower case has two characters
    }
    at += c.bytes;
  }
  if (!changed) return;
  rewriter.finish();
  text.words = {{0, text.bytes().size()}};
}

}  // namespace unpact
