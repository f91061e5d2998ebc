#include "judge_check.hpp"

#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Twice the balanced accuracy, from sorted scores.
double accuracy(const std::vector<double>& right, const std::vector<double>& wrong, double threshold) {
  const auto below = [&](const std::vector<double>& scores) {
    return static_cast<double>(std::ranges::lower_bound(scores, threshold) - scores.begin()) /
           static_cast<double>(scores.size());
  };
  return 1 - below(right) + below(wrong);
}

}  // namespace

std::optional<double> best_threshold(std::span<const double> of_right, std::span<const double> of_wrong) {
  if (of_right.empty() || of_wrong.empty()) return std::nullopt;
  std::vector<double> right(of_right.begin(), of_right.end()), wrong(of_wrong.begin(), of_wrong.end()), all = right;
  all.insert(all.end(), wrong.begin(), wrong.end());
  for (auto* scores : {&right, &wrong, &all}) std::ranges::sort(*scores);
  double best = 0.5;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const double middle = all[i - 1] + (all[i] - all[i - 1]) / 2;
    if (!(all[i - 1] < middle)) continue;
    const double gain = accuracy(right, wrong, middle) - accuracy(right, wrong, best);
    if (gain > 0 || (gain == 0 && std::abs(middle - 0.5) < std::abs(best - 0.5))) best = middle;
  }
  return best;
}

JudgeCheckRecord check_judge(const std::string& name, const Judge& judge, const std::vector<double>& scores,
                             const std::vector<KnownAnswer>& kinds) {
  UNPACT_EXPECT(scores.size() == kinds.size());
  JudgeCheckRecord record;
  record.judge = name;
  record.threshold = judge.threshold();
  std::vector<double> right, wrong;
  const bool has_others = std::ranges::any_of(kinds, [](const auto& kind) { return !kind.calibrates; });
  for (std::size_t i = 0; judge.calibrates() && has_others && i < kinds.size(); ++i)
    if (kinds[i].calibrates) (kinds[i].is_right ? right : wrong).push_back(scores[i]);
  const auto found = best_threshold(right, wrong);
  if (found) {
    record.threshold = *found;
    record.calibrated_on = right.size() + wrong.size();
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (found && kinds[i].calibrates) continue;
    const bool accepts = found ? scores[i] >= *found : judge.passes(scores[i]);
    ++(kinds[i].is_right ? record.right : record.wrong);
    if (kinds[i].is_right && !accepts) ++record.rejected;
    if (!kinds[i].is_right && accepts) ++record.accepted;
  }
  return record;
}

}  // namespace unpact
