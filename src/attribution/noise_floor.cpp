// How far equal scores differ: by the engine in use, alone and beside others, and by full passes.
#include <algorithm>

#include "noise_floor.hpp"
#include "unpact/attribution/coalitions.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

/// LP of matrix row `row`.
double mean_of_row(const RemovalScores& scores, std::size_t row) {
  const auto at = [&](std::size_t r) { return scores.log_probabilities.begin() + static_cast<std::ptrdiff_t>(r * scores.answer_tokens); };
  return mean_log_probability({at(row), at(row + 1)});
}

/// First, middle and last removal.
std::vector<std::size_t> few_of(std::size_t count) {
  std::vector<std::size_t> few = {0, count / 2, count - 1};
  few.erase(std::unique(few.begin(), few.end()), few.end());
  return few;
}

}  // namespace

std::vector<double> scores_by_passes(const Transformer& model, const std::vector<TokenId>& prompt, const std::vector<TokenId>& answer) {
  const PromptAnswer item{prompt, answer};
  std::vector<double> scores = {mean_log_probability(score_answers(model, {item}).front())};
  // Four times over with a neighbour, so that it sits at several places of a batch; a shorter one, so that it is padded.
  const auto others = prompt.size() > 1 ? PromptAnswer{{prompt.begin(), prompt.end() - 1}, answer} : item;
  const auto batch = score_answers(model, {item, others, item, item, others, item}, 1 << 20);
  for (const std::size_t place : {0, 2, 3, 5}) scores.push_back(mean_log_probability(batch[place]));
  return scores;
}

std::vector<std::vector<double>> scores_by_engine(const LeaveOneOutEngine& engine, const Transformer& model, const AttributionTask& task) {
  const AttributionRequest request(task);
  const auto bound = engine.open(model);
  const auto whole = bound->run(request).front();
  const auto few = few_of(request.removals.size());
  std::vector<std::vector<double>> rows = {scores_by_passes(model, task.prompt, task.answer)};
  rows[0].push_back(mean_of_row(whole, 0));
  for (const auto removal : few) {
    AttributionRequest alone = request;
    alone.removals = {request.removals[removal]};
    const auto scores = bound->run(alone).front();
    rows[0].push_back(mean_of_row(scores, 0));
    auto shorter = task.prompt;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(alone.removals[0].begin));
    auto& row = rows.emplace_back(scores_by_passes(model, shorter, task.answer));
    row.insert(row.end(), {mean_of_row(whole, removal + 1), mean_of_row(scores, 1)});
  }
  return rows;
}

std::vector<std::vector<double>> scores_by_coalitions(const Transformer& model, const AttributionTask& task, std::size_t token_budget) {
  const Coalition all(task.candidates(), 1);
  const double alone = CoalitionScorer(model, task, token_budget).score(all);
  auto without_first = all, without_last = all;
  without_first.front() = without_last.back() = 0;
  const auto together = CoalitionScorer(model, task, token_budget).score(std::vector<Coalition>{without_first, all, without_last});
  auto scores = scores_by_passes(model, task.prompt, task.answer);
  scores.insert(scores.end(), {alone, together[1]});
  return {scores};
}

double measure_noise_floor(const AttributionMethod& method, const Transformer& model, const AttributionTask& task) {
  double largest = 0;
  for (const auto& scores : method.equal_scores(model, task)) {
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    largest = std::max(largest, *high - *low);
  }
  return largest;
}

}  // namespace unpact
