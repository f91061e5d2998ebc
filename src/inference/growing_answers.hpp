#pragma once
/// The answers of one batch that grow together, a token each at a time, until each has met a stop token or its length limit.
#include <cstdint>
#include <utility>
#include <vector>

#include "next_tokens.hpp"
#include "workspace.hpp"

namespace unpact {

class GrowingAnswers {
 public:
  /// All must outlive it. @param batch indices of requests.
  GrowingAnswers(const Transformer& model, const std::vector<GenerationRequest>& requests,
                 const std::vector<std::size_t>& batch, const GenerationOptions& options);

  bool any_goes_on() const;
  /// Picks the next token of every sequence from its hidden state (B, D), notes it where the answer goes on, and returns what the
  /// next pass must be fed with.
  std::vector<std::int64_t> choose(const at::Tensor& hidden_BD);
  std::vector<Continuation> take() { return std::move(output_); }

 private:
  const Transformer& model_;
  const std::vector<GenerationRequest>& requests_;
  const std::vector<std::size_t>& batch_;
  const GenerationOptions& options_;
  std::vector<Continuation> output_;
  std::vector<std::uint8_t> going_;
  Workspace workspace_;
};

}  // namespace unpact
