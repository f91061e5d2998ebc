#include "unpact/evaluation/threshold_search.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "unpact/attribution/coalitions.hpp"
#include "unpact/attribution/key_tokens.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

/// Adds up one half of the prompts for one pair of floors.
class Tally {
 public:
  explicit Tally(bool labels) : labels_(labels) {}

  void add(const ThresholdPrompt& prompt, const KeyTokenOptions& floors) {
    const auto keys = find_key_tokens(prompt.contributions, floors);
    const auto count = static_cast<std::size_t>(std::count(keys.begin(), keys.end(), 1));
    prompts_ += 1;
    chosen_ += static_cast<double>(count);
    without_ += count == 0;
    if (labels_) {
      for (std::size_t i = 0; i < keys.size(); ++i) {
        right_ += keys[i] && prompt.is_labelled[i];
        labelled_ += prompt.is_labelled[i];
      }
    } else {
      const auto& lp = prompt.without_largest;
      effect_ += std::clamp((lp.front() - lp[count]) / (lp.front() - lp.back()), 0.0, 1.0);
      cost_ += static_cast<double>(count) / static_cast<double>(keys.size());
    }
  }

  ThresholdScore score() const {
    ThresholdScore score;
    score.key_tokens = ratio(chosen_, prompts_);
    score.without_key_tokens = without_;
    score.first = labels_ ? ratio(right_, chosen_) : ratio(effect_, prompts_);
    score.second = labels_ ? ratio(right_, labelled_) : ratio(cost_, prompts_);
    score.objective = labels_ ? ratio(2 * right_, chosen_ + labelled_) : score.first - score.second;
    return score;
  }

 private:
  bool labels_;
  double prompts_ = 0, chosen_ = 0, right_ = 0, labelled_ = 0, effect_ = 0, cost_ = 0;
  std::uint64_t without_ = 0;
};

std::vector<ThresholdScore> score_grid(const std::vector<const ThresholdPrompt*>& prompts, const ThresholdGrid& grid) {
  std::vector<ThresholdScore> scores;
  for (const double alpha : grid.alphas)
    for (const double beta : grid.betas) {
      Tally tally(grid.objective == "labels");
      for (const auto* prompt : prompts) tally.add(*prompt, {alpha, beta});
      scores.push_back(tally.score());
    }
  return scores;
}

/// Mean objective of a point and its up to eight neighbours.
double neighbourhood(const ThresholdGrid& grid, std::size_t point) {
  const auto rows = grid.alphas.size(), columns = grid.betas.size(), row = point / columns, column = point % columns;
  double sum = 0, count = 0;
  for (auto r = row > 0 ? row - 1 : 0; r <= std::min(rows - 1, row + 1); ++r)
    for (auto c = column > 0 ? column - 1 : 0; c <= std::min(columns - 1, column + 1); ++c, ++count)
      sum += grid.tuned[r * columns + c].objective;
  return sum / count;
}

std::size_t best_point(const ThresholdGrid& grid) {
  std::size_t best = 0;
  for (std::size_t point = 1; point < grid.tuned.size(); ++point) {
    const double gain = grid.tuned[point].objective - grid.tuned[best].objective;
    if (gain > 1e-12 || (gain > -1e-12 && neighbourhood(grid, point) > neighbourhood(grid, best) + 1e-12)) best = point;
  }
  return best;
}

/// Whether removing all candidates costs more than noise: else no share of it means anything.
bool is_usable(const ThresholdPrompt& prompt, bool labels, double noise) {
  if (prompt.contributions.empty()) return false;
  return labels ? !prompt.is_labelled.empty() : prompt.without_largest.front() - prompt.without_largest.back() > noise;
}

double parse_number(const std::string& text, const std::string& option) {
  double value = 0;
  const auto trimmed = trim(text);
  const auto [end, code] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), value);
  UNPACT_VALIDATE(code == std::errc() && end == trimmed.data() + trimmed.size() && std::isfinite(value),
                  concat("option '", option, "' holds '", text, "'"), "numbers are needed", "write 0:0.6:0.02 or 0.1, 0.2");
  return value;
}

}  // namespace

ThresholdGrid search_thresholds(const std::vector<ThresholdPrompt>& prompts, const std::string& objective,
                                std::vector<double> alphas, std::vector<double> betas, double noise) {
  UNPACT_EXPECT(objective == "labels" || objective == "effect");
  UNPACT_EXPECT(!alphas.empty() && !betas.empty());
  ThresholdGrid grid;
  grid.objective = objective;
  grid.alphas = std::move(alphas);
  grid.betas = std::move(betas);
  std::vector<const ThresholdPrompt*> tuned, held_out;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    if (is_usable(prompts[i], objective == "labels", noise)) (i % 2 == 0 ? tuned : held_out).push_back(&prompts[i]);
  UNPACT_VALIDATE(!tuned.empty() && !held_out.empty(), "there are too few prompts to search thresholds",
                  concat(tuned.size(), " to tune on and ", held_out.size(), " held out can be used"), "give more questions");
  grid.tuned_prompts = tuned.size();
  grid.held_out_prompts = held_out.size();
  grid.tuned = score_grid(tuned, grid);
  grid.held_out = score_grid(held_out, grid);
  grid.best = best_point(grid);
  return grid;
}

std::vector<std::uint8_t> label_candidates(const AskedQuestion& asked) {
  const auto& prompt = asked.prompt;
  const auto count = prompt.candidate_end - prompt.candidate_begin;
  std::vector<std::uint8_t> labels(count, 0);
  if (count == 0) return labels;
  const auto begin = prompt.spans[prompt.candidate_begin].begin, end = prompt.spans[prompt.candidate_end - 1].end;
  for (const auto& key : asked.pair.keys) {
    if (key.empty()) continue;
    bool found = false;
    for (auto at = prompt.text.find(key, begin); at != std::string::npos && at + key.size() <= end;
         at = prompt.text.find(key, at + 1)) {
      found = true;
      for (std::size_t i = 0; i < count; ++i) {
        const auto& span = prompt.spans[prompt.candidate_begin + i];
        if (span.begin < at + key.size() && span.end > at) labels[i] = 1;
      }
    }
    UNPACT_VALIDATE(found, concat("the key word '", key, "' is not in its question"),
                    concat("question: ", asked.pair.question), "correct the labels of the dataset");
  }
  return labels;
}

std::vector<double> score_without_largest(const Transformer& model, const AttributionTask& task,
                                          const std::vector<float>& contributions, std::size_t token_budget) {
  UNPACT_EXPECT(contributions.size() == task.candidates());
  CoalitionScorer scorer(model, task, token_budget);
  std::vector<std::size_t> order(contributions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return contributions[a] > contributions[b]; });
  std::vector<Coalition> coalitions = {Coalition(contributions.size(), 1)};
  for (const auto next : order) {
    coalitions.push_back(coalitions.back());
    coalitions.back()[next] = 0;
  }
  return scorer.score(coalitions);
}

std::vector<double> read_grid_axis(const std::string& text, const std::string& option) {
  constexpr std::size_t most = 1000;
  const auto bounds = split_list(text, ':');
  std::vector<double> values;
  if (bounds.size() == 3) {
    const double from = parse_number(bounds[0], option), to = parse_number(bounds[1], option),
                 step = parse_number(bounds[2], option);
    UNPACT_VALIDATE(step > 0 && to >= from && (to - from) / step < static_cast<double>(most),
                    concat("option '", option, "' is '", text, "'"),
                    concat("it must be from:to:step with at most ", most, " values"), "write 0:0.6:0.02");
    const auto count = static_cast<std::size_t>(std::floor((to - from) / step + 1e-9)) + 1;
    for (std::size_t i = 0; i < count; ++i) values.push_back(std::round((from + static_cast<double>(i) * step) * 1e9) / 1e9);
  } else {
    for (const auto& item : split_list(text)) values.push_back(parse_number(item, option));
  }
  UNPACT_VALIDATE(!values.empty() && values.size() <= most && std::is_sorted(values.begin(), values.end()),
                  concat("option '", option, "' is '", text, "'"), "ascending numbers are needed",
                  "write 0:0.6:0.02 or 0.1, 0.2");
  return values;
}

}  // namespace unpact
