#pragma once
/// A text on its way to tokens: rewritten bytes that remember which bytes of the original text they stand for.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// How many bytes a text of so many may become. No published tokenizer makes it more than a few times as long; steps of
/// a hostile one could each multiply its length.
constexpr std::size_t most_bytes(std::size_t original) { return std::max<std::size_t>(1 << 14, 64 * original); }
/// @throws UserError for more bytes than that.
void check_growth(std::size_t bytes, std::size_t most);

class AlignedText {
 public:
  AlignedText() = default;
  /// The bytes of the original text that begin at its byte `base`.
  AlignedText(std::string_view bytes, std::size_t base) : bytes_(bytes), base_(base), words{{0, bytes.size()}} {}

  const std::string& bytes() const { return bytes_; }
  std::string_view view(const ByteSpan& range) const {
    return std::string_view(bytes_).substr(range.begin, range.end - range.begin);
  }
  /// Whether no byte was rewritten.
  bool is_original() const { return origins_.empty(); }
  /// The bytes of the original text behind bytes [begin, end), which are not none.
  ByteSpan original(std::size_t begin, std::size_t end) const {
    if (origins_.empty()) return {base_ + begin, base_ + end};
    return {origins_[begin].begin, origins_[end - 1].end};
  }
  AlignedText slice(const ByteSpan& range) const;
  /// Whether the range begins where the whole original text does.
  bool at_start(const ByteSpan& range) const { return !bytes_.empty() && original(range.begin, range.begin + 1).begin == 0; }

 private:
  friend class Rewriter;
  std::string bytes_;
  std::size_t base_ = 0;
  std::vector<ByteSpan> origins_;  ///< one a byte; empty: byte k stands for byte base + k

 public:
  std::vector<ByteSpan> words;  ///< what the pre-tokenizers cut the bytes into
};

/// Rewrites a text from left to right. Which original bytes a new character stands for follows the tokenizers package:
/// a replacement stands for what it replaces, an insertion for the character in front of it.
/// Writing throws UserError when the text grows beyond most_bytes().
class Rewriter {
 public:
  explicit Rewriter(AlignedText& text);

  std::size_t cursor() const { return cursor_; }       ///< of the old bytes
  std::size_t written() const { return out_.size(); }  ///< new bytes so far
  void copy_to(std::size_t end);
  void drop_to(std::size_t end) { cursor_ = end; }
  /// `c` in the place of the character at the cursor and of `more` characters behind it.
  void replace(char32_t c, std::size_t more = 0);
  void insert(char32_t c);
  /// `bytes` for the old bytes up to `end`, all of them standing for the last character of these.
  void replace_to(std::size_t end, std::string_view bytes);
  /// One old byte becomes `bytes`, which stand for it alone.
  void map_byte(std::string_view bytes);
  /// Copies the rest and hands the result over; the words of the text are the caller's to mend.
  void finish();

 private:
  ByteSpan before_cursor() const;
  void put(char32_t c, const ByteSpan& origin);

  AlignedText& text_;
  std::size_t most_;  ///< bytes that may be written
  std::size_t cursor_ = 0;
  std::string out_;
  std::vector<ByteSpan> origins_;
};

}  // namespace unpact
