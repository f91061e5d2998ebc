#include <algorithm>

#include "stage_costs.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

double scored_cost(const ModelConfig& config, const ScoredPart& part) {
  double operations = 0;
  for (std::size_t first = 0; first < part.items.size(); first += part.chunk) {
    const auto length = [&](std::size_t i) {
      return part.items[first + i].prompt.size() + part.items[first + i].answer.size() - 1;
    };
    for (const auto& batch : pack_by_length(std::min(part.chunk, part.items.size() - first), length, kMetricTokenBudget)) {
      std::size_t rows = 0;
      for (const auto i : batch) rows += part.items[first + i].answer.size();
      operations += forward_operations(config, static_cast<std::int64_t>(length(batch.front())), 0, config.layers,
                                       static_cast<double>(batch.size())) +
                    2 * head_size(config) * static_cast<double>(rows);
    }
  }
  return operations;
}

/// Own answers that the target scores: as long as the gold ones, none, or as long as they may be.
void add_by_target(const AskedModel& asked, ScoredPart part, PlannedStage& cost) {
  if (part.items.empty()) return;
  const auto most = static_cast<std::size_t>(asked.options.generation.max_new_tokens);
  for (auto& item : part.items) item.answer.resize(std::min(item.answer.size(), most));
  cost.operations += scored_cost(asked.config, part);
  for (auto& item : part.items) item.answer.assign(most, 0);
  cost.high += scored_cost(asked.config, part);
}

}  // namespace

PlannedStages metrics_cost(const AskedModel& asked, const Dataset& dataset, const std::string& stage) {
  const bool texts = !judge_row(asked.options.judge).wants_letters;
  if (chosen_metrics(asked.options.metric, {dataset, texts}).empty()) return {};
  const auto work =
      metric_work({dataset, asked.questions, asked.options}, asked.config, asked.tokenizer, asked.prompt_template);
  PlannedStage cost;
  cost.stage = stage;
  for (const auto& part : work.scored) cost.operations += (asked.is_two ? 2 : 1) * scored_cost(asked.config, part);
  constexpr double kWithBackward = 3;  // a pass, and twice as much for its gradients
  for (auto part : work.differentiated) {
    part.chunk = 1;  // one after the other, without padding
    if (!asked.is_two) cost.operations += kWithBackward * scored_cost(asked.config, part);
  }
  cost.low = cost.high = cost.operations;
  add_by_target(asked, work.by_target, cost);
  for (const auto& part : work.continued) {
    const auto more = continuation_cost(asked, part.prompts, part.new_tokens);
    cost.low += more.low;
    cost.operations += more.operations;
    cost.high += more.high;
    cost.weight_reads += more.weight_reads;
  }
  return {cost};
}

}  // namespace unpact
