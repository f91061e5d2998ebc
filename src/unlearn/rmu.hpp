#pragma once
/// RMU as a procedure: two representation terms and a choice of weights that train.
#include "forget_kinds.hpp"

namespace unpact {

UnlearnResult run_rmu(Transformer& model, const TermInputs& inputs, const TrainOptions& options, Collectives& group,
                      const std::function<void(const StepReport&)>& on_step);

}  // namespace unpact
