#pragma once
/// How often a judge is wrong, and from which score on it had better say "right".
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "unpact/evaluation/judge.hpp"
#include "unpact/results/judgement.hpp"

namespace unpact {

/// An answer whose rightness is known.
struct KnownAnswer {
  bool is_right = false;
  bool calibrates = false;  ///< a threshold is found on it, and errors are counted on the others
};

/// The threshold that tells right from wrong best: with the largest mean of the shares of right answers accepted and of
/// wrong ones rejected; the one closest to 0.5 among equals. It lies in the middle of two neighbouring scores, or is 0.5.
/// None where either kind is missing.
std::optional<double> best_threshold(std::span<const double> right, std::span<const double> wrong);

/// Counts a judge's errors. One that calibrates is measured on those answers alone that did not.
JudgeCheckRecord check_judge(const std::string& name, const Judge& judge, const std::vector<double>& scores,
                             const std::vector<KnownAnswer>& kinds);

}  // namespace unpact
