#pragma once
/// What all cells of one model and dataset share: the target with its answers and contributions.
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

struct Baseline {
  LanguageModel target;
  Dataset dataset;
  std::vector<AskedQuestion> questions;
  std::string dataset_checksum;
  CellRecord record;  ///< questions and target are filled in
};

/// Loads or makes the target, answers the questions with it and attributes the answers; written to
/// `folder`/baselines and read from there when it is already done, under whatever name. Collective over the world.
/// @param claims the root's; what other jobs in the folder make is waited for. nullptr: there are none.
/// @throws StoppedAtCheckpoint when asked to stop on the way.
Baseline prepare_baseline(const Session& session, const Configuration& configuration, const std::filesystem::path& folder,
                          Claims* claims = nullptr);

}  // namespace unpact
