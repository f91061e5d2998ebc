#pragma once
/// What the master file says about one finished cell.
#include <map>
#include <string>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// A mean over questions, with how many there were; NaN when there were none.
struct MeanOverQuestions {
  double mean = 0;
  std::uint64_t count = 0;
};

struct CellMetrics {
  std::string id, model, dataset, method;
  std::int64_t seed = 0;
  std::string compute_dtype;
  double noise_floor = 0;
  std::map<std::string, Rate> rates;                ///< by column name
  std::map<std::string, MeanOverQuestions> shifts;  ///< focus_shift_X and contribution_shift_X
  std::vector<ProbeRecord> probes;                  ///< name, label and kind
  std::map<std::string, MetricRecord> values;       ///< the field's metrics by metric_<name>
  std::map<std::string, double> seconds;            ///< by seconds_<stage>
};

CellMetrics metrics_of(const CellRecord& cell);

/// `name` as part of a column's name: characters outside [A-Za-z0-9_] become _.
std::string column_name(std::string name);

}  // namespace unpact
