#include "t5_names.hpp"

#include "unpact/core/text.hpp"

namespace unpact {
namespace {

struct Spelling {
  const char *ours, *stored;
};

/// Within a layer of a block: attention, attention to the encoder (decoders alone), and the MLP behind them.
constexpr Spelling kT5[] = {
    {"input_layernorm.weight", "layer.0.layer_norm.weight"},
    {"self_attn.q_proj.weight", "layer.0.SelfAttention.q.weight"},
    {"self_attn.k_proj.weight", "layer.0.SelfAttention.k.weight"},
    {"self_attn.v_proj.weight", "layer.0.SelfAttention.v.weight"},
    {"self_attn.o_proj.weight", "layer.0.SelfAttention.o.weight"},
    {"cross_layernorm.weight", "layer.1.layer_norm.weight"},
    {"cross_attn.q_proj.weight", "layer.1.EncDecAttention.q.weight"},
    {"cross_attn.k_proj.weight", "layer.1.EncDecAttention.k.weight"},
    {"cross_attn.v_proj.weight", "layer.1.EncDecAttention.v.weight"},
    {"cross_attn.o_proj.weight", "layer.1.EncDecAttention.o.weight"},
    {"post_attention_layernorm.weight", ".layer_norm.weight"},
    {"mlp.gate_proj.weight", ".DenseReluDense.wi_0.weight"},
    {"mlp.up_proj.weight", ".DenseReluDense.wi_1.weight"},
    {"mlp.down_proj.weight", ".DenseReluDense.wo.weight"},
};
constexpr Spelling kT5Outside[] = {
    {"model.embed_tokens.weight", "shared.weight"},
    {"model.encoder.relative_bias.weight", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"model.relative_bias.weight", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"model.encoder.norm.weight", "encoder.final_layer_norm.weight"},
    {"model.norm.weight", "decoder.final_layer_norm.weight"},
};

}  // namespace

std::string t5_name(const std::string& ours, bool gated) {
  for (const auto& row : kT5Outside)
    if (ours == row.ours) return row.stored;
  const bool encoder = ours.starts_with("model.encoder.");
  const std::string blocks = encoder ? "model.encoder.layers." : "model.layers.";
  if (!ours.starts_with(blocks)) return ours;  // the head
  const auto dot = ours.find('.', blocks.size());
  const auto block =
      concat(encoder ? "encoder" : "decoder", ".block.", ours.substr(blocks.size(), dot - blocks.size()), ".");
  const auto rest = ours.substr(dot + 1);
  const std::string mlp = encoder ? "layer.1" : "layer.2";
  if (rest == "mlp.up_proj.weight" && !gated) return concat(block, mlp, ".DenseReluDense.wi.weight");
  for (const auto& row : kT5)
    if (rest == row.ours) return concat(block, *row.stored == '.' ? mlp : "", row.stored);
  return ours;
}

}  // namespace unpact
