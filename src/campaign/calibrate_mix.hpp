#pragma once
/// Unlearned models compared at equal utility (UWC, arXiv 2406.09179): each is mixed with its target until enough is kept.
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/results/trajectory.hpp"

namespace unpact {

struct Calibrated {
  LanguageModel model;
  MixRecord record;
  std::vector<std::uint8_t> roles;  ///< a PointRole a question
};

/// The least share of the target, to 1/128, with which the model keeps unlearn.mix_keep of the target's right answers to held-out
/// retain questions that choose (point_roles): by bisection, since answers come back with the share; at most eight evaluations. The
/// target itself (1) keeps them all. Collective over `group`, which must outlive the model.
Calibrated calibrate_mix(const Session& session, const Communicator& group, const Baseline& baseline,
                         const Configuration& configuration, LanguageModel unlearned);

}  // namespace unpact
