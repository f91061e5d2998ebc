#include "planned_sums.hpp"

namespace unpact {

double seconds_of(const PlannedStages& stages) {
  double sum = 0;
  for (const auto& stage : stages) sum += stage.seconds;
  return sum;
}

double operations_of(const PlannedStages& stages) {
  double sum = 0;
  for (const auto& stage : stages) sum += stage.operations;
  return sum;
}

PlannedStages stages_of(const PlannedCosts& costs, const std::string& id) {
  const auto found = costs.find(id);
  return found == costs.end() ? PlannedStages{} : found->second;
}

}  // namespace unpact
