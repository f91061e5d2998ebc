#pragma once
/// One cell of a campaign: model x dataset x method x seed.
#include <filesystem>
#include <string>

#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// model__dataset__method__seedN, safe as a file name.
std::string cell_id(const Configuration& configuration);

/// model__dataset: under which the target and the baseline of its cells lie.
std::string pair_id(const Configuration& configuration);

/// Whether this cell's file is in `folder` and was made with the same configuration, model and tokenizer. Pages that a job
/// killed at its very end has left behind are then removed.
bool is_cell_done(const Baseline& baseline, const Configuration& configuration, const std::filesystem::path& folder);

/// What a killed job has finished of this cell's answers and contributions, in `folder`/cells/ID.unfinished; to be removed
/// when the cell has its file. Only pages of the same configuration and of the same weights are used: a model that is
/// unlearned once more need not have the same bits. Collective over `group`, which must outlive the pages.
FinishedPages pages_of_cell(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                            const Configuration& configuration, const std::filesystem::path& folder);

/// Writes the cell's file below `folder`; results of other settings under its name are kept (keep_other_cell). Collective
/// over `group`. @throws RuntimeFailure on every rank, and then nothing new stands there.
void file_cell(const Communicator& group, const std::filesystem::path& folder, const CellRecord& record);

/// The fingerprint that a cell's file will have.
std::string fingerprint_of_cell(const Baseline& baseline, const Configuration& configuration);

/// Unlearns, evaluates, probes and writes the cell's file. Collective over `group`. @param claims the root's: steps that
/// cells share (unlearn.forget_sets) are done once by all who have the folder in common; null: nobody else has. @return the
/// record that was written.
CellRecord run_cell(const Session& session, const Communicator& group, const Baseline& baseline,
                    const Configuration& configuration, const std::filesystem::path& folder, Claims* claims = nullptr);

/// Compares `unlearned` with the baseline's target and fills the rest of a cell's record. Collective over `group`.
/// @param pages those of this cell.
CellRecord compare_with_baseline(const Session& session, const Communicator& group, const Baseline& baseline,
                                 const LanguageModel& unlearned, const Configuration& configuration, FinishedPages& pages);

}  // namespace unpact
