#pragma once
/// Regular expressions with Unicode properties, by PCRE2. Texts are valid UTF-8.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

class Regex {
 public:
  /// @param pattern in the dialect of tokenizer.json (Oniguruma's, Ruby syntax). @param where for messages.
  /// @throws UserError for a pattern that is broken or means something else to PCRE2.
  static Regex of_pattern(const std::string& pattern, const std::string& where);
  /// Matches this very text.
  static Regex of_literal(const std::string& text, const std::string& where);
  /// A pattern of our own, in PCRE2's dialect.
  static Regex of_pcre2(const std::string& pattern);

  /// All matches in `subject`, from left to right. An empty match right behind another match does not count.
  /// @throws UserError when the pattern needs too many steps (catastrophic backtracking).
  void find_all(std::string_view subject, std::vector<ByteSpan>& matches) const;

 private:
  Regex(const std::string& pattern, unsigned options, const std::string& shown, const std::string& where);
  bool search(std::string_view subject, std::size_t from, ByteSpan& match) const;

  std::shared_ptr<void> code_;
  std::string shown_, where_;  ///< for messages
};

/// The same expression for PCRE2. @throws UserError for what cannot be translated.
std::string translate_oniguruma(const std::string& pattern, const std::string& where);

}  // namespace unpact
