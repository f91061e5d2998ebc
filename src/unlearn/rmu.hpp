#pragma once
/// RMU as a procedure: two representation terms and a choice of weights that train.
#include "forget_kinds.hpp"

namespace unpact {

/// The names of the weights that train. @throws UserError for layers or weights that the model has not.
std::set<std::string> rmu_weights(const MethodOptions& method, const ModelConfig& config);

UnlearnResult run_rmu(const MethodRun& run);

}  // namespace unpact
