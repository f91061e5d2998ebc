#include "unpact/evaluation/depth.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "metrics/metric_values.hpp"
#include "think.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/block_math.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Tokens of the answer that its entity covers, by what the beginnings of the answer say; all where there is none in it.
std::vector<std::uint8_t> scored_tokens(const LanguageModel& model, const AskedQuestion& asked) {
  const auto& answer = asked.gold_answer;
  if (asked.pair.entities.empty()) return std::vector<std::uint8_t>(answer.size(), 1);
  std::vector<std::size_t> ends = {0};
  for (std::size_t k = 1; k <= answer.size(); ++k)
    ends.push_back(model.text_of({answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(k)}).size());
  const auto text = model.text_of(answer);
  std::vector<std::uint8_t> scored(answer.size(), 0);
  for (const auto& entity : asked.pair.entities) {
    const auto begin = text.find(entity);
    if (entity.empty() || begin == std::string::npos) continue;
    for (std::size_t k = 0; k < answer.size(); ++k)
      if (ends[k + 1] > begin && ends[k] < begin + entity.size()) scored[k] = 1;
  }
  if (std::ranges::count(scored, 1) == 0) scored.assign(answer.size(), 1);
  return scored;
}

/// One question's sequence and the places in it whose states are exchanged.
struct Exchange {
  at::Tensor tokens_1S, targets_R;
  std::vector<at::Tensor> rows;  ///< predicting the answer, KeyTokens, other candidates; undefined: none
};

at::Tensor rows_of(const std::vector<std::int64_t>& rows, const c10::Device& device) {
  return rows.empty() ? at::Tensor() : to_tensor(rows, device);
}

Exchange exchange_of(const LanguageModel& target, const AskedQuestion& asked, std::span<const std::uint8_t> is_key_token) {
  const auto& device = target.transformer.device();
  auto ids = prompt_of_gold(asked);
  const auto before = ids.size();
  ids.insert(ids.end(), asked.gold_answer.begin(), asked.gold_answer.end() - 1);
  const auto scored = scored_tokens(target, asked);
  std::vector<std::int64_t> predicting, key, others;
  std::vector<TokenId> targets;
  for (std::size_t k = 0; k < scored.size(); ++k) {
    if (scored[k] == 0) continue;
    predicting.push_back(static_cast<std::int64_t>(before - 1 + k));
    targets.push_back(asked.gold_answer[k]);
  }
  for (auto i = asked.prompt.candidate_begin; i < asked.prompt.candidate_end; ++i) {
    const auto c = i - asked.prompt.candidate_begin;
    (c < is_key_token.size() && is_key_token[c] != 0 ? key : others).push_back(static_cast<std::int64_t>(i));
  }
  const std::vector<std::vector<TokenId>> sequence = {ids};
  return {pad_right(sequence, device),
          to_tensor(targets, device),
          {rows_of(predicting, device), rows_of(key, device), rows_of(others, device)}};
}

/// The states behind a block, from those behind the one before.
at::Tensor next_states(const Transformer& model, const at::Tensor& tokens_1S, const at::Tensor& before_1SD,
                       std::int64_t layer) {
  return layer == 0 ? model.block_output(tokens_1S, 0) : model.continue_blocks(before_1SD, layer, layer);
}

/// Mean log-probability of the scored tokens from the states behind a block.
double score_from(const Transformer& model, const Exchange& exchange, const at::Tensor& states_1SD, std::int64_t layer) {
  const auto last = model.config().layers - 1;
  const auto x_1SD = layer == last ? states_1SD : model.continue_blocks(states_1SD, layer + 1, last);
  const auto hidden_RD =
      block_math::final_hidden(model.config(), model.weights(), x_1SD.squeeze(0).index_select(0, exchange.rows.front()));
  return target_log_probabilities(model, hidden_RD, exchange.targets_R).to(at::kDouble).mean().item<double>();
}

/// The target's own score, then the drops of each class, block by block.
std::vector<double> drops_of(const Transformer& target, const Transformer& source, const Exchange& exchange) {
  const c10::NoGradGuard guard;
  const auto layers = target.config().layers;
  const auto classes = exchange.rows.size();
  std::vector<double> result(1 + classes * static_cast<std::size_t>(layers), kNone);
  at::Tensor own_1SD, other_1SD;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    own_1SD = next_states(target, exchange.tokens_1S, own_1SD, layer);
    other_1SD = next_states(source, exchange.tokens_1S, other_1SD, layer);
    if (layer == 0) result[0] = score_from(target, exchange, own_1SD, 0);
    for (std::size_t k = 0; k < classes; ++k) {
      const auto& rows = exchange.rows[k];
      if (!rows.defined()) continue;
      const auto patched_1SD = own_1SD.index_copy(1, rows, other_1SD.index_select(1, rows));
      result[1 + k * static_cast<std::size_t>(layers) + static_cast<std::size_t>(layer)] =
          result[0] - score_from(target, exchange, patched_1SD, layer);
    }
  }
  return result;
}

void require_finite(const std::vector<double>& values, std::size_t question) {
  if (std::ranges::none_of(values, [](double value) { return std::isinf(value); }) && std::isfinite(values.front())) return;
  throw RuntimeFailure(concat("a log-probability of question ", question, " with exchanged states is not finite"),
                       "activations overflow", "inspect the checkpoint; an unlearned model may have diverged");
}

}  // namespace

bool can_measure_depth(const Transformer& target, const Transformer& source) {
  const auto &a = target.config(), &b = source.config();
  for (const auto* model : {&target, &source})
    if (model->runner() != nullptr || model->reinforced() != nullptr) return false;
  return a.layers == b.layers && a.hidden_size == b.hidden_size && a.vocabulary_size == b.vocabulary_size;
}

void measure_depth(const Communicator& group, const LanguageModel& target, const LanguageModel& source,
                   const std::vector<AskedQuestion>& questions, const std::string& name, FinishedPages* pages,
                   std::size_t save_every, DepthDrops& drops, CellRecord& record) {
  UNPACT_EXPECT(can_measure_depth(target.transformer, source.transformer));
  const StageMeter meter(group, target.transformer.device());
  auto& depth = record.depth;
  depth.blocks = target.transformer.config().layers;
  depth.question.clear();
  for (std::size_t q = 0; q < questions.size(); ++q)
    if (questions[q].in_forget_set && record.target.is_right[q] != 0) depth.question.push_back(q);
  const PageOptions kept{pages, "depth_" + name, save_every};
  const auto measured = run_in_pages(kept, depth.question.size(), [&](std::size_t page_first, std::size_t page_last) {
    return share_work(group, page_last - page_first, 1, [&](std::size_t first, std::size_t last) {
      std::vector<std::vector<double>> results;
      for (auto i = page_first + first; i < page_first + last; ++i) {
        const auto q = static_cast<std::size_t>(depth.question[i]);
        const auto flags = record.target.gold.is_key_token.row(q);
        const std::vector<std::uint8_t> is_key_token(flags.begin(), flags.end());
        results.push_back(drops_of(target.transformer, source.transformer, exchange_of(target, questions[q], is_key_token)));
        require_finite(results.back(), q);
      }
      return results;
    });
  });
  depth.log_probability.clear();
  drops = {};
  const auto blocks = static_cast<std::ptrdiff_t>(depth.blocks);
  for (const auto& one : measured) {
    depth.log_probability.push_back(one.front());
    auto next = one.begin() + 1;
    for (auto* of_class : {&drops.answer, &drops.key_tokens, &drops.others}) {
      of_class->insert(of_class->end(), next, next + blocks);
      next += blocks;
    }
  }
  record.work.push_back(meter.record("depth_" + name));
}

double depth_score(std::span<const double> unlearned, std::span<const double> floor, double threshold) {
  UNPACT_EXPECT(unlearned.size() == floor.size());
  double gone = 0, all = 0;
  for (std::size_t l = 0; l < floor.size(); ++l) {
    if (!(floor[l] > threshold) || std::isnan(unlearned[l])) continue;
    gone += floor[l] * std::clamp(unlearned[l] / floor[l], 0.0, 1.0);
    all += floor[l];
  }
  return all > 0 ? gone / all : kNone;
}

void add_depth_scores(const MetricOptions& options, CellRecord& record) {
  const auto& depth = record.depth;
  const auto blocks = static_cast<std::size_t>(depth.blocks);
  MetricValues values;
  for (const auto& [name, part] : {std::pair("answer", &DepthDrops::answer),
                                   {"key_tokens", &DepthDrops::key_tokens},
                                   {"others", &DepthDrops::others}}) {
    const auto &floor = depth.floor.*part, &unlearned = depth.unlearned.*part;
    if (floor.empty() || unlearned.size() != floor.size()) continue;
    std::vector<double> scores;
    for (std::size_t p = 0; p < depth.question.size(); ++p) {
      const auto score = depth_score(std::span(unlearned).subspan(p * blocks, blocks),
                                     std::span(floor).subspan(p * blocks, blocks), options.depth_threshold);
      if (!std::isnan(score)) scores.push_back(score);
    }
    MetricRow row{"unlearning_depth", "unlearning depth", {}, MetricSays::forgotten, "", ""};
    values.add_mean(row, name, std::move(scores));
  }
  for (const auto& value : values.all()) {
    auto& row = record.metrics.rows.emplace_back();
    row.name = value.name;
    row.label = value.label;
    row.larger_says = value.larger_says;
    row.count = value.count;
    row.unlearned = value.value;
    row.unlearned_low = value.low;
    row.unlearned_high = value.high;
    record.metrics.target_items.add(std::vector<double>());
    record.metrics.unlearned_items.add(value.items);
  }
}

}  // namespace unpact
