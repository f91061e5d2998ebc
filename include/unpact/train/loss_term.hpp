#pragma once
/// Terms of a training loss, in the form that does not depend on how examples are cut into micro-batches and ranks:
/// a sum over examples and, apart from it, the number that the sum is divided by. The trainer divides by the
/// normalizer of the whole step, over all ranks.
///
/// Legend of shapes: B sequences, S tokens, R targets (tokens with loss), D hidden size, V vocabulary.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "unpact/data/examples.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

/// Which examples run together, in this order, and how: padded, one a row, or packed into one row (SequenceLayout). A view.
class ExampleIndices {
 public:
  ExampleIndices(const std::vector<std::int64_t>& indices, bool packed = false)  // NOLINT: a list is the usual case
      : ExampleIndices(indices.data(), indices.size(), packed) {}
  ExampleIndices(const std::int64_t* first, std::size_t count, bool packed = false)
      : first_(first), count_(count), packed_(packed) {}
  const std::int64_t* begin() const { return first_; }
  const std::int64_t* end() const { return first_ + count_; }
  std::size_t size() const { return count_; }
  std::int64_t operator[](std::size_t i) const { return first_[i]; }
  bool packed() const { return packed_; }

 private:
  const std::int64_t* first_;
  std::size_t count_;
  bool packed_;
};

class LossTerm {
 public:
  virtual ~LossTerm() = default;
  virtual std::string name() const = 0;
  /// How many examples there are to draw from.
  virtual std::int64_t example_count() const = 0;
  /// The differentiable sum over these examples, a float32 scalar.
  virtual at::Tensor sum(const Transformer& model, ExampleIndices indices) const = 0;
  /// What the sums of a step are divided by, e.g. its number of targets; needs no model.
  virtual double normalizer(ExampleIndices indices) const = 0;
  /// Targets among these examples, for throughput.
  virtual std::int64_t targets(ExampleIndices indices) const = 0;
  /// Tokens of one example: the trainer batches examples of similar length, so that little is padded. 0: unknown.
  virtual std::int64_t length(std::int64_t) const { return 0; }
};

/// Examples as a batch with the rows that predict a target: right-padded, or packed (then B is 1 in tokens_BS alone).
struct ExampleBatch {
  at::Tensor tokens_BS;   ///< int64
  SequenceLayout layout;  ///< how the examples lie in it
  at::Tensor rows_R;      ///< index into the flattened (B * S) hidden rows
  at::Tensor targets_R;   ///< the token that each row must predict
  at::Tensor example_R;   ///< which of the B examples the row belongs to
  std::int64_t size = 0;  ///< B
};

/// Whether these examples come packed: where it is wanted and padding goes away by it.
bool runs_packed(const std::vector<Example>& examples, ExampleIndices indices);

/// Where each of these examples begins among the flattened rows (B * S) of their batch.
std::vector<std::int64_t> first_rows(const std::vector<Example>& examples, ExampleIndices indices);

/// @throws ContractViolation for an index outside the examples.
ExampleBatch make_batch(const std::vector<Example>& examples, ExampleIndices indices, const c10::Device& device);

/// Normalized final hidden states of the rows that predict a target: (R, D).
at::Tensor target_hidden(const Transformer& model, const ExampleBatch& batch);

/// log p of every target from target_hidden(), (R), float32, differentiable.
at::Tensor log_probabilities_of(const Transformer& model, const at::Tensor& hidden_RD, const ExampleBatch& batch);

/// The same from the start.
at::Tensor example_log_probabilities(const Transformer& model, const ExampleBatch& batch);

/// Number of targets in these examples.
std::int64_t count_targets(const std::vector<Example>& examples, ExampleIndices indices);

/// Tokens of one example.
std::int64_t example_length(const std::vector<Example>& examples, std::int64_t index);

/// Cross-entropy, the token mean of -log p: fine-tuning, and the retain term `gd`.
class CrossEntropyTerm : public LossTerm {
 public:
  explicit CrossEntropyTerm(std::shared_ptr<const std::vector<Example>> examples) : examples_(std::move(examples)) {}
  std::string name() const override { return "cross_entropy"; }
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override;
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*examples_, indices); }
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 private:
  std::shared_ptr<const std::vector<Example>> examples_;
};

}  // namespace unpact
