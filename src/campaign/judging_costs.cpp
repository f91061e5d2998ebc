#include "judging_costs.hpp"

#include <algorithm>
#include <optional>

#include "unpact/checkpoint/config.hpp"
#include "unpact/core/text.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {

void add(PlannedStage& sum, const PlannedStage& more) {
  sum.low += more.low;
  sum.operations += more.operations;
  sum.high += more.high;
  sum.weight_reads += more.weight_reads;
}

PlannedStage times(PlannedStage cost, double factor) {
  for (auto* value : {&cost.low, &cost.operations, &cost.high, &cost.weight_reads}) *value *= factor;
  return cost;
}

namespace {

/// Judges that do not read answers score the gold one and its wrong variants after each prompt, equal prompts once. How long the
/// variants are is taken from the gold one.
PlannedStage likelihood_cost(const AskedModel& asked, const std::vector<ToAnswer>& prompts, std::size_t times_equal) {
  PlannedStage cost;
  const auto judges =
      real(static_cast<std::size_t>(std::ranges::count_if(judge_rows(asked.options.judge), &JudgeRow::asks_model)));
  if (judges == 0) return cost;
  std::vector<PromptAnswer> items;
  for (std::size_t i = 0; i < prompts.size(); i += times_equal)
    for (std::size_t k = 0; prompts[i].expected > 0 && k < prompts[i].compared; ++k)
      items.push_back({prompts[i].prompt, std::vector<TokenId>(prompts[i].expected, -1 - static_cast<TokenId>(k))});
  cost.low = cost.operations = cost.high = judges * scored_cost(asked, items);
  return cost;
}

/// The model that a judge asks, and the tokens of what it is asked beside question and answers.
struct JudgeOnPaper {
  ModelConfig config;
  std::size_t around = 0;
};

std::optional<JudgeOnPaper> judge_on_paper(const AskedModel& asked) {
  const auto& judge = asked.options.judge;
  const auto rows = judge_rows(judge);
  if (std::ranges::none_of(rows, &JudgeRow::asks_judge)) return std::nullopt;
  return JudgeOnPaper{judge.model.empty() ? asked.config : read_model_config(judge.model),
                      asked.tokenizer.encode(unescape(judge.question)).ids.size()};
}

/// One question to a judge's model about an answer; a model that answers by two judges itself by two.
double verdict_cost(const AskedModel& asked, const JudgeOnPaper& judge, const ToAnswer& about, std::size_t answer) {
  const auto length = static_cast<std::int64_t>(judge.around + about.asked + about.expected + answer);
  const double once = forward_operations(judge.config, length, 0, judge.config.layers) + 2 * head_size(judge.config);
  return asked.is_two && asked.options.judge.model.empty() ? 2 * once : once;
}

/// A judge's model is asked about each answer, and where it decides about each question that a probe puts; not about empty
/// answers and equal ones.
PlannedStage verdicts_cost(const AskedModel& asked, const std::vector<ToAnswer>& prompts, bool echoes) {
  PlannedStage cost;
  const auto judge = judge_on_paper(asked);
  if (!judge) return cost;
  const auto most = static_cast<std::size_t>(asked.options.generation.max_new_tokens);
  echoes = echoes && judge_row(asked.options.judge).asks_judge;
  for (const auto& about : prompts) {
    cost.operations += verdict_cost(asked, *judge, about, asked.rambles ? most : std::min(most, about.expected));
    cost.high += verdict_cost(asked, *judge, about, most);
    const double echo = echoes ? verdict_cost(asked, *judge, about, about.prompt.size()) : 0;
    cost.operations += echo;
    cost.high += echo;
  }
  return cost;
}

}  // namespace

PlannedStage judges_cost(const AskedModel& asked, const std::vector<ToAnswer>& prompts, std::size_t times_equal,
                         bool echoes) {
  auto cost = likelihood_cost(asked, prompts, times_equal);
  add(cost, verdicts_cost(asked, prompts, echoes));
  return cost;
}

PlannedStages known_answers_cost(const AskedModel& asked) {
  const bool compares = std::ranges::any_of(judge_rows(asked.options.judge), &JudgeRow::asks_model);
  if (!judge_on_paper(asked) && !compares) return {};
  std::vector<ToAnswer> known;
  PlannedStage cost;
  for (const auto& question : asked.questions) {
    const auto count = question.pair.paraphrased.size() + question.pair.perturbed.size();
    const ToAnswer one{question.prompt.ids, question.gold_answer.size(), 0, 1 + count, tokens_of_question(question)};
    known.insert(known.end(), count, one);
    // They and the gold answer are compared again and again, and run once.
    if (count > 0) add(cost, likelihood_cost(asked, {one}, 1));
  }
  add(cost, verdicts_cost(asked, known, /*echoes=*/false));
  cost.stage = "judge_check";
  return {cost};
}

}  // namespace unpact
