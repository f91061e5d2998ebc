#include <algorithm>
#include <cmath>
#include <map>

#include "../judging.hpp"
#include "judges.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

/// A gold answer's place among wrong ones of the same form: p / (p + q) of the mean token probabilities (geometric), p of
/// the gold answer, q of the likeliest wrong one.
double likelihood_score(const std::vector<std::vector<float>>& log_probabilities) {
  double wrong = -INFINITY;
  for (std::size_t i = 1; i < log_probabilities.size(); ++i)
    wrong = std::max(wrong, mean_log_probability(log_probabilities[i]));
  return 1 / (1 + std::exp(wrong - mean_log_probability(log_probabilities.front())));
}

/// Whether the model finds the gold answer likelier than every wrong one after the prompt. What it writes does not matter.
class RelativeLikelihoodJudge : public Judge {
 public:
  double score(std::string_view, std::string_view) const override {
    UNPACT_EXPECT(false);  // it takes the model: scores()
    return 0;
  }
  bool passes(double score) const override { return score > 0.5; }
  bool can_judge(std::string_view gold) const override { return !gold.empty(); }
  Lack lack(const QuestionAnswer& question) const override {
    if (!question.perturbed.empty()) return {};
    return {"it has no wrong answers to compare with",
            "give it a field \"perturbed_answer\" (a list), or name a file with dataset.details"};
  }
  std::string describe() const override { return "relative_likelihood"; }

  std::vector<double> scores(const AnswersToJudge& answers) const override {
    std::map<std::pair<const AskedQuestion*, std::vector<TokenId>>, std::size_t> places;  // several samples have one prompt
    std::vector<std::pair<const AskedQuestion*, const std::vector<TokenId>*>> asked;
    for (std::size_t i = 0; i < answers.questions.size(); ++i)
      if (!answers.prompts[i].empty() && places.try_emplace({answers.questions[i], answers.prompts[i]}, asked.size()).second)
        asked.emplace_back(answers.questions[i], &answers.prompts[i]);
    const auto found = share_work(answers.group, asked.size(), 1, [&](std::size_t first, std::size_t last) {
      std::vector<double> some;
      for (auto i = first; i < last; ++i)
        some.push_back(score_prompt(answers.model, asked[i].first->pair, *asked[i].second));
      return some;
    });
    std::vector<double> all;
    for (std::size_t i = 0; i < answers.questions.size(); ++i)
      all.push_back(answers.prompts[i].empty() ? 0 : found[places.at({answers.questions[i], answers.prompts[i]})]);
    return all;
  }

 private:
  static double score_prompt(const LanguageModel& model, const QuestionAnswer& pair, const std::vector<TokenId>& prompt) {
    const auto item = [&](const std::string& text) {
      return PromptAnswer{prompt, encode_answer(*model.tokenizer, model.prompt_template, text)};
    };
    if (pair.perturbed.empty()) return 0;  // another answer is asked for, whose wrong ones nobody wrote
    std::vector<PromptAnswer> items = {item(pair.answer)};
    for (const auto& wrong : pair.perturbed) items.push_back(item(wrong));
    return likelihood_score(score_answers(model.transformer, items));
  }
};

}  // namespace

std::unique_ptr<const Judge> make_relative_likelihood(const JudgeOptions&) {
  return std::make_unique<RelativeLikelihoodJudge>();
}

}  // namespace unpact
