#include "refusal_term.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {

RefusalTerm::RefusalTerm(Examples examples, std::vector<TokenId> refusal)
    : ExampleTerm(std::move(examples)), refusal_(std::move(refusal)) {
  UNPACT_EXPECT(!refusal_.empty());
}

at::Tensor RefusalTerm::sum(const Transformer& model, ExampleIndices indices) const {
  auto rows = batch(indices, model);
  std::vector<std::int64_t> wanted;
  for (const auto index : indices)
    for (std::int64_t k = 0; k < example(index).targets(); ++k)
      wanted.push_back(refusal_[static_cast<std::size_t>(k) % refusal_.size()]);
  rows.targets_R = to_tensor(wanted, model.device());
  const auto log_p_R = example_log_probabilities(model, rows);
  const auto p_R = log_p_R.exp();
  return 0.5 * (2 * std::log(2.0) + p_R * log_p_R - (1 + p_R) * p_R.log1p()).sum();
}

}  // namespace unpact
