#pragma once
/// What most terms share: a list of examples, whose targets are counted.
#include <memory>
#include <vector>

#include "unpact/train/loss_term.hpp"

namespace unpact {

using Examples = std::shared_ptr<const std::vector<Example>>;

class ExampleTerm : public LossTerm {
 public:
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*examples_, indices); }
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 protected:
  explicit ExampleTerm(Examples examples) : examples_(std::move(examples)) {}
  const Example& example(std::int64_t index) const { return (*examples_)[static_cast<std::size_t>(index)]; }
  ExampleBatch batch(ExampleIndices indices, const Transformer& model) const {
    return make_batch(*examples_, indices, model.device());
  }
  Examples examples_;
};

/// Rows of a batch's flattened hidden states that belong to a token, padding left out: (P).
at::Tensor token_rows(const std::vector<Example>& examples, ExampleIndices indices, const c10::Device& device);

/// Tokens of these examples.
std::int64_t count_tokens(const std::vector<Example>& examples, ExampleIndices indices);

/// Sums of the targets' values, one a sequence: (R) -> (B).
at::Tensor sum_by_example(const at::Tensor& values_R, const ExampleBatch& batch);

}  // namespace unpact
