#include "unpact/unlearn/example_term.hpp"

#include <ATen/ATen.h>

#include "unpact/model/sequences.hpp"

namespace unpact {

at::Tensor token_rows(const std::vector<Example>& examples, ExampleIndices indices, const c10::Device& device) {
  const auto first = first_rows(examples, indices);
  std::vector<std::int64_t> rows;
  for (std::size_t b = 0; b < indices.size(); ++b)
    for (std::int64_t t = 0; t < example_length(examples, indices[b]); ++t) rows.push_back(first[b] + t);
  return to_tensor(rows, device);
}

std::int64_t count_tokens(const std::vector<Example>& examples, ExampleIndices indices) {
  std::int64_t tokens = 0;
  for (const auto index : indices) tokens += example_length(examples, index);
  return tokens;
}

at::Tensor sum_by_example(const at::Tensor& values_R, const ExampleBatch& batch) {
  return at::zeros({batch.size}, values_R.options()).index_add(0, batch.example_R, values_R);
}

}  // namespace unpact
