#pragma once
/// Where the results of a campaign lie, finished, failed or of other settings, and what it was going to compute.
///
///   FOLDER/plan.json                the cells of the last plan, with the fingerprints that their results must have
///   FOLDER/cells/ID.h5              a finished cell
///   FOLDER/cells/ID.failed.json     why a cell has no result
///   FOLDER/baselines/PAIR.failed.json  why a target or its baseline is not there
///   FOLDER/other/ID.FINGERPRINT.h5  a cell of other settings that stood where one of this plan was to be written
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unpact/core/json.hpp"
#include "unpact/results/planned_stage.hpp"

namespace unpact {

/// A cell that the plan names, with the file that it should have.
struct PlannedCell {
  std::string id, model, dataset, method;
  std::int64_t seed = 0;
  std::filesystem::path file;
  std::string fingerprint = {};  ///< that its results must have; empty: not known before its target is there
  std::string note = {};         ///< why it will have none
  std::string pair = {};         ///< models/PAIR and baselines/PAIR.h5: its target and what it compares with
  bool makes_target = false;     ///< the campaign makes models/PAIR, else the target is given
  std::string settings = {};     ///< digest of what it has in common with the pair's other cells; empty: not known
  std::string baseline = {};     ///< fingerprint of what it compares with, whatever its file is called; empty: not known yet

  bool operator==(const PlannedCell&) const = default;
};

std::filesystem::path cell_file(const std::filesystem::path& folder, const std::string& id);

/// What results files are expected to cost, by their ids.
using PlannedCosts = std::map<std::string, PlannedStages>;

/// Planned stages as plan.json and `reproduce --dry-run --json` have them.
Json stages_json(const PlannedStages& stages);

/// One plan for all jobs of a folder. @param own what this job plans. @param before what stands there. Cells that this job does
/// not plan stay, unless it plans others of their pair with other settings; so do fingerprints that are not known yet.
std::vector<PlannedCell> plans_united(const std::vector<PlannedCell>& own, const std::vector<PlannedCell>& before);

/// Writes `folder`/plan.json, atomically.
void write_plan(const std::filesystem::path& folder, const std::vector<PlannedCell>& cells, const PlannedCosts& costs = {});

/// The plan that was written last; nothing when there is none. @throws UserError for a broken file.
std::optional<std::vector<PlannedCell>> read_plan(const std::filesystem::path& folder);

/// The costs of the plan that was written last, those of which it says something; empty also where there is no plan, or one
/// that cannot be read.
PlannedCosts read_planned_costs(const std::filesystem::path& folder);

/// The file that holds this cell with this fingerprint, under the cell's own name or among the others.
std::optional<std::filesystem::path> find_finished_cell(const std::filesystem::path& folder, const std::string& id,
                                                        const std::string& fingerprint);

/// The file in `folder`/baselines with this fingerprint, whatever it is called. @param pair whose file is opened first.
std::optional<std::filesystem::path> find_baseline(const std::filesystem::path& folder, const std::string& fingerprint,
                                                   const std::string& pair = {});

/// Gives way to a new baseline: an intact one of another fingerprint gets a name of its own beside it.
/// @throws RuntimeFailure.
void keep_other_baseline(const std::filesystem::path& file, const std::string& fingerprint);

/// Gives way to new results: an intact cell of another fingerprint under this id is moved to `folder`/other.
/// @return where it lies now; nothing when nothing had to be moved. @throws RuntimeFailure.
std::optional<std::filesystem::path> keep_other_cell(const std::filesystem::path& folder, const std::string& id,
                                                     const std::string& fingerprint);

/// Why a cell of this fingerprint has no result.
struct FailedCell {
  std::string id, fingerprint, problem, reason, hint;
  std::string when, where;  ///< ISO 8601 UTC; host and rank
  std::string run = {};     ///< Claims::run() of the job that tried it
};

/// Atomic. @throws RuntimeFailure when it cannot be written.
void write_failed_cell(const std::filesystem::path& folder, const FailedCell& failed);

/// The same of a target or its baseline, by its pair: the reason stands in `folder`/baselines/PAIR.failed.json.
void write_failed_pair(const std::filesystem::path& folder, const FailedCell& failed);
std::optional<FailedCell> find_failed_pair(const std::filesystem::path& folder, const std::string& pair);
void remove_failed_pair(const std::filesystem::path& folder, const std::string& pair);

/// What is known of a failure with this fingerprint; nothing when there was none.
std::optional<FailedCell> find_failed_cell(const std::filesystem::path& folder, const std::string& id,
                                           const std::string& fingerprint);

/// Forgets a failure, because the cell is done or to be tried again.
void remove_failed_cell(const std::filesystem::path& folder, const std::string& id);

}  // namespace unpact
