// How far equal scores differ: by the engine in use, alone and beside others, and by full passes.
#include <algorithm>

#include "noise_floor.hpp"
#include "remote_engine.hpp"
#include "requests.hpp"
#include "unpact/attribution/coalitions.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

/// LP of matrix row `row`.
double mean_of_row(const RemovalScores& scores, std::size_t row) {
  const auto at = [&](std::size_t r) {
    return scores.log_probabilities.begin() + static_cast<std::ptrdiff_t>(r * scores.answer_tokens);
  };
  return mean_log_probability({at(row), at(row + 1)});
}

/// First, middle and last.
std::vector<TokenSpan> few_of(const std::vector<TokenSpan>& removals) {
  std::vector<TokenSpan> few;
  for (const auto i : {std::size_t{0}, removals.size() / 2, removals.size() - 1})
    if (i < removals.size() && (few.empty() || few.back().begin < removals[i].begin)) few.push_back(removals[i]);
  return few;
}

/// Adds LP of the prompt (row 0) and of the prompt without each of the removals: all of `together` at once, and each alone.
void add_scores(BoundEngine& bound, const AttributionRequest& together, const std::vector<TokenSpan>& removals,
                std::vector<std::vector<double>>& rows) {
  const auto whole = bound.run(together).front();
  rows[0].push_back(mean_of_row(whole, 0));
  for (std::size_t r = 0; r < removals.size(); ++r) {
    auto alone = together;
    alone.removals = {removals[r]};
    const auto scores = bound.run(alone).front();
    rows[0].push_back(mean_of_row(scores, 0));
    for (std::size_t i = 0; i < together.removals.size(); ++i)
      if (together.removals[i].begin == removals[r].begin) rows[r + 1].push_back(mean_of_row(whole, i + 1));
    rows[r + 1].push_back(mean_of_row(scores, 1));
  }
}

/// LP of one prompt by full passes: alone, and at two places of a batch.
std::vector<double> scores_by_passes(const Transformer& model, const std::vector<TokenId>& prompt,
                                     const std::vector<TokenId>& answer) {
  const PromptAnswer item{prompt, answer};
  std::vector<double> scores = {mean_log_probability(score_by_passes(model, {item}).front())};
  // Twice with a neighbour between; a shorter one, so that it is padded.
  const auto other = prompt.size() > 1 ? PromptAnswer{{prompt.begin(), prompt.end() - 1}, answer} : item;
  const auto batch = score_by_passes(model, {item, other, item}, 1 << 20);
  for (const std::size_t place : {0, 2}) scores.push_back(mean_log_probability(batch[place]));
  return scores;
}

}  // namespace

std::vector<double> scores_of_prompt(const Transformer& model, const AttributionTask& task) {
  auto scores = scores_by_passes(model, task.prompt, task.answer);
  AttributionRequest request(task);
  request.removals = {request.removals.back()};
  if (task.prompt.size() > 1)
    scores.push_back(SharedPrefixEngine().open(model)->run(request).front().mean_log_probability());
  return scores;
}

std::vector<std::vector<double>> scores_by_engine(const LeaveOneOutEngine& engine, const Transformer& model,
                                                  const AttributionTask& task) {
  const AttributionRequest request(task);
  const auto removals = few_of(request.removals);
  if (const auto* remote = remote_of(model)) return scores_by_remote(*remote, request, removals);
  const bool is_reference = engine.is_reference_for(model);
  auto together = request;
  if (is_reference) together.removals = removals;  // it scores each alone in any case
  std::vector<std::vector<double>> rows(1 + removals.size());
  add_scores(*engine.open(model), together, removals, rows);
  if (is_reference) add_scores(*SharedPrefixEngine().open(model), together, removals, rows);
  const auto add_passes = [&](std::vector<double>& row, const std::vector<TokenId>& prompt) {
    for (const double score : scores_by_passes(model, prompt, task.answer)) row.push_back(score);
  };
  add_passes(rows[0], task.prompt);
  for (std::size_t r = 0; r < removals.size(); ++r) add_passes(rows[r + 1], prompt_without(request, removals[r]));
  return rows;
}

std::vector<std::vector<double>> scores_by_coalitions(const Transformer& model, const AttributionTask& task,
                                                      std::size_t token_budget) {
  const Coalition all(task.candidates(), 1);
  const double alone = CoalitionScorer(model, task, token_budget).score(all);
  auto without_first = all, without_last = all;
  without_first.front() = without_last.back() = 0;
  const auto together =
      CoalitionScorer(model, task, token_budget).score(std::vector<Coalition>{without_first, all, without_last});
  auto scores = scores_of_prompt(model, task);
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
