#pragma once
/// Sets that are forgotten one after the other, each from where the last ended (unlearn.forget_sets).
#include <filesystem>
#include <vector>

#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/results/training.hpp"
#include "unpact/results/work.hpp"

namespace unpact {

/// What a step, or the last of several, left behind.
struct LastStep {
  LanguageModel model;            ///< mapped
  std::vector<StepReport> steps;  ///< of its training, also where it was done before
  std::vector<WorkRecord> work;   ///< of what was done now
};

/// One training that cells have in common, by a configuration's method. The model is kept in `folder`/models/step-DIGEST, in
/// float32, under the digest of all that decides it; one that is there is used, one that another group makes waited for.
/// Collective over `group`. @param start mapped. @throws StoppedAtCheckpoint as a training.
LastStep train_once(const Session& session, const Communicator& group, const Baseline& baseline,
                    const Configuration& configuration, const LanguageModel& start, const std::filesystem::path& folder,
                    Claims* claims);

/// Unlearns a configuration's sets. The model after each is kept in `folder`/models/step-DIGEST, in float32, under the
/// digest of all that decides it: cells that begin with the same sets share it, and a step that another group works on is
/// waited for. Collective over `group`. @throws StoppedAtCheckpoint as a training.
LastStep unlearn_sequence(const Session& session, const Communicator& group, const Baseline& baseline,
                          const Configuration& configuration, const std::filesystem::path& folder, Claims* claims);

}  // namespace unpact
