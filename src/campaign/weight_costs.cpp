/// Costs of probes and metrics that look into a model, or train something of it.
#include <algorithm>

#include "judging_costs.hpp"
#include "stage_costs.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {

/// Steps over questions as long as they are on average: a pass forward, and one back to the embeddings, which takes as much
/// again, with attention twice as much.
PlannedStage soft_prompt_cost(const AskedModel& asked) {
  const auto& options = asked.options.probe.soft_prompt;
  double once = 0, count = 0;
  for (const auto& question : asked.questions) {
    if (!question.in_forget_set) continue;
    const auto tokens = static_cast<std::int64_t>(question.prompt.ids.size() + question.gold_answer.size()) + options.tokens;
    once += forward_operations(asked.config, tokens, 0, asked.config.layers) +
            2 * head_size(asked.config) * real(question.gold_answer.size());
    ++count;
  }
  const auto steps = static_cast<double>(read_steps(options.steps, "soft_prompt.steps").back() * options.batch_size);
  PlannedStage cost;
  if (count > 0 && !asked.is_two) cost.operations = 2 * steps * once / count;
  cost.high = 1.5 * cost.operations;
  return cost;
}

/// A pass of both models over each forget question, and for three classes of positions the blocks behind every one.
PlannedStage depth_cost(const AskedModel& asked, const std::string& stage) {
  constexpr double kClasses = 3;
  PlannedStage cost;
  cost.stage = stage;
  const auto layers = static_cast<double>(asked.config.layers);
  for (const auto& question : asked.questions) {
    if (!question.in_forget_set || asked.is_two) continue;
    const auto tokens = static_cast<std::int64_t>(question.prompt.ids.size() + question.gold_answer.size()) - 1;
    const double pass = forward_operations(asked.config, tokens, 0, asked.config.layers);
    cost.operations += (2 + kClasses * (layers - 1) / 2) * pass +
                       (kClasses * layers + 1) * 2 * head_size(asked.config) * real(question.gold_answer.size());
  }
  cost.high = cost.operations;
  return cost;
}

}  // namespace unpact
