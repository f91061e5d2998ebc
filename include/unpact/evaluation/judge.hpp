#pragma once
/// Judges that compare two texts. Letters of choices are compared like texts; how a model chooses one says choices.hpp.
#include <string>
#include <string_view>

namespace unpact {

struct JudgeOptions {
  std::string kind = "rouge_l_recall";  ///< "rouge_l_recall", "rouge_l_f1", "exact_match" or "choice"
  double threshold = 0.5;               ///< an answer is right from this ROUGE score on; in [0, 1]
  bool stem = false;                    ///< ROUGE on Porter stems
};

/// Says how good an answer is and whether it counts as right. Immutable, so it may be shared between threads.
class Judge {
 public:
  /// @throws UserError for an unknown kind, a threshold outside [0, 1] (or NaN), or stemming with exact_match or choice.
  explicit Judge(JudgeOptions options);

  /// In [0, 1]. ROUGE-L with `gold` as the reference (0 where either has no word), or 1 for an exact match of the
  /// normalized texts (choice: of the letters), else 0.
  double score(std::string_view gold, std::string_view answer) const;

  /// Whether the score reaches the threshold (for exact_match and choice: whether the texts match).
  bool is_right(std::string_view gold, std::string_view answer) const { return passes(score(gold, answer)); }

  /// The same for a score that is already known.
  bool passes(double score) const;

  /// For people and the results format, e.g. "rouge_l_recall >= 0.5", "rouge_l_f1 >= 0.3 (stemmed)", "exact_match".
  std::string describe() const;

 private:
  enum class Kind { rouge_l_recall, rouge_l_f1, exact_match, choice };
  bool compares_whole() const { return kind_ == Kind::exact_match || kind_ == Kind::choice; }
  JudgeOptions options_;
  Kind kind_;
};

/// SQuAD's normalization (Rajpurkar et al. 2016, the official evaluation script): lower case, ASCII punctuation
/// removed, the articles a, an and the removed where they are whole words, white space squeezed to single spaces.
///
/// Beyond ASCII it knows the lower case of the usual Latin, Greek, Cyrillic and Armenian letters (final sigma as
/// sigma), Unicode's white space, and its common punctuation and symbols as ends of a word; rarer characters pass
/// as letters without case. Bytes that are not UTF-8 pass unchanged.
std::string normalize_answer(std::string_view text);

}  // namespace unpact
