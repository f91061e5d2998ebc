#include <functional>

#include "../rouge.hpp"
#include "../unicode_words.hpp"
#include "judges.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// Scores are quotients, and an F1 that is 1/2 on paper may come out one rounding below it.
constexpr double kRounding = 1e-12;

using WordsOf = std::function<std::vector<std::string>(std::string_view text)>;

/// ROUGE-L with the gold answer as the reference; 0 where either text has no word.
class RougeLJudge : public Judge {
 public:
  RougeLJudge(const JudgeOptions& options, WordsOf words, double RougeScore::*value)
      : options_(options), words_(std::move(words)), value_(value) {}

  double score(std::string_view gold, std::string_view answer) const override {
    return rouge_l(words_(gold), words_(answer)).*value_;
  }
  bool passes(double score) const override { return score >= options_.threshold - kRounding; }
  double threshold() const override { return options_.threshold; }
  bool can_judge(std::string_view gold) const override { return !words_(gold).empty(); }
  bool overlooks_words(std::string_view gold) const override {
    for (const auto& word : unicode_words(gold))
      if (words_(word).empty()) return true;
    return false;
  }
  std::string describe() const override {
    return concat(options_.kind, " >= ", options_.threshold, options_.stem ? " (stemmed)" : "");
  }

 private:
  JudgeOptions options_;
  WordsOf words_;
  double RougeScore::*value_;
};

/// rouge-score's words.
WordsOf words_of_ascii(const JudgeOptions& options) {
  const auto stemming = options.stem ? Stemming::porter : Stemming::off;
  return [stemming](std::string_view text) { return rouge_tokens(text, stemming); };
}

}  // namespace

std::unique_ptr<const Judge> make_rouge_l_recall(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, words_of_ascii(options), &RougeScore::recall);
}

std::unique_ptr<const Judge> make_rouge_l_f1(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, words_of_ascii(options), &RougeScore::f1);
}

std::unique_ptr<const Judge> make_rouge_l_recall_unicode(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, unicode_words, &RougeScore::recall);
}

std::unique_ptr<const Judge> make_rouge_l_f1_unicode(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, unicode_words, &RougeScore::f1);
}

}  // namespace unpact
