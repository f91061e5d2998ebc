#include "retain_terms.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "logit_sum.hpp"

namespace unpact {

KlTerm::KlTerm(Examples examples, const Frozen& reference, KlVariant variant)
    : ExampleTerm(std::move(examples)), variant_(variant), reference_(reference.model),
      reference_hidden_(frozen_hidden(positions(), examples_, reference)) {}

at::Tensor KlTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto frozen_RD = reference_hidden_.of(indices);
  return sum_over_logits(model, hidden_at(positions(), model, *examples_, indices),
                         [&](const at::Tensor& logits_CV, std::int64_t first) {
                           at::Tensor frozen_CV;
                           {
                             const c10::NoGradGuard guard;
                             frozen_CV = reference_.logits(frozen_RD.narrow(0, first, logits_CV.size(0)));
                             if (variant_ != KlVariant::muse_logit) frozen_CV = frozen_CV.log_softmax(1);
                           }
                           const auto ours_CV = variant_ == KlVariant::muse_logit ? logits_CV : logits_CV.log_softmax(1);
                           return (frozen_CV.exp() * (frozen_CV - ours_CV)).sum();
                         });
}

double KlTerm::normalizer(ExampleIndices indices) const {
  if (variant_ == KlVariant::muse_logit) return static_cast<double>(indices.size());
  return static_cast<double>(count_at(positions(), *examples_, indices));
}

JsdTerm::JsdTerm(Examples examples, const Frozen& reference)
    : ExampleTerm(std::move(examples)), reference_(reference.model),
      reference_hidden_(frozen_hidden(Positions::targets, examples_, reference)) {}

at::Tensor JsdTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto frozen_RD = reference_hidden_.of(indices);
  return sum_over_logits(model, hidden_at(Positions::targets, model, *examples_, indices),
                         [&](const at::Tensor& logits_CV, std::int64_t first) {
                           at::Tensor frozen_CV;
                           {
                             const c10::NoGradGuard guard;
                             frozen_CV = reference_.logits(frozen_RD.narrow(0, first, logits_CV.size(0))).log_softmax(1);
                           }
                           const auto ours_CV = logits_CV.log_softmax(1);
                           const auto middle_CV = at::logaddexp(frozen_CV, ours_CV) - std::log(2.0);
                           return 0.5 *
                                  (frozen_CV.exp() * (frozen_CV - middle_CV) + ours_CV.exp() * (ours_CV - middle_CV)).sum();
                         });
}

}  // namespace unpact
