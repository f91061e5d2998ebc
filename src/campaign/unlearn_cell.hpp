#pragma once
/// From a cell's target to the model that the cell is about.
#include <filesystem>
#include <vector>

#include "trajectory.hpp"
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/results/cell.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

/// What the unlearning of a cell leaves behind.
struct Unlearned {
  LanguageModel model;  ///< that answers, on every rank or on shards
  std::vector<StepReport> steps;
  std::vector<WorkRecord> work;
  TrajectoryRecord trajectory = {};
  MixRecord mix = {};
};

/// Trains, puts whole weights together, each measured, and saves them where that is asked for and nothing else is made of them.
/// Collective over `group`. @param claims the root's: what cells share is made once by all who have the folder in common; null: nobody
/// else has. @param trajectory looks on the way; null: nobody does.
Unlearned unlearn_cell(const Session& session, const Communicator& group, const Baseline& baseline,
                       const Configuration& configuration, TrainOptions options, const std::filesystem::path& folder,
                       Claims* claims, Trajectory* trajectory);

/// The same of a task vector whose reinforced model cells of other scales have in common. Collective over `group`.
Unlearned unlearn_from_reinforced(const Session& session, const Communicator& group, const Baseline& baseline,
                                  const Configuration& configuration, const std::filesystem::path& folder, Claims* claims);

/// What its points and the target make of an unlearning: the model that the cell is about. Collective over `group`.
void settle(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& configuration,
            Trajectory* trajectory, const std::filesystem::path& folder, Unlearned& unlearned);

}  // namespace unpact
