#pragma once
/// A campaign's plan held against what it will open, before anything is trained or asked.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/session.hpp"

namespace unpact {

/// What a plan that holds will do.
struct PlanSummary {
  std::size_t pairs = 0, cells = 0;
  double most_bytes = 0;  ///< that a stage takes on one rank, an estimate; 0: unknown
  std::string neediest;   ///< the cell or pair, and the stage
  double more_bytes = 0;  ///< that a stage takes beyond, where they are free
  std::string text() const;
};

/// How a plan is looked at.
struct PlanScope {
  bool weights_may_miss = false;  ///< a model's folder need not hold weights
  /// Compute capability of the GPUs that are planned for, which this machine need not have: what is computed in follows from
  /// it, and this machine's memory is not looked at. Unset: the campaign runs here.
  std::optional<int> planned_capability = std::nullopt;
};

/// Opens every dataset, config, tokenizer, header of weights and file of a method, and makes the questions and examples of
/// all cells; no weights are loaded. What was seen is pinned: the pairs' dataset.checksum and, of given models,
/// model.config_checksum, every cell's method.file_checksum (pin_method_file), and what is computed in (pin_dtypes).
/// Collective over the session's world; every rank looks for itself. @param ranks_per_cell size of the groups. @throws
/// UserError on every rank with all problems of the plan, up to some number, each with its pair, cell and method.
PlanSummary check_plan(const Session& session, int ranks_per_cell, std::vector<Pair>& plan, const PlanScope& scope = {});

}  // namespace unpact
