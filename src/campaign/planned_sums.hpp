#pragma once
/// What planned stages come to; private to this layer.
#include <string>

#include "unpact/store/cell_places.hpp"

namespace unpact {

double seconds_of(const PlannedStages& stages);
double operations_of(const PlannedStages& stages);

/// The stages of a results file; none where nothing is planned for it.
PlannedStages stages_of(const PlannedCosts& costs, const std::string& id);

}  // namespace unpact
