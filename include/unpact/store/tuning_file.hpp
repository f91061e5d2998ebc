#pragma once
/// The file of a threshold search: docs/results-format.md, "Tuning file".
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// A column of the grid over one half of the prompts: A x B, row-major.
struct TuningColumn {
  std::string name, long_name;
  std::vector<double> values;
};

/// The objective over alpha x beta; A values of alpha, B of beta.
struct TuningRecord {
  Provenance provenance;
  std::string model, dataset, attribution_method, objective;
  std::vector<double> alphas, betas;
  std::vector<TuningColumn> tuned, held_out;
  std::int64_t tuned_prompts = 0, held_out_prompts = 0;
  double best_alpha = 0, best_beta = 0, noise_floor = 0;
};

inline constexpr const char* kTuningSchema = "unpact-tuning";

/// Writes the file under a temporary name, seals and renames it. One rank alone. @throws RuntimeFailure.
void write_tuning_file(const std::filesystem::path& path, const TuningRecord& record);

}  // namespace unpact
