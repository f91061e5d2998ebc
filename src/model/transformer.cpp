#include "unpact/model/transformer.hpp"

#include <ATen/ATen.h>

#include <array>

#include "rope.hpp"
#include "unpact/checkpoint/adapters.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/attention.hpp"
#include "unpact/kernels/linear.hpp"
#include "unpact/kernels/soft_cap.hpp"
#include "unpact/model/block_math.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {

namespace {

/// The layers of a second model behind those of the first, in the same context.
class SecondModelContext : public AttentionContext {
 public:
  SecondModelContext(AttentionContext& shared, std::int64_t first_layer) : shared_(shared), first_layer_(first_layer) {}
  KeysValues extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) override {
    return shared_.extend(first_layer_ + layer, std::move(keys_BGSd), std::move(values_BGSd));
  }
  at::Tensor mask(std::int64_t window) const override { return shared_.mask(window); }
  double pairs(std::int64_t sequences, std::int64_t queries, std::int64_t keys, std::int64_t window) const override {
    return shared_.pairs(sequences, queries, keys, window);
  }
  at::Tensor attend(const at::Tensor& query_BHSd, const at::Tensor& keys_BHKd, const at::Tensor& values_BHKd,
                    const kernels::ScoreRule& rule) const override {
    return shared_.attend(query_BHSd, keys_BHKd, values_BHKd, rule);
  }

 private:
  AttentionContext& shared_;
  std::int64_t first_layer_;
};

}  // namespace

Transformer::Transformer(ModelConfig config, Weights weights) : config_(std::move(config)), weights_(std::move(weights)) {
  UNPACT_EXPECT(static_cast<std::int64_t>(weights_.blocks.size()) == config_.layers);
  UNPACT_EXPECT(weights_.head_VD.defined());
}

void Transformer::set_adapters(const AdapterShape& shape, std::uint64_t seed) {
  for (auto& block : weights_.blocks) block.adapters = {};
  config_.adapters = shape;
  if (shape.any()) start_adapters(config_, weights_, seed);
}

void Transformer::contrast_with(std::shared_ptr<const Transformer> reinforced, double scale) {
  UNPACT_EXPECT(reinforced != nullptr && reinforced->reinforced() == nullptr);
  UNPACT_EXPECT(reinforced->config().hidden_size == config_.hidden_size &&
                reinforced->config().vocabulary_size == config_.vocabulary_size);
  reinforced_ = std::move(reinforced);
  contrast_scale_ = scale;
}

c10::Device Transformer::device() const { return weights_.embedding_VD.device(); }

/// Broadcastable to (B, S, heads, d); undefined without rotary positions.
kernels::Angles Transformer::rotation(const at::Tensor& positions, bool local) const {
  if (config_.block.positions != PositionKind::rotary) return {};
  const auto dtype = kernels::angle_dtype(weights_.embedding_VD.options());
  const auto angles = kernels::angles_of(positions, rotary_frequencies(config_, device(), local), dtype,
                                         config_.rope_scaling.attention_factor);
  return {angles.cosine.unsqueeze(-2), angles.sine.unsqueeze(-2)};  // room for the heads
}

/// Those of blocks that turn locally come second.
std::array<kernels::Angles, 2> Transformer::rotations(const at::Tensor& positions) const {
  return {rotation(positions, false), config_.block.local_theta > 0 ? rotation(positions, true) : kernels::Angles{}};
}

at::Tensor Transformer::normalized(const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D) const {
  return block_math::normalized(config_, x, weight_D, bias_D);
}

at::Tensor Transformer::embed(const at::Tensor& tokens_BS) const {
  UNPACT_EXPECT(tokens_BS.dim() == 2);
  return run_part(0, 0, tokens_BS,
                  [this](const at::Tensor& tokens) { return block_math::embedded(config_, weights_, tokens); });
}

at::Tensor Transformer::positioned(const at::Tensor& embeddings_BSD, const at::Tensor& positions) const {
  if (config_.block.positions != PositionKind::learned) return embeddings_BSD;
  return embeddings_BSD + at::embedding(weights_.position_embedding_PD, positions + config_.block.position_offset);
}

at::Tensor Transformer::attention(const BlockWeights& block, std::int64_t layer, const at::Tensor& x_BSD,
                                  const kernels::Angles& rotation, AttentionContext& context) const {
  const auto heads = config_.heads, groups = config_.key_value_heads;
  using kernels::Projection;
  const Projection output{block.output_DHd, block.output_bias_D};
  auto projected = kernels::linears(
      x_BSD, std::array{Projection{block.query_HdD, block.query_bias_Hd}, Projection{block.key_GdD, block.key_bias_Gd},
                        Projection{block.value_GdD, block.value_bias_Gd}});
  for (const auto which : {Projected::query, Projected::key, Projected::value}) {
    auto& product = projected[static_cast<std::size_t>(which)];
    product = block_math::adapted(config_, block, which, x_BSD, product);
  }
  const auto to_output = [&](const at::Tensor& mixed) {
    return block_math::adapted(config_, block, Projected::output, mixed, kernels::linear(mixed, output));
  };
  auto query_BSHd =
      block_math::scaled_queries(config_, block_math::heads_of(config_, projected[0], heads, block.query_norm_d));
  auto key_BSGd = block_math::heads_of(config_, projected[1], groups, block.key_norm_d);
  if (rotation.cosine.defined()) {
    query_BSHd = kernels::rotate(query_BSHd, rotation);
    key_BSGd = kernels::rotate(key_BSGd, rotation);
  }
  const auto query = query_BSHd.transpose(1, 2);
  const auto [keys, values] = context.extend(layer, key_BSGd.transpose(1, 2),
                                             block_math::heads_of(config_, projected[2], groups, {}).transpose(1, 2));
  const auto rule = block_math::score_rule(config_, layer);
  count_block(config_, block, x_BSD, context.pairs(x_BSD.size(0), x_BSD.size(1), keys.size(2), rule.window));
  if (context.wants_weights()) {
    const auto weights_BHSK =
        kernels::attention_weights(query, kernels::share_heads(keys, heads), context.mask(rule.window), rule.cap);
    context.receive_weights(layer, weights_BHSK);
    const auto mixed = at::matmul(weights_BHSK.to(x_BSD.scalar_type()), kernels::share_heads(values, heads));
    return to_output(mixed.transpose(1, 2).flatten(2));
  }
  const auto mixed_BHSd = context.attend(query, keys, values, rule);
  return to_output(mixed_BHSd.transpose(1, 2).flatten(2));
}

at::Tensor Transformer::block_forward(std::int64_t layer, const at::Tensor& x_BSD, const kernels::Angles& rotation,
                                      AttentionContext& context) const {
  const auto& block = weights_.blocks[static_cast<std::size_t>(layer)];
  const auto read = [&](const at::Tensor& x, const at::Tensor& norm_D, const at::Tensor& bias_D) {
    return block_math::normalizes_before(config_) ? block_math::forked_norm(config_, x, norm_D, bias_D)
                                                  : kernels::ForkedNorm{x, x};
  };
  const auto into = read(x_BSD, block.attention_norm_D, block.attention_norm_bias_D);
  if (config_.block.parallel_residual) {
    const auto second =
        config_.block.shared_norm ? into.normed : normalized(into.residual, block.mlp_norm_D, block.mlp_norm_bias_D);
    const auto mixed_BSD = into.residual + attention(block, layer, into.normed, rotation, context);
    return mixed_BSD + block_math::mlp(config_, block, second);
  }
  const auto mixed_BSD = block_math::joined(config_, into.residual, attention(block, layer, into.normed, rotation, context),
                                            block_math::norm_behind_attention(config_, block));
  const auto onward = read(mixed_BSD, block.mlp_norm_D, block.mlp_norm_bias_D);
  return block_math::joined(config_, onward.residual, block_math::mlp(config_, block, onward.normed),
                            block_math::norm_behind_mlp(config_, block));
}

at::Tensor Transformer::run_blocks(at::Tensor x_BSD, const at::Tensor& positions, std::int64_t first, std::int64_t end,
                                   AttentionContext& context) const {
  UNPACT_EXPECT(x_BSD.dim() == 3);
  refuse_encoder_decoder(config_, "asked in this way");
  const auto turns = rotations(positions);
  for (std::int64_t layer = first; layer < end; ++layer)
    x_BSD = block_forward(layer, x_BSD, turns[config_.turns_locally(layer) ? 1 : 0], context);
  return x_BSD;
}

at::Tensor Transformer::run_parts(const at::Tensor& tokens_BS, const at::Tensor& positions,
                                  const std::shared_ptr<AttentionContext>& context, std::int64_t blocks,
                                  std::int64_t last) const {
  UNPACT_EXPECT(tokens_BS.dim() == 2);
  const auto x_BSD = run_part(0, last, tokens_BS, [this, positions](const at::Tensor& tokens) {
    return positioned(block_math::embedded(config_, weights_, tokens), positions);
  });
  return run_block_parts(x_BSD, positions, context, 0, blocks, last);
}

/// What the runner is given lives on in the graph: it holds angles and context itself.
at::Tensor Transformer::run_block_parts(at::Tensor x_BSD, const at::Tensor& positions,
                                        const std::shared_ptr<AttentionContext>& context, std::int64_t first,
                                        std::int64_t end, std::int64_t last) const {
  refuse_encoder_decoder(config_, "asked in this way");
  const auto turns = rotations(positions);
  for (std::int64_t layer = first; layer < end; ++layer) {
    const auto& turn = turns[config_.turns_locally(layer) ? 1 : 0];
    x_BSD = run_part(1 + layer, last, x_BSD,
                     [this, layer, turn, context](const at::Tensor& x) { return block_forward(layer, x, turn, *context); });
  }
  return x_BSD;
}

at::Tensor Transformer::hidden_of(const at::Tensor& embeddings_BSD, const at::Tensor& positions,
                                  AttentionContext& context) const {
  UNPACT_VALIDATE(!reinforced_, "this needs the embeddings of one model", "the model answers by two, each with its own",
                  "use an attribution that removes or replaces tokens");
  UNPACT_EXPECT(runner_ == nullptr);
  return block_math::final_hidden(config_, weights_,
                                  run_blocks(positioned(embeddings_BSD, positions), positions, 0, config_.layers, context));
}

at::Tensor Transformer::one_hidden(const at::Tensor& tokens_BS, const at::Tensor& positions,
                                   const std::shared_ptr<AttentionContext>& context) const {
  const auto last = config_.layers + 1;
  return run_part(last, last, run_parts(tokens_BS, positions, context, config_.layers, last),
                  [this](const at::Tensor& x_BSD) { return block_math::final_hidden(config_, weights_, x_BSD); });
}

at::Tensor Transformer::hidden(const at::Tensor& tokens_BS, const at::Tensor& positions, AttentionContext& context) const {
  const std::shared_ptr<AttentionContext> lent(std::shared_ptr<void>(), &context);
  const auto own_BSD = one_hidden(tokens_BS, positions, lent);
  if (!reinforced_) return own_BSD;
  SecondModelContext second(context, config_.layers);
  return at::cat({own_BSD, reinforced_->hidden(tokens_BS, positions, second)}, -1);
}

at::Tensor Transformer::hidden(const at::Tensor& tokens_BS, const SequenceLayout& layout) const {
  const auto positions = layout.positions(tokens_BS.size(1), tokens_BS.device());
  const auto context = layout.context();
  return reinforced_ ? hidden(tokens_BS, positions, *context) : one_hidden(tokens_BS, positions, context);
}

at::Tensor Transformer::block_output(const at::Tensor& tokens_BS, std::int64_t layer, const SequenceLayout& layout) const {
  UNPACT_EXPECT(layer >= 0 && layer < config_.layers && !reinforced_);
  return run_parts(tokens_BS, layout.positions(tokens_BS.size(1), tokens_BS.device()), layout.context(), layer + 1,
                   layer + 1);
}

at::Tensor Transformer::continue_blocks(const at::Tensor& x_BSD, std::int64_t first, std::int64_t layer,
                                        const SequenceLayout& layout) const {
  UNPACT_EXPECT(first >= 0 && first <= layer && layer < config_.layers && !reinforced_);
  const auto positions = layout.positions(x_BSD.size(1), x_BSD.device());
  return run_block_parts(x_BSD, positions, layout.context(), first, layer + 1, layer + 1);
}

at::Tensor Transformer::hidden_behind(const at::Tensor& tokens_BS, const std::vector<std::int64_t>& layers,
                                      const SequenceLayout& layout) const {
  UNPACT_VALIDATE(!reinforced_, "this looks into one model", "the model answers by two, each with its own blocks",
                  "leave the probe logit_lens out of probe.use");
  UNPACT_EXPECT(!layers.empty());
  const auto positions = layout.positions(tokens_BS.size(1), tokens_BS.device());
  const auto context = layout.context();
  const auto last = config_.layers + 1;
  std::vector<at::Tensor> behind;
  auto x_BSD = run_parts(tokens_BS, positions, context, 0, last);
  std::int64_t next = 0;
  for (const auto layer : layers) {
    UNPACT_EXPECT(layer >= next && layer < config_.layers);
    x_BSD = run_block_parts(x_BSD, positions, context, next, layer + 1, last);
    next = layer + 1;
    behind.push_back(x_BSD);
  }
  if (runner_ != nullptr) run_block_parts(x_BSD, positions, context, next, config_.layers, last);  // in its order
  return run_part(last, last, at::stack(behind),
                  [this](const at::Tensor& x) { return block_math::final_hidden(config_, weights_, x); });
}

at::Tensor Transformer::logits(const at::Tensor& hidden) const {
  const auto capped = [this](const at::Tensor& x) {
    return kernels::soft_capped(logits_with(x, weights_.head_VD), config_.block.logit_cap);
  };
  if (!reinforced_) return capped(hidden);
  const auto halves = hidden.chunk(2, -1);
  const auto own = capped(halves[0]);
  return own - contrast_scale_ * at::relu(reinforced_->logits(halves[1]) - own);
}

at::Tensor Transformer::logits_with(const at::Tensor& hidden, const at::Tensor& head_VD) {
  count_head(hidden, head_VD);
  return kernels::linear(hidden, {head_VD, {}}).to(at::kFloat);
}

}  // namespace unpact
