#include "finished_work.hpp"

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// Where the target lies or will lie.
fs::path target_folder(const Configuration& c) {
  return makes_target(c.model) ? fs::path(c.run.output) / "models" / pair_id(c) : fs::path(c.model.path);
}

/// Of the weights that the target's answers in the folder were made with; empty: there are none.
std::string recorded_checksum(const Configuration& c) {
  const auto file = fs::path(c.run.output) / "baselines" / (pair_id(c) + ".h5");
  std::error_code code;
  return fs::exists(file, code) ? read_cell_file(file).provenance.model_checksum : std::string();
}

bool has_results(const Configuration& c) {
  std::error_code code;
  for (const char* part : {"baselines", "cells", "other"})
    if (fs::exists(fs::path(c.run.output) / part, code)) return true;
  return false;
}

void read_target(const Configuration& c, const Dataset& dataset, InputChecksums& sums, std::vector<std::string>& remarks) {
  const auto folder = target_folder(c);
  if (makes_target(c.model) && !is_made(folder, target_fingerprint(c, dataset_checksum(dataset)))) return;
  sums.config = config_checksum(read_model_config(folder));
  sums.tokenizer = load_tokenizer(folder)->checksum();
  if (has_weights(folder)) {
    sums.model = weights_checksum(folder);
    return;
  }
  sums.model = recorded_checksum(c);
  if (!sums.model.empty())
    remarks.push_back("what is finished was looked up for the weights that its target's answers were made with");
}

}  // namespace

PairInputs inputs_of(const Configuration& c, const Dataset& dataset, std::vector<std::string>& remarks) {
  PairInputs inputs{c.run.output, {dataset_checksum(dataset), {}, {}, {}}};
  if (!has_results(c)) return inputs;
  try {
    read_target(c, dataset, inputs.checksums, remarks);
  } catch (const Error& error) {
    remarks.push_back(concat("what is finished cannot be told: ", one_line(error)));
    inputs.checksums.model.clear();
  }
  return inputs;
}

bool is_baseline_finished(const PairInputs& inputs, const Configuration& c) {
  if (inputs.checksums.model.empty()) return false;
  return find_baseline(inputs.folder, fingerprint_of_baseline(inputs.checksums, c)).has_value();
}

CellState state_of_cell(const PairInputs& inputs, const Configuration& c) {
  if (inputs.checksums.model.empty()) return CellState::left;
  const auto fingerprint = fingerprint_of_cell(inputs.checksums, c);
  if (find_finished_cell(inputs.folder, cell_id(c), fingerprint)) return CellState::finished;
  return find_failed_cell(inputs.folder, cell_id(c), fingerprint) ? CellState::failed : CellState::left;
}

}  // namespace unpact
