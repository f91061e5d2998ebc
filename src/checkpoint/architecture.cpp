#include "unpact/checkpoint/architecture.hpp"

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr ConfigKeys kUsualKeys = {"hidden_size",         "intermediate_size",       "num_hidden_layers",
                                   "num_attention_heads", "max_position_embeddings", "rms_norm_eps",
                                   "hidden_act"};
/// LayerNorm instead of RMS.
constexpr ConfigKeys kLayerNormKeys = {"hidden_size",         "intermediate_size",       "num_hidden_layers",
                                       "num_attention_heads", "max_position_embeddings", "layer_norm_eps",
                                       "hidden_act"};
constexpr ConfigKeys kNeoxKeys = {"hidden_size",         "intermediate_size",       "num_hidden_layers",
                                  "num_attention_heads", "max_position_embeddings", "layer_norm_eps",
                                  "hidden_act",          "rotary_emb_base",         "rotary_pct"};
constexpr ConfigKeys kGpt2Keys = {
    "n_embd", "n_inner", "n_layer", "n_head", "n_positions", "layer_norm_epsilon", "activation_function"};
constexpr ConfigKeys kGptNeoKeys = {"hidden_size",
                                    "intermediate_size",
                                    "num_layers",
                                    "num_heads",
                                    "max_position_embeddings",
                                    "layer_norm_epsilon",
                                    "activation_function",
                                    "rope_theta",
                                    "partial_rotary_factor",
                                    "window_size"};
constexpr ConfigKeys kOptKeys = {"hidden_size",
                                 "ffn_dim",
                                 "num_hidden_layers",
                                 "num_attention_heads",
                                 "max_position_embeddings",
                                 nullptr,
                                 "activation_function",
                                 "rope_theta",
                                 "partial_rotary_factor",
                                 "sliding_window",
                                 "init_std"};
constexpr ConfigKeys kGemma2Keys = {"hidden_size",         "intermediate_size",       "num_hidden_layers",
                                    "num_attention_heads", "max_position_embeddings", "rms_norm_eps",
                                    "hidden_activation"};

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
  row.block.query_key_norm = HeadNorm::each;
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
               HeadNorm::none,
               /*small_residual_init=*/true};
  row.tied_embeddings = true;
  row.default_activation = "gelu_new";
  row.default_epsilon = 1e-5;
  row.storage = StorageLayout::gpt2;
  row.ignored = {".attn.bias", ".attn.masked_bias"};  // the causal mask, which old exports carry along
  row.has_key_value_heads = row.has_head_dim = false;
  return row;
}

/// What Phi and GPT-NeoX have in common: layer norms, biases, a plain MLP beside the attention, heads that turn in part.
Architecture parallel(const char* model_type, const char* transformers_class) {
  auto row = like_llama(model_type, transformers_class);
  row.block.norm = NormKind::layer;
  row.block.mlp = MlpKind::plain;
  row.block.query_key_value_bias = row.block.output_bias = row.block.mlp_bias = true;
  row.block.parallel_residual = true;
  row.default_epsilon = 1e-5;
  row.has_head_dim = false;
  return row;
}

/// Li et al., arXiv 2309.05463 (Phi-1.5); Phi-2.
Architecture phi() {
  auto row = parallel("phi", "PhiForCausalLM");
  row.keys = kLayerNormKeys;
  row.block.activation = Activation::gelu_new;
  row.block.shared_norm = row.block.head_bias = true;
  row.default_activation = "gelu_new";
  row.storage = StorageLayout::phi;
  row.default_rotary_share = 0.5;
  row.refused = {"qk_layernorm"};
  return row;
}

/// Abdin et al., arXiv 2404.14219.
Architecture phi3() {
  auto row = like_llama("phi3", "Phi3ForCausalLM");
  row.default_epsilon = 1e-5;
  row.windows = WindowRule::every_block;
  row.default_window = 0;
  row.storage = StorageLayout::phi3;
  row.default_rotary_share = 1.0;
  row.has_head_dim = false;
  return row;
}

/// Black et al., arXiv 2204.06745; Biderman et al., arXiv 2304.01373 (Pythia).
Architecture gpt_neox() {
  auto row = parallel("gpt_neox", "GPTNeoXForCausalLM");
  row.prefix = "gpt_neox.";
  row.keys = kNeoxKeys;
  row.block.activation = Activation::gelu;
  row.attention_bias = true;
  row.default_activation = "gelu";
  row.storage = StorageLayout::gpt_neox;
  row.ignored = {"attention.bias", "attention.masked_bias", "rotary_emb.inv_freq"};
  row.default_rotary_share = 0.25;
  row.has_key_value_heads = false;
  return row;
}

/// Gemma Team, arXiv 2403.08295.
Architecture gemma() {
  auto row = like_llama("gemma", "GemmaForCausalLM");
  row.attention_bias = true;
  row.block.activation = Activation::gelu_new;
  row.block.norm_plus_one = row.block.scaled_embedding = true;
  row.tied_embeddings = true;
  row.default_activation = "gelu_pytorch_tanh";
  row.default_key_value_heads = 16;
  row.default_head_dim = 256;
  row.refused = {"use_bidirectional_attention"};
  return row;
}

/// OLMo Team, arXiv 2501.00656.
Architecture olmo2() {
  auto row = like_llama("olmo2", "Olmo2ForCausalLM");
  row.attention_bias = true;
  row.block.query_key_norm = HeadNorm::whole;
  row.block.norm_place = NormPlace::after;
  row.default_epsilon = 1e-5;
  row.storage = StorageLayout::olmo2;
  row.has_head_dim = false;
  return row;
}

/// Gemma Team, arXiv 2408.00118: norms on both sides, capped scores and logits, every other block with a window.
Architecture gemma2() {
  auto row = gemma();
  row.model_type = "gemma2";
  row.transformers_class = "Gemma2ForCausalLM";
  row.keys = kGemma2Keys;
  row.block.norm_place = NormPlace::around;
  row.block.score_cap = 50;
  row.block.logit_cap = 30;
  row.block.query_scalar = 256;
  row.has_query_scalar = row.has_caps = true;
  row.default_key_value_heads = 4;
  row.windows = WindowRule::all_but_every;
  row.period = 2;
  row.storage = StorageLayout::gemma2;
  return row;
}

/// Gemma Team, arXiv 2503.19786: no caps but head norms, five blocks of six with a window and a rope of their own.
Architecture gemma3_text() {
  auto row = gemma2();
  row.model_type = "gemma3_text";
  row.transformers_class = "Gemma3ForCausalLM";
  row.block.score_cap = row.block.logit_cap = 0;
  row.block.query_key_norm = HeadNorm::each;
  row.block.local_theta = 10000.0;
  row.default_rope_theta = 1e6;
  row.period = 6;
  return row;
}

/// Black et al., doi 10.5281/zenodo.5297715 (GPT-Neo): scores are not divided, every other block has a window.
Architecture gpt_neo() {
  auto row = gpt2();
  row.model_type = "gpt_neo";
  row.transformers_class = "GPTNeoForCausalLM";
  row.keys = kGptNeoKeys;
  row.block.query_key_value_bias = row.block.small_residual_init = false;
  row.block.query_scalar = 1;
  row.windows = WindowRule::named_blocks;
  row.default_window = 256;
  row.storage = StorageLayout::gpt_neo;
  row.ignored = {".attn.attention.bias", ".attn.attention.masked_bias"};
  return row;
}

/// Zhang et al., arXiv 2205.01068.
Architecture opt() {
  auto row = gpt2();
  row.model_type = "opt";
  row.transformers_class = "OPTForCausalLM";
  row.prefix = "model.";
  row.keys = kOptKeys;
  row.block.activation = Activation::relu;
  row.block.small_residual_init = false;
  row.block.position_offset = 2;
  row.default_activation = "relu";
  row.storage = StorageLayout::opt;
  row.ignored = {};
  return row;
}

/// Jiang et al., arXiv 2401.04088.
Architecture mixtral() {
  auto row = mistral();
  row.model_type = "mixtral";
  row.transformers_class = "MixtralForCausalLM";
  row.block.experts = 8;
  row.block.experts_per_token = 2;
  row.default_epsilon = 1e-5;
  row.default_window = 0;
  row.default_rope_theta = 1e6;
  row.storage = StorageLayout::mixtral;
  row.has_head_dim = false;
  return row;
}

/// An encoder and a decoder: Raffel et al., arXiv 1910.10683; v1.1 and FLAN-T5, arXiv 2210.11416 (config: t5_config.cpp).
Architecture t5() {
  auto row = like_llama("t5", "T5ForConditionalGeneration");
  row.prefix = "";
  row.keys = {"d_model",          "d_ff", "num_decoder_layers", "num_heads", "n_positions", "layer_norm_epsilon",
              "feed_forward_proj"};
  row.block.mlp = MlpKind::plain;
  row.block.activation = Activation::relu;
  row.block.positions = PositionKind::relative;
  row.block.query_scalar = 1;
  row.tied_embeddings = true;
  row.default_activation = "relu";
  row.storage = StorageLayout::t5;
  // Both sides' views of the one embedding, and a table of old files that nothing reads.
  row.ignored = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                 "EncDecAttention.relative_attention_bias.weight"};
  row.has_key_value_heads = row.has_head_dim = false;
  return row;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> rows = {llama(),   mistral(),  qwen2(),   qwen3(), gpt2(),   phi(),
                                                 phi3(),    gpt_neox(), gemma(),   olmo2(), gemma2(), gemma3_text(),
                                                 gpt_neo(), opt(),      mixtral(), t5()};
  return rows;
}

const Architecture& architecture_of(const std::string& model_type, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& row : architectures()) {
    if (row.model_type == model_type) return row;
    known.emplace_back(row.model_type);
  }
  throw UserError(concat(where, ": model_type '", model_type, "' is not supported"),
                  concat("supported: ", join(known, ", ")),
                  model_type == "gemma3" ? "save its text model alone, which is gemma3_text: Gemma3ForCausalLM"
                                         : "use a checkpoint of a supported architecture");
}

}  // namespace unpact
