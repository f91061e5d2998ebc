#include "unpact/train/loss_term.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "unpact/core/error.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {

namespace {

struct Tokens {
  at::Tensor tokens_BS;
  SequenceLayout layout;
};

Tokens packed_tokens(const std::vector<Example>& examples, ExampleIndices indices) {
  std::vector<std::int64_t> tokens, lengths;
  for (const auto index : indices) {
    const auto& ids = examples[static_cast<std::size_t>(index)].ids;
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    if (!ids.empty()) lengths.push_back(static_cast<std::int64_t>(ids.size()));
  }
  return {at::tensor(tokens, at::kLong).unsqueeze(0), SequenceLayout::packed(std::move(lengths))};
}

Tokens padded_tokens(const std::vector<Example>& examples, ExampleIndices indices) {
  std::vector<std::vector<TokenId>> sequences;
  for (const auto index : indices) sequences.push_back(examples[static_cast<std::size_t>(index)].ids);
  return {pad_right(sequences, at::kCPU), {}};
}

}  // namespace

bool runs_packed(const std::vector<Example>& examples, ExampleIndices indices) {
  if (!indices.packed()) return false;
  return std::any_of(indices.begin(), indices.end(),
                     [&](auto index) { return example_length(examples, index) != example_length(examples, indices[0]); });
}

std::vector<std::int64_t> first_rows(const std::vector<Example>& examples, ExampleIndices indices) {
  std::int64_t longest = 0, end = 0;
  for (const auto index : indices) longest = std::max(longest, example_length(examples, index));
  const bool packed = runs_packed(examples, indices);
  std::vector<std::int64_t> rows;
  for (const auto index : indices) {
    rows.push_back(end);
    end += packed ? example_length(examples, index) : longest;
  }
  return rows;
}

ExampleBatch make_batch(const std::vector<Example>& examples, ExampleIndices indices, const c10::Device& device) {
  for (const auto index : indices) UNPACT_EXPECT(index >= 0 && index < static_cast<std::int64_t>(examples.size()));
  const auto first = first_rows(examples, indices);
  std::vector<std::int64_t> rows, targets, owners;
  for (std::size_t b = 0; b < indices.size(); ++b) {
    const auto& example = examples[static_cast<std::size_t>(indices[b])];
    for (std::size_t t = 1; t < example.ids.size(); ++t) {
      if (!example.has_loss[t]) continue;
      rows.push_back(first[b] + static_cast<std::int64_t>(t) - 1);  // the row before a token predicts it
      targets.push_back(example.ids[t]);
      owners.push_back(static_cast<std::int64_t>(b));
    }
  }
  auto tokens = runs_packed(examples, indices) ? packed_tokens(examples, indices) : padded_tokens(examples, indices);
  return {tokens.tokens_BS.to(device), std::move(tokens.layout),  to_tensor(rows, device),
          to_tensor(targets, device),  to_tensor(owners, device), static_cast<std::int64_t>(indices.size())};
}

at::Tensor target_hidden(const Transformer& model, const ExampleBatch& batch) {
  return model.hidden(batch.tokens_BS, batch.layout).flatten(0, 1).index_select(0, batch.rows_R);
}

at::Tensor log_probabilities_of(const Transformer& model, const at::Tensor& hidden_RD, const ExampleBatch& batch) {
  count_head(hidden_RD, model.weights().head_VD);
  return kernels::chunked_log_probabilities(hidden_RD, model.weights().head_VD, batch.targets_R, /*logit_bytes=*/0,
                                            model.config().block.logit_cap);
}

at::Tensor example_log_probabilities(const Transformer& model, const ExampleBatch& batch) {
  return log_probabilities_of(model, target_hidden(model, batch), batch);
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
  return -example_log_probabilities(model, make_batch(*examples_, indices, model.device())).sum();
}

double CrossEntropyTerm::normalizer(ExampleIndices indices) const { return static_cast<double>(targets(indices)); }

}  // namespace unpact
