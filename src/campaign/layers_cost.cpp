#include <algorithm>
#include <span>

#include "judging_costs.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {

PlannedStage layers_cost(const AskedModel& asked, const std::vector<const AskedQuestion*>& questions) {
  PlannedStage cost;
  if (asked.is_two) return cost;  // it is not asked
  const auto blocks = std::max<std::int64_t>(1, asked.config.layers - 1);
  const auto heads = std::min(asked.options.probe.budget(), static_cast<std::size_t>(blocks));
  for (std::size_t begin = 0; begin < questions.size(); begin += kSequencesTogether) {
    const auto together = std::span(questions).subspan(begin, std::min(kSequencesTogether, questions.size() - begin));
    const auto length = [&](std::size_t i) { return together[i]->prompt.ids.size() + together[i]->gold_answer.size() - 1; };
    for (const auto& batch : pack_by_length(together.size(), length, kPaddedTokens)) {
      cost.operations +=
          forward_operations(asked.config, static_cast<std::int64_t>(length(batch.front())), 0, blocks, real(batch.size()));
      for (const auto i : batch)
        cost.operations += 2 * head_size(asked.config) * real(heads * together[i]->gold_answer.size());
      cost.weight_reads += 1;
    }
  }
  cost.high = cost.operations;
  return cost;
}

}  // namespace unpact
