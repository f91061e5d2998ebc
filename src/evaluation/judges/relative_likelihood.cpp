#include <algorithm>
#include <cmath>
#include <map>

#include "../judging.hpp"
#include "../share_prompts.hpp"
#include "judges.hpp"
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
    Asked asked;
    for (std::size_t i = 0; i < answers.questions.size(); ++i)
      if (!answers.prompts[i].empty() && places.try_emplace({answers.questions[i], answers.prompts[i]}, asked.size()).second)
        asked.emplace_back(answers.questions[i], &answers.prompts[i]);
    const auto found =
        run_in_pages(answers.pages_of("relative_likelihood", 1), asked.size(), [&](std::size_t first, std::size_t last) {
          std::vector<std::vector<TokenId>> prompts;
          for (auto i = first; i < last; ++i) prompts.push_back(*asked[i].second);
          return share_prompts<double>(answers.group, prompts, 1, [&](const std::vector<std::size_t>& indices) {
            Asked own;
            for (const auto i : indices) own.push_back(asked[first + i]);
            return score_prompts(answers.model, own);
          });
        });
    std::vector<double> all;
    for (std::size_t i = 0; i < answers.questions.size(); ++i)
      all.push_back(answers.prompts[i].empty() ? 0 : found[places.at({answers.questions[i], answers.prompts[i]})]);
    return all;
  }

 private:
  using Asked = std::vector<std::pair<const AskedQuestion*, const std::vector<TokenId>*>>;

  /// All answers to all of them at once: those to one prompt share it, and prompts share what they begin with. 0 where nobody
  /// wrote wrong answers: a probe asks for another answer.
  static std::vector<double> score_prompts(const LanguageModel& model, const Asked& asked) {
    std::vector<PromptAnswer> items;
    for (const auto& one : asked) {
      if (one.first->pair.perturbed.empty()) continue;
      const auto add = [&](const std::string& text) {
        items.push_back({*one.second, encode_answer(*model.tokenizer, model.prompt_template, text)});
      };
      add(one.first->pair.answer);
      for (const auto& wrong : one.first->pair.perturbed) add(wrong);
    }
    const auto scores = score_answers(model.transformer, items);
    std::vector<double> found;
    auto next = scores.begin();
    for (const auto& one : asked) {
      const auto wrong = static_cast<std::ptrdiff_t>(one.first->pair.perturbed.size());
      found.push_back(wrong == 0 ? 0 : likelihood_score({next, next + 1 + wrong}));
      if (wrong > 0) next += 1 + wrong;
    }
    return found;
  }
};

}  // namespace

std::unique_ptr<const Judge> make_relative_likelihood(const JudgeOptions&) {
  return std::make_unique<RelativeLikelihoodJudge>();
}

}  // namespace unpact
