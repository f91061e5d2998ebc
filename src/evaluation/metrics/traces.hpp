#pragma once
/// How much of a gold trace of thought a model's own trace says.
#include <string_view>

namespace unpact {

/// R-TOFU's step-wise measure (arXiv 2505.15214): sentences by Punkt; for each of the gold trace the largest ROUGE-L recall among
/// the own trace's sentences; their mean. 0 where either has none.
double trace_steps(std::string_view gold, std::string_view own);

}  // namespace unpact
