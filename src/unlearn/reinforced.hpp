#pragma once
/// Procedures that first train the target further on the forget set.
#include "forget_kinds.hpp"

namespace unpact {

/// tv: the target minus what that changed (Ilharco et al., arXiv 2212.04089).
UnlearnResult run_task_vector(const MethodRun& run);

/// whp: the target, and the reinforced model that it answers together with (Eldan & Russinovich, arXiv 2310.02238).
UnlearnResult run_contrast(const MethodRun& run);

}  // namespace unpact
