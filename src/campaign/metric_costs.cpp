#include <algorithm>
#include <map>

#include "stage_costs.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Sequences in padded batches, equal ones once, with the rows that are scored of each.
double padded_cost(const ModelConfig& config, const std::vector<PromptAnswer>& items) {
  std::map<std::vector<TokenId>, std::size_t> rows_of;
  for (const auto& [prompt, answer] : items) {
    auto ids = prompt;
    ids.insert(ids.end(), answer.begin(), answer.end() - 1);
    auto& rows = rows_of[std::move(ids)];
    rows = std::max(rows, answer.size());
  }
  double operations = 0;
  std::vector<std::size_t> lengths;
  for (const auto& [ids, rows] : rows_of) {
    lengths.push_back(ids.size());
    operations += 2 * head_size(config) * static_cast<double>(rows);
  }
  for (const auto& batch : pack_by_length(
           lengths.size(), [&](std::size_t i) { return lengths[i]; }, kPaddedTokens))
    operations += forward_operations(config, static_cast<std::int64_t>(lengths[batch.front()]), 0, config.layers,
                                     static_cast<double>(batch.size()));
  return operations;
}

/// Page by page, as scored_cost().
double part_cost(const AskedModel& asked, const ScoredPart& part) {
  const auto page = page_of_chunks(static_cast<std::size_t>(asked.options.attribution.save_every), part.chunk);
  double operations = 0;
  for (std::size_t first = 0; first < part.items.size(); first += page) {
    const auto begin = part.items.begin() + static_cast<std::ptrdiff_t>(first);
    operations +=
        scored_cost(asked, {begin, begin + static_cast<std::ptrdiff_t>(std::min(page, part.items.size() - first))});
  }
  return operations;
}

/// Own answers that the target scores: as long as the gold ones, none, or as long as they may be.
void add_by_target(AskedModel asked, ScoredPart part, PlannedStage& cost) {
  if (part.items.empty()) return;
  asked.is_two = false;
  const auto most = static_cast<std::size_t>(asked.options.generation.max_new_tokens);
  for (auto& item : part.items) item.answer.resize(std::min(item.answer.size(), most));
  cost.operations += part_cost(asked, part);
  for (auto& item : part.items) item.answer.assign(most, 0);
  cost.high += part_cost(asked, part);
}

}  // namespace

double scored_cost(const AskedModel& asked, const std::vector<PromptAnswer>& items) {
  if (asked.is_two) return 2 * padded_cost(asked.config, items);
  double operations = 0;
  for (const auto& part : parts_of_answers(items)) {
    const auto scored = static_cast<std::int64_t>(part.scored);
    operations +=
        pass_operations(asked.config,
                        {{0, static_cast<std::int64_t>(part.length), static_cast<std::int64_t>(part.begin), 0, 0, scored}},
                        false) +
        2 * head_size(asked.config) * static_cast<double>(scored);
  }
  return operations;
}

PlannedStages metrics_cost(const AskedModel& asked, const Dataset& dataset, const std::string& stage) {
  const bool texts = !judge_row(asked.options.judge).wants_letters;
  if (chosen_metrics(asked.options.metric, {dataset, texts}).empty()) return {};
  const auto work =
      metric_work({dataset, asked.questions, asked.options}, asked.config, asked.tokenizer, asked.prompt_template);
  PlannedStage cost;
  cost.stage = stage;
  for (const auto& part : work.scored) cost.operations += part_cost(asked, part);
  constexpr double kWithBackward = 3;  // a pass, and twice as much for its gradients
  for (const auto& part : work.differentiated)
    for (const auto& item : part.items)  // one after the other
      if (!asked.is_two) cost.operations += kWithBackward * scored_cost(asked, {item});
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
