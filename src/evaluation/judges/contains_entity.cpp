#include <algorithm>
#include <cctype>

#include "judges.hpp"
#include "normalize_answer.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

std::vector<std::string> words_of(std::string_view text) { return split_list(normalize_answer(text), ' '); }

/// 2 LCS / (|a| + |b|), over bytes: 1 for equal texts (the ratio of python-Levenshtein).
double similarity(const std::string& a, const std::string& b) {
  if (a.empty() && b.empty()) return 1;
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const char c : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto above = row[j + 1];
      row[j + 1] = c == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return 2.0 * static_cast<double>(row.back()) / static_cast<double>(a.size() + b.size());
}

bool has_digit(const std::string& word) {
  return std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// As many words as the entity has: equal, or a name of two or more words that is spelled a little otherwise: last word
/// equal, numbers equal, and the whole nearly so.
bool names_it(const std::vector<std::string>& entity, const std::string* words) {
  if (std::equal(entity.begin(), entity.end(), words)) return true;
  const auto count = entity.size();
  if (count < 2 || entity.back() != words[count - 1]) return false;
  for (std::size_t i = 0; i < count; ++i)
    if ((has_digit(entity[i]) || has_digit(words[i])) && entity[i] != words[i]) return false;
  constexpr double kNearlyEqual = 0.94;
  return similarity(join(entity, " "), join({words, words + count}, " ")) >= kNearlyEqual;
}

bool contains(const std::vector<std::string>& words, const std::vector<std::string>& entity) {
  if (entity.empty()) return false;
  for (std::size_t at = 0; at + entity.size() <= words.size(); ++at)
    if (names_it(entity, words.data() + at)) return true;
  return false;
}

/// Right iff the answer names one of the question's entities, wherever and beside whatever else: a negation is not looked
/// at.
class ContainsEntityJudge : public Judge {
 public:
  double score(std::string_view gold, std::string_view answer) const override {
    return contains(words_of(answer), words_of(gold)) ? 1 : 0;
  }
  double score_of(const QuestionAnswer& question, std::string_view answer) const override {
    const auto words = words_of(answer);
    const auto named = [&](const std::string& entity) { return contains(words, words_of(entity)); };
    return std::ranges::any_of(question.entities, named) ? 1 : 0;
  }
  bool passes(double score) const override { return score == 1; }
  bool can_judge(std::string_view gold) const override { return !words_of(gold).empty(); }
  Lack lack(const QuestionAnswer& question) const override {
    const auto is_seen = [](const std::string& entity) { return !words_of(entity).empty(); };
    if (std::ranges::any_of(question.entities, is_seen)) return {};
    return {"it has no entity that an answer could name",
            "give it a field \"entity\" (a text or a list) or \"spans\" (characters of its answer), or name a file with "
            "dataset.details"};
  }
  std::string describe() const override { return "contains_entity"; }
};

}  // namespace

std::unique_ptr<const Judge> make_contains_entity(const JudgeOptions&) { return std::make_unique<ContainsEntityJudge>(); }

}  // namespace unpact
