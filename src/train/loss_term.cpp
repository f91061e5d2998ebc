#include "unpact/train/loss_term.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {

ExampleBatch make_batch(const std::vector<Example>& examples, ExampleIndices indices, const c10::Device& device) {
  std::vector<std::vector<TokenId>> sequences;
  std::size_t longest = 0;
  for (const auto index : indices) {
    UNPACT_EXPECT(index >= 0 && index < static_cast<std::int64_t>(examples.size()));
    sequences.push_back(examples[static_cast<std::size_t>(index)].ids);
    longest = std::max(longest, sequences.back().size());
  }
  std::vector<std::int64_t> rows, targets, owners;
  for (std::size_t b = 0; b < indices.size(); ++b) {
    const auto& example = examples[static_cast<std::size_t>(indices[b])];
    for (std::size_t t = 1; t < example.ids.size(); ++t) {
      if (!example.has_loss[t]) continue;
      rows.push_back(static_cast<std::int64_t>(b * longest + t - 1));  // the row before a token predicts it
      targets.push_back(example.ids[t]);
      owners.push_back(static_cast<std::int64_t>(b));
    }
  }
  return {pad_right(sequences, device), to_tensor(rows, device), to_tensor(targets, device), to_tensor(owners, device),
          static_cast<std::int64_t>(indices.size())};
}

at::Tensor target_hidden(const Transformer& model, const ExampleBatch& batch) {
  return model.hidden(batch.tokens_BS).flatten(0, 1).index_select(0, batch.rows_R);
}

at::Tensor target_log_probabilities(const Transformer& model, const ExampleBatch& batch) {
  return chunked_log_probabilities(target_hidden(model, batch), model.weights().head_VD, batch.targets_R);
}

std::int64_t count_targets(const std::vector<Example>& examples, ExampleIndices indices) {
  std::int64_t count = 0;
  for (const auto index : indices) count += examples[static_cast<std::size_t>(index)].targets();
  return count;
}

std::int64_t example_length(const std::vector<Example>& examples, std::int64_t index) {
  return static_cast<std::int64_t>(examples[static_cast<std::size_t>(index)].ids.size());
}

at::Tensor CrossEntropyTerm::sum(const Transformer& model, ExampleIndices indices) const {
  return -target_log_probabilities(model, make_batch(*examples_, indices, model.device())).sum();
}

double CrossEntropyTerm::normalizer(ExampleIndices indices) const { return static_cast<double>(targets(indices)); }

}  // namespace unpact
