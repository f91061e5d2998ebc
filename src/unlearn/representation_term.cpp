#include "representation_term.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

/// Where the method does not stop behind the steered block: the other blocks run, and what they give is dropped.
void run_the_rest(const Transformer& model, const at::Tensor& states_BSD, std::int64_t layer, const SequenceLayout& layout) {
  const auto last = model.config().layers - 1;
  if (layer < last) model.continue_blocks(states_BSD, layer + 1, last, layout);
}

/// The residual stream of every token behind `layer`, one row a token: (P, D).
FrozenRows frozen_block_output(const Examples& examples, std::int64_t layer, const Frozen& frozen, bool early_stop) {
  FrozenRows::Shape shape{concat("residual stream behind block ", layer), {}, frozen.model.config().hidden_size};
  for (const auto& example : *examples) shape.rows.push_back(static_cast<std::int64_t>(example.ids.size()));
  return {examples, shape, frozen, [examples, layer, early_stop](const Transformer& model, ExampleIndices indices) {
            const auto batch = make_batch(*examples, indices, model.device());
            const auto states_BSD = model.block_output(batch.tokens_BS, layer, batch.layout);
            if (!early_stop) run_the_rest(model, states_BSD, layer, batch.layout);
            return states_BSD.flatten(0, 1).index_select(0, token_rows(*examples, indices, model.device()));
          }};
}

}  // namespace

RepresentationTerm::RepresentationTerm(Examples examples, const RepresentationOptions& options, at::Tensor target_D,
                                       const Frozen& frozen)
    : ExampleTerm(std::move(examples)), options_(options), target_D_(std::move(target_D)) {
  keep_inputs(frozen);
}

RepresentationTerm::RepresentationTerm(Examples examples, const RepresentationOptions& options, const Frozen& frozen)
    : ExampleTerm(std::move(examples)), options_(options),
      frozen_states_(frozen_block_output(examples_, options.layer, frozen, options.early_stop)) {
  keep_inputs(frozen);
}

void RepresentationTerm::keep_inputs(const Frozen& frozen) {
  UNPACT_EXPECT(options_.first_trained >= 0 && options_.first_trained <= options_.layer);
  // Without a cache the earlier blocks run with the rest: computing them apart would save nothing.
  if (options_.first_trained > 0 && frozen.cache.where != FrozenCache::none)
    inputs_ = frozen_block_output(examples_, options_.first_trained - 1, frozen, options_.early_stop);
}

at::Tensor RepresentationTerm::states(const Transformer& model, ExampleIndices indices) const {
  const auto rows_P = token_rows(*examples_, indices, model.device());
  const auto batch = make_batch(*examples_, indices, model.device());
  const auto& tokens_BS = batch.tokens_BS;
  at::Tensor states_BSD;
  if (inputs_.are_kept()) {
    const auto input_PD = inputs_.of(indices).to(model.weights().embedding_VD.scalar_type());
    const auto input_BSD = at::zeros({tokens_BS.numel(), input_PD.size(1)}, input_PD.options())
                               .index_copy(0, rows_P, input_PD)
                               .view({tokens_BS.size(0), tokens_BS.size(1), input_PD.size(1)});
    states_BSD = model.continue_blocks(input_BSD, options_.first_trained, options_.layer, batch.layout);
  } else {
    states_BSD = model.block_output(tokens_BS, options_.layer, batch.layout);
  }
  if (!options_.early_stop) run_the_rest(model, states_BSD, options_.layer, batch.layout);
  return states_BSD.flatten(0, 1).index_select(0, rows_P);
}

/// One number a token: 1, or 1 / (targets of its sequence) for targets and 0 for the others.
std::vector<float> RepresentationTerm::token_weights(ExampleIndices indices) const {
  std::vector<float> weights;
  for (const auto index : indices) {
    const auto& one = example(index);
    const auto count = static_cast<float>(std::max<std::int64_t>(1, one.targets()));
    for (const auto flag : one.has_loss)
      weights.push_back(options_.mean == RmuMean::tokens ? 1.0F : static_cast<float>(flag != 0) / count);
  }
  return weights;
}

at::Tensor RepresentationTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto states_PD = states(model, indices);
  const auto target = target_D_.defined() ? target_D_.to(states_PD.device()) : frozen_states_.of(indices);
  const auto square_P = (states_PD.to(at::kFloat) - target.to(at::kFloat)).square().mean(1);
  return (square_P * at::tensor(token_weights(indices), at::kFloat).to(square_P.device())).sum();
}

double RepresentationTerm::normalizer(ExampleIndices indices) const {
  return static_cast<double>(options_.mean == RmuMean::tokens ? count_tokens(*examples_, indices)
                                                              : static_cast<std::int64_t>(indices.size()));
}

std::int64_t RepresentationTerm::targets(ExampleIndices indices) const {
  return options_.mean == RmuMean::tokens ? count_tokens(*examples_, indices) : count_targets(*examples_, indices);
}

at::Tensor steering_vector(std::int64_t hidden_size, double coefficient, std::uint64_t seed) {
  std::vector<double> u(static_cast<std::size_t>(hidden_size));
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = random_uniform(seed, stream_of("rmu"), i);
  const auto direction = at::tensor(u, at::kDouble);
  return (direction * (coefficient / direction.norm().item<double>())).to(at::kFloat);
}

}  // namespace unpact
