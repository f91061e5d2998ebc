#include "judges.hpp"
#include "unpact/core/text.hpp"
#include "../rouge.hpp"

namespace unpact {
namespace {

/// Scores are quotients, and an F1 that is 1/2 on paper may come out one rounding below it.
constexpr double kRounding = 1e-12;

/// ROUGE-L with the gold answer as the reference; 0 where either text has no word.
class RougeLJudge : public Judge {
 public:
  RougeLJudge(const JudgeOptions& options, double RougeScore::*value)
      : options_(options), stemming_(options.stem ? Stemming::porter : Stemming::off), value_(value) {}

  double score(std::string_view gold, std::string_view answer) const override {
    return rouge_l(gold, answer, stemming_).*value_;
  }
  bool passes(double score) const override { return score >= options_.threshold - kRounding; }
  bool can_judge(std::string_view gold) const override { return !rouge_tokens(gold, stemming_).empty(); }
  std::string describe() const override {
    return concat(options_.kind, " >= ", options_.threshold, options_.stem ? " (stemmed)" : "");
  }

 private:
  JudgeOptions options_;
  Stemming stemming_;
  double RougeScore::*value_;
};

}  // namespace

std::unique_ptr<const Judge> make_rouge_l_recall(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, &RougeScore::recall);
}

std::unique_ptr<const Judge> make_rouge_l_f1(const JudgeOptions& options) {
  return std::make_unique<RougeLJudge>(options, &RougeScore::f1);
}

}  // namespace unpact
