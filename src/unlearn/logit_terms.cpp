#include "logit_terms.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "unpact/core/error.hpp"
#include "logit_sum.hpp"

namespace unpact {
namespace {

/// The frozen model's logits of some of the cached rows.
at::Tensor frozen_logits(const Transformer& reference, const at::Tensor& hidden_RD, std::int64_t first, std::int64_t count) {
  const c10::NoGradGuard guard;
  return reference.logits(hidden_RD.narrow(0, first, count));
}

/// The same examples without the first targets of each.
Examples without_first_targets(const Examples& examples, std::int64_t skipped) {
  auto fewer = std::make_shared<std::vector<Example>>(*examples);
  for (auto& example : *fewer) {
    auto left = skipped;
    for (auto& flag : example.has_loss) {
      if (left == 0) break;
      if (flag == 0) continue;
      flag = 0;
      --left;
    }
  }
  return fewer;
}

void require_positive(double beta) {
  UNPACT_VALIDATE(beta > 0, concat("option 'method.beta' is ", beta), "it must be positive", "npo: use 0.1; undial: use 10");
}

}  // namespace

at::Tensor rows_at(Positions positions, const std::vector<Example>& examples, ExampleIndices indices,
                   const ExampleBatch& batch) {
  return positions == Positions::targets ? batch.rows_R : token_rows(examples, indices, batch.rows_R.device());
}

std::int64_t count_at(Positions positions, const std::vector<Example>& examples, ExampleIndices indices) {
  return positions == Positions::targets ? count_targets(examples, indices) : count_tokens(examples, indices);
}

at::Tensor hidden_at(Positions positions, const Transformer& model, const std::vector<Example>& examples,
                     ExampleIndices indices) {
  const auto batch = make_batch(examples, indices, model.device());
  return model.hidden(batch.tokens_BS, batch.layout)
      .flatten(0, 1)
      .index_select(0, rows_at(positions, examples, indices, batch));
}

FrozenRows frozen_hidden(Positions positions, const Examples& examples, const Frozen& reference) {
  FrozenRows::Shape shape{positions == Positions::targets ? "hidden states of targets" : "hidden states of all tokens",
                          {},
                          reference.model.config().head_width()};
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(examples->size()); ++i)
    shape.rows.push_back(count_at(positions, *examples, {&i, 1}));
  return {examples, shape, reference, [examples, positions](const Transformer& model, ExampleIndices indices) {
            return hidden_at(positions, model, *examples, indices);
          }};
}

NpoLogitTerm::NpoLogitTerm(Examples examples, const Frozen& reference, double beta)
    : ExampleTerm(std::move(examples)), beta_(beta), reference_(reference.model) {
  require_positive(beta);
  reference_hidden_ = frozen_hidden(Positions::all, examples_, reference);
}

at::Tensor NpoLogitTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto frozen_RD = reference_hidden_.of(indices);
  return sum_over_logits(
      model, hidden_at(Positions::all, model, *examples_, indices), [&](const at::Tensor& logits_CV, std::int64_t first) {
        const auto fall_CV = frozen_logits(reference_, frozen_RD, first, logits_CV.size(0)) - logits_CV;
        return (-2.0 / beta_) * at::log_sigmoid(beta_ * fall_CV).sum() / static_cast<double>(logits_CV.size(1));
      });
}

double NpoLogitTerm::normalizer(ExampleIndices indices) const {
  return static_cast<double>(count_tokens(*examples_, indices));
}

UndialTerm::UndialTerm(Examples examples, const Frozen& reference, double beta)
    : ExampleTerm(std::move(examples)), beta_(beta), reference_(reference.model) {
  require_positive(beta);
  reference_hidden_ = frozen_hidden(Positions::targets, examples_, reference);
}

at::Tensor UndialTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto frozen_RD = reference_hidden_.of(indices);
  return sum_over_logits(model, target_hidden(model, rows), [&](const at::Tensor& logits_CV, std::int64_t first) {
    auto teacher_CV = frozen_logits(reference_, frozen_RD, first, logits_CV.size(0));
    const auto target_C1 = rows.targets_R.narrow(0, first, logits_CV.size(0)).unsqueeze(1);
    teacher_CV = teacher_CV.scatter_add(1, target_C1, at::full({logits_CV.size(0), 1}, -beta_, teacher_CV.options()));
    return -(teacher_CV.softmax(1) * logits_CV.log_softmax(1)).sum();
  });
}

CeuTerm::CeuTerm(Examples examples, std::int64_t skipped)
    : ExampleTerm(std::move(examples)), scored_(without_first_targets(examples_, skipped)) {}

at::Tensor CeuTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = make_batch(*scored_, indices, model.device());
  return sum_over_logits(model, target_hidden(model, rows), [&](const at::Tensor& logits_CV, std::int64_t first) {
    const auto target_C1 = rows.targets_R.narrow(0, first, logits_CV.size(0)).unsqueeze(1);
    const auto wanted_CV = logits_CV.detach().scatter(1, target_C1, -std::numeric_limits<double>::infinity()).softmax(1);
    return -(wanted_CV * logits_CV.log_softmax(1)).sum();
  });
}

at::Tensor FlatnessTerm::sum(const Transformer& model, ExampleIndices indices) const {
  return sum_over_logits(model, target_hidden(model, batch(indices, model)), [](const at::Tensor& logits_CV, std::int64_t) {
    return (std::get<0>(logits_CV.max(1)) - logits_CV.mean(1)).square().sum();
  });
}

FlatTopTerm::FlatTopTerm(Examples examples, const Frozen& reference, std::int64_t flattened, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), flattened_(flattened), weighting_(std::move(weighting)),
      reference_(reference.model) {
  reference_hidden_ = frozen_hidden(Positions::targets, examples_, reference);
}

at::Tensor FlatTopTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto frozen_RD = reference_hidden_.of(indices);
  const auto hidden_RD = target_hidden(model, rows);
  at::Tensor weight_R = at::ones({hidden_RD.size(0)}, hidden_RD.options().dtype(at::kFloat));
  if (!weighting_.is_none()) weight_R = weighting_.of(*examples_, indices, {at::zeros_like(weight_R)}, rows);
  return sum_over_logits(model, hidden_RD, [&](const at::Tensor& logits_CV, std::int64_t first) {
    const auto count = logits_CV.size(0), K = std::min(flattened_, logits_CV.size(1));
    const auto chosen_CK = std::get<1>(frozen_logits(reference_, frozen_RD, first, count).topk(K, 1));
    const auto z_CK = logits_CV.gather(1, chosen_CK);
    return (weight_R.narrow(0, first, count) * (z_CK - z_CK.mean(1, true)).square().mean(1)).sum();
  });
}

}  // namespace unpact
