#include "ascent_term.hpp"

#include <ATen/ATen.h>

namespace unpact {

GradientAscentTerm::GradientAscentTerm(Examples examples, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), weighting_(std::move(weighting)) {}

at::Tensor GradientAscentTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto log_p_R = example_log_probabilities(model, batch(indices, model));
  if (weighting_.is_none()) return log_p_R.sum();
  return (weighting_.of(*examples_, indices, log_p_R) * log_p_R).sum();
}

}  // namespace unpact
