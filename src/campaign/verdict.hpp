#pragma once
/// The dilemma of the study: much knowledge is left, or much is wrecked.
#include <string>
#include <vector>

#include "unpact/results/rate.hpp"

namespace unpact {

/// The study's lower end of what FocusOnKey recovers, taken as the least that is "much": our choice, also for destruction, of
/// which the study gives no number. analysis/unpact_results/dilemma.py has the same.
inline constexpr double kMuchLeft = 0.307, kMuchWrecked = 0.307;

/// insufficient (much is left), destructive (much is wrecked), both or neither; "(uncertain)" where an interval holds a limit.
/// @param left knowledge left. @param wrecked the destructive rate.
std::string verdict_on(const Rate& left, const Rate& wrecked);

/// Forgotten questions that a probe wins back.
struct WonBack {
  std::string label;
  std::uint64_t count = 0;
};

/// Where much is left: the label of the probe that wins most back, where that and what is still right are much by themselves;
/// "several probes together" where they are not; "what is still right" where no probe is needed. Else empty.
/// @param won of probes and baselines, no controls.
std::string what_leaves_much(const Rate& left, const Rate& still_right, const std::vector<WonBack>& won);

}  // namespace unpact
