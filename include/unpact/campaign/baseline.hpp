#pragma once
/// What all cells of one model and dataset share: the target's answers and contributions, and where its weights lie.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/campaign/while_busy.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

struct Baseline {
  LanguageModel target;  ///< mapped (map_alike): no weight of it is in memory; trainings start from its files
  Dataset dataset;
  std::vector<AskedQuestion> questions;
  std::string dataset_checksum;
  CellRecord record;                        ///< questions and target are filled in
  std::optional<LanguageModel> judge = {};  ///< mapped: the model that a judge asks; none: no judge asks one
  std::int64_t skipped_questions = 0;       ///< longer than the target's context (dataset.skip_long)
};

/// Maps or makes the target. Answers the questions with it and attributes the answers, for which it is loaded, and written
/// to `folder`/baselines; read from there, without loading the target, when that is already done, under whatever name.
/// Collective over the session's world. @param claims the root's; what others in the folder make is waited for, or left to
/// them. nullptr: there are none. @throws StoppedAtCheckpoint when asked to stop on the way, MadeElsewhere (while_busy.hpp).
Baseline prepare_baseline(const Session& session, const Configuration& configuration, const std::filesystem::path& folder,
                          Claims* claims = nullptr, WhileBusy while_busy = WhileBusy::wait);

}  // namespace unpact
