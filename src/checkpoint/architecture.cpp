#include "unpact/checkpoint/architecture.hpp"

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr ConfigKeys kUsualKeys = {"hidden_size",         "intermediate_size",       "num_hidden_layers",
                                   "num_attention_heads", "max_position_embeddings", "rms_norm_eps",
                                   "hidden_act"};
constexpr ConfigKeys kGpt2Keys = {
    "n_embd", "n_inner", "n_layer", "n_head", "n_positions", "layer_norm_epsilon", "activation_function"};

/// RMS norms, rotary positions, gated MLP: what Llama introduced and the others changed in one place each.
Architecture like_llama(const char* model_type, const char* transformers_class) {
  return {model_type,
          transformers_class,
          "model.",
          kUsualKeys,
          {},
          /*attention_bias=*/false,
          /*mlp_bias=*/false,
          /*tied_embeddings=*/false,
          "silu",
          1e-6,
          /*default_key_value_heads=*/0,
          /*default_head_dim=*/0,
          WindowRule::none,
          StorageLayout::plain,
          {"rotary_emb.inv_freq"}};
}

/// Touvron et al., arXiv 2302.13971 and 2307.09288; Llama 3, arXiv 2407.21783.
Architecture llama() {
  auto row = like_llama("llama", "LlamaForCausalLM");
  row.attention_bias = row.mlp_bias = true;
  return row;
}

/// Jiang et al., arXiv 2310.06825.
Architecture mistral() {
  auto row = like_llama("mistral", "MistralForCausalLM");
  row.default_key_value_heads = 8;
  row.windows = WindowRule::every_block;
  return row;
}

/// Yang et al., arXiv 2407.10671.
Architecture qwen2() {
  auto row = like_llama("qwen2", "Qwen2ForCausalLM");
  row.block.query_key_value_bias = true;
  row.default_key_value_heads = 32;
  row.windows = WindowRule::chosen_blocks;
  return row;
}

/// Yang et al., arXiv 2505.09388.
Architecture qwen3() {
  auto row = like_llama("qwen3", "Qwen3ForCausalLM");
  row.block.query_key_norm = true;
  row.attention_bias = true;
  row.default_key_value_heads = 32;
  row.default_head_dim = 128;
  row.windows = WindowRule::chosen_blocks;
  return row;
}

/// Radford et al., "Language models are unsupervised multitask learners", 2019.
Architecture gpt2() {
  auto row = like_llama("gpt2", "GPT2LMHeadModel");
  row.prefix = "transformer.";
  row.keys = kGpt2Keys;
  row.block = {NormKind::layer,
               MlpKind::plain,
               Activation::gelu_new,
               PositionKind::learned,
               /*query_key_value_bias=*/true,
               /*output_bias=*/true,
               /*mlp_bias=*/true,
               /*query_key_norm=*/false,
               /*small_residual_init=*/true};
  row.tied_embeddings = true;
  row.default_activation = "gelu_new";
  row.default_epsilon = 1e-5;
  row.storage = StorageLayout::gpt2;
  row.ignored = {".attn.bias", ".attn.masked_bias"};  // the causal mask, which old exports carry along
  return row;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> rows = {llama(), mistral(), qwen2(), qwen3(), gpt2()};
  return rows;
}

const Architecture& architecture_of(const std::string& model_type, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& row : architectures()) {
    if (row.model_type == model_type) return row;
    known.emplace_back(row.model_type);
  }
  throw UserError(concat(where, ": model_type '", model_type, "' is not supported"),
                  concat("supported: ", join(known, ", ")), "use a checkpoint of a supported architecture");
}

}  // namespace unpact
