// Coarse to fine removal (AttriBoT, arXiv 2411.15102, section 3.1 there). Unlike there, every unit is taken out of the whole
// prompt, so that what is taken out alone has its exact contribution.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "methods.hpp"
#include "noise_floor.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using Spans = std::vector<TokenSpan>;

/// The units that begin at `bounds` (the last bound is the end) and lie in one of `within`; bounds of coarser units are
/// among those of finer ones.
Spans units_within(const std::vector<std::size_t>& bounds, const Spans& within) {
  Spans units;
  for (const auto& region : within)
    for (std::size_t u = 0; u + 1 < bounds.size(); ++u)
      if (bounds[u] >= region.begin && bounds[u + 1] <= region.end) units.push_back({bounds[u], bounds[u + 1]});
  return units;
}

/// @param given bounds of the task's words or sentences; empty: those of `otherwise`.
std::vector<std::size_t> bounds_or(const AttributionTask& task, const std::vector<std::size_t>& given,
                                   std::vector<std::size_t> otherwise) {
  if (given.empty()) return otherwise;
  UNPACT_EXPECT(given.size() >= 2 && given.front() == task.candidate_begin && given.back() == task.candidate_end &&
                std::is_sorted(given.begin(), given.end()));
  return given;
}

/// One prompt on its way from sentences to tokens.
class Refinement {
 public:
  Refinement(const AttributionTask& task, BoundEngine& bound) : task_(task), bound_(bound) {
    result_.values.assign(task.candidates(), 0);
    result_.standard_errors.assign(task.candidates(), std::numeric_limits<float>::quiet_NaN());
  }

  /// Takes each unit out of the prompt; its tokens get equal shares of what that costs.
  /// @return the `keep` units with the largest contributions, ascending.
  Spans measure(const Spans& units, std::size_t keep) {
    AttributionRequest request;
    request.prompt = task_.prompt;
    request.removals = units;
    request.answers = {task_.answer};
    const auto removed = bound_.run(request).front();
    const auto contributions = removed.contributions();
    for (std::size_t u = 0; u < units.size(); ++u) share(units[u], contributions[u]);
    if (std::isnan(result_.mean_log_probability)) result_.mean_log_probability = removed.mean_log_probability();
    result_.work += removed.work;
    return largest(units, contributions, keep);
  }

  /// The tokens in `units` that were not taken out alone yet.
  Spans tokens_left(const Spans& units) const {
    Spans tokens;
    for (const auto& unit : units)
      for (auto i = unit.begin; i < unit.end; ++i)
        if (std::isnan(result_.standard_errors[i - task_.candidate_begin])) tokens.push_back({i, i + 1});
    return tokens;
  }

  Attribution take() {
    result_.work.positions_naive = naive_positions(task_);
    return std::move(result_);
  }

 private:
  void share(const TokenSpan& unit, float contribution) {
    for (auto i = unit.begin; i < unit.end; ++i) {
      result_.values[i - task_.candidate_begin] = contribution / static_cast<float>(unit.size());
      if (unit.size() == 1) result_.standard_errors[i - task_.candidate_begin] = 0;
    }
  }

  static Spans largest(const Spans& units, const std::vector<float>& contributions, std::size_t keep) {
    std::vector<std::size_t> order(units.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return contributions[a] > contributions[b]; });
    order.resize(std::min(keep, order.size()));
    std::sort(order.begin(), order.end());
    Spans kept;
    for (const auto u : order) kept.push_back(units[u]);
    return kept;
  }

  const AttributionTask& task_;
  BoundEngine& bound_;
  Attribution result_;
};

class Hierarchical : public AttributionMethod {
 public:
  Hierarchical(std::unique_ptr<LeaveOneOutEngine> engine, std::size_t keep_sentences, std::size_t keep_words)
      : engine_(std::move(engine)), keep_sentences_(keep_sentences), keep_words_(keep_words) {}

  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    return scores_by_engine(*engine_, model, task);
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    require_task(model.config(), task);
    std::vector<std::size_t> every(task.candidates() + 1);
    std::iota(every.begin(), every.end(), task.candidate_begin);
    const auto bound = engine_->open(model);
    Refinement refinement(task, *bound);
    Spans kept = {{task.candidate_begin, task.candidate_end}};
    // A single unit says nothing about what is in it, so it is looked into without being taken out.
    const auto refine = [&](const std::vector<std::size_t>& bounds, std::size_t keep) {
      const auto units = units_within(bounds, kept);
      kept = units.size() > 1 ? refinement.measure(units, keep) : units;
    };
    refine(bounds_or(task, task.sentence_bounds, {task.candidate_begin, task.candidate_end}), keep_sentences_);
    refine(bounds_or(task, task.word_bounds, every), keep_words_);
    if (const auto tokens = refinement.tokens_left(kept); !tokens.empty()) refinement.measure(tokens, tokens.size());
    return refinement.take();
  }

 private:
  std::unique_ptr<LeaveOneOutEngine> engine_;
  std::size_t keep_sentences_, keep_words_;
};

}  // namespace

std::unique_ptr<AttributionMethod> make_hierarchical(std::unique_ptr<LeaveOneOutEngine> engine,
                                                     const AttributionSettings& s) {
  return std::make_unique<Hierarchical>(std::move(engine), static_cast<std::size_t>(s.keep_sentences),
                                        static_cast<std::size_t>(s.keep_words));
}

}  // namespace unpact
