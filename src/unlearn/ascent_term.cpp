#include "ascent_term.hpp"

#include <ATen/ATen.h>

namespace unpact {

GradientAscentTerm::GradientAscentTerm(Examples examples, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), weighting_(std::move(weighting)) {}

at::Tensor GradientAscentTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto scores = weighting_.score(model, rows);
  if (weighting_.is_none()) return scores.log_p_R.sum();
  return (weighting_.of(*examples_, indices, scores, rows) * scores.log_p_R).sum();
}

}  // namespace unpact
