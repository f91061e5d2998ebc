#include <ATen/ATen.h>

#include <map>
#include <span>

#include "t5_names.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {
namespace {

/// How files of a layout spell a weight. Rows with the same spelling are parts of one tensor.
struct Spelling {
  const char *ours, *stored;
  bool transposed = false;  // GPT-2's "Conv1D" computes x W, ours x W^T
  bool by_head = false;     // each head's parts lie together
};

struct Layout {
  std::span<const Spelling> rows;  // a weight that is not among them is spelled as ours
  const char* blocks;
};

constexpr Spelling kGpt2[] = {
    {"input_layernorm.weight", "ln_1.weight", false},
    {"input_layernorm.bias", "ln_1.bias", false},
    {"self_attn.q_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.k_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.v_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.q_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.k_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.v_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.o_proj.weight", "attn.c_proj.weight", true},
    {"self_attn.o_proj.bias", "attn.c_proj.bias", false},
    {"post_attention_layernorm.weight", "ln_2.weight", false},
    {"post_attention_layernorm.bias", "ln_2.bias", false},
    {"mlp.up_proj.weight", "mlp.c_fc.weight", true},
    {"mlp.up_proj.bias", "mlp.c_fc.bias", false},
    {"mlp.down_proj.weight", "mlp.c_proj.weight", true},
    {"mlp.down_proj.bias", "mlp.c_proj.bias", false},
    {"model.embed_tokens.weight", "transformer.wte.weight", false},
    {"model.embed_positions.weight", "transformer.wpe.weight", false},
    {"model.norm.weight", "transformer.ln_f.weight", false},
    {"model.norm.bias", "transformer.ln_f.bias", false},
    {"lm_head.weight", "lm_head.weight", false},
};

constexpr Spelling kGptNeox[] = {
    {"self_attn.q_proj.weight", "attention.query_key_value.weight", false, true},
    {"self_attn.k_proj.weight", "attention.query_key_value.weight", false, true},
    {"self_attn.v_proj.weight", "attention.query_key_value.weight", false, true},
    {"self_attn.q_proj.bias", "attention.query_key_value.bias", false, true},
    {"self_attn.k_proj.bias", "attention.query_key_value.bias", false, true},
    {"self_attn.v_proj.bias", "attention.query_key_value.bias", false, true},
    {"self_attn.o_proj.weight", "attention.dense.weight"},
    {"self_attn.o_proj.bias", "attention.dense.bias"},
    {"mlp.up_proj.weight", "mlp.dense_h_to_4h.weight"},
    {"mlp.up_proj.bias", "mlp.dense_h_to_4h.bias"},
    {"mlp.down_proj.weight", "mlp.dense_4h_to_h.weight"},
    {"mlp.down_proj.bias", "mlp.dense_4h_to_h.bias"},
    {"model.embed_tokens.weight", "gpt_neox.embed_in.weight"},
    {"model.norm.weight", "gpt_neox.final_layer_norm.weight"},
    {"model.norm.bias", "gpt_neox.final_layer_norm.bias"},
    {"lm_head.weight", "embed_out.weight"},
};

constexpr Spelling kPhi[] = {
    {"self_attn.o_proj.weight", "self_attn.dense.weight"},
    {"self_attn.o_proj.bias", "self_attn.dense.bias"},
    {"mlp.up_proj.weight", "mlp.fc1.weight"},
    {"mlp.up_proj.bias", "mlp.fc1.bias"},
    {"mlp.down_proj.weight", "mlp.fc2.weight"},
    {"mlp.down_proj.bias", "mlp.fc2.bias"},
    {"model.norm.weight", "model.final_layernorm.weight"},
    {"model.norm.bias", "model.final_layernorm.bias"},
};

constexpr Spelling kPhi3[] = {
    {"self_attn.q_proj.weight", "self_attn.qkv_proj.weight"}, {"self_attn.k_proj.weight", "self_attn.qkv_proj.weight"},
    {"self_attn.v_proj.weight", "self_attn.qkv_proj.weight"}, {"mlp.gate_proj.weight", "mlp.gate_up_proj.weight"},
    {"mlp.up_proj.weight", "mlp.gate_up_proj.weight"},
};

/// Its norms stand after what ours stand before.
constexpr Spelling kOlmo2[] = {
    {"input_layernorm.weight", "post_attention_layernorm.weight"},
    {"post_attention_layernorm.weight", "post_feedforward_layernorm.weight"},
};

constexpr Spelling kGemma2[] = {
    {"attention_output_layernorm.weight", "post_attention_layernorm.weight"},
    {"post_attention_layernorm.weight", "pre_feedforward_layernorm.weight"},
    {"mlp_output_layernorm.weight", "post_feedforward_layernorm.weight"},
};

constexpr Spelling kGptNeo[] = {
    {"input_layernorm.weight", "ln_1.weight"},
    {"input_layernorm.bias", "ln_1.bias"},
    {"self_attn.q_proj.weight", "attn.attention.q_proj.weight"},
    {"self_attn.k_proj.weight", "attn.attention.k_proj.weight"},
    {"self_attn.v_proj.weight", "attn.attention.v_proj.weight"},
    {"self_attn.o_proj.weight", "attn.attention.out_proj.weight"},
    {"self_attn.o_proj.bias", "attn.attention.out_proj.bias"},
    {"post_attention_layernorm.weight", "ln_2.weight"},
    {"post_attention_layernorm.bias", "ln_2.bias"},
    {"mlp.up_proj.weight", "mlp.c_fc.weight"},
    {"mlp.up_proj.bias", "mlp.c_fc.bias"},
    {"mlp.down_proj.weight", "mlp.c_proj.weight"},
    {"mlp.down_proj.bias", "mlp.c_proj.bias"},
    {"model.embed_tokens.weight", "transformer.wte.weight"},
    {"model.embed_positions.weight", "transformer.wpe.weight"},
    {"model.norm.weight", "transformer.ln_f.weight"},
    {"model.norm.bias", "transformer.ln_f.bias"},
};

/// Its "final" norm of a block is the one before, or behind, the MLP.
constexpr Spelling kOpt[] = {
    {"input_layernorm.weight", "self_attn_layer_norm.weight"},
    {"input_layernorm.bias", "self_attn_layer_norm.bias"},
    {"self_attn.o_proj.weight", "self_attn.out_proj.weight"},
    {"self_attn.o_proj.bias", "self_attn.out_proj.bias"},
    {"post_attention_layernorm.weight", "final_layer_norm.weight"},
    {"post_attention_layernorm.bias", "final_layer_norm.bias"},
    {"mlp.up_proj.weight", "fc1.weight"},
    {"mlp.up_proj.bias", "fc1.bias"},
    {"mlp.down_proj.weight", "fc2.weight"},
    {"mlp.down_proj.bias", "fc2.bias"},
    {"model.embed_tokens.weight", "model.decoder.embed_tokens.weight"},
    {"model.embed_positions.weight", "model.decoder.embed_positions.weight"},
    {"model.norm.weight", "model.decoder.final_layer_norm.weight"},
    {"model.norm.bias", "model.decoder.final_layer_norm.bias"},
};

/// Its MLPs are cut into experts (expert_slices).
constexpr Spelling kMixtral[] = {
    {"mlp.router.weight", "block_sparse_moe.gate.weight"},
    {"mlp.gate_proj.weight", "w1"},
    {"mlp.up_proj.weight", "w3"},
    {"mlp.down_proj.weight", "w2"},
};
Layout layout_of(StorageLayout layout) {
  switch (layout) {
    case StorageLayout::gpt2: return {kGpt2, "transformer.h."};
    case StorageLayout::gpt_neox: return {kGptNeox, "gpt_neox.layers."};
    case StorageLayout::phi: return {kPhi, "model.layers."};
    case StorageLayout::phi3: return {kPhi3, "model.layers."};
    case StorageLayout::olmo2: return {kOlmo2, "model.layers."};
    case StorageLayout::gemma2: return {kGemma2, "model.layers."};
    case StorageLayout::gpt_neo: return {kGptNeo, "transformer.h."};
    case StorageLayout::opt: return {kOpt, "model.decoder.layers."};
    case StorageLayout::mixtral: return {kMixtral, "model.layers."};
    case StorageLayout::t5:  // t5_name()
    case StorageLayout::plain: break;
  }
  return {{}, "model.layers."};
}

struct StoredName {
  std::string name;
  bool transposed = false, by_head = false;
};

/// A matrix of all experts by those of each: rows of what leads into the MLPs, columns of what leads out.
void add_experts(const ModelConfig& config, const std::string& stored, const WeightSpec& spec,
                 std::vector<StoredTensor>& tensors) {
  const auto width = config.intermediate_size / config.block.experts;
  const std::int64_t axis = stored.ends_with("w2") ? 1 : 0;
  const auto dot = stored.rfind('.');
  auto shape = spec.shape;
  shape[static_cast<std::size_t>(axis)] = width;
  for (std::int64_t expert = 0; expert < config.block.experts; ++expert)
    tensors.push_back({concat(stored.substr(0, dot), ".block_sparse_moe.experts.", expert, stored.substr(dot), ".weight"),
                       shape,
                       false,
                       {spec},
                       1,
                       axis,
                       expert * width,
                       width});
}

StoredName stored_name(const std::string& ours, const Layout& layout) {
  const std::string blocks = "model.layers.";
  std::string prefix, rest = ours;
  if (ours.starts_with(blocks)) {
    const auto dot = ours.find('.', blocks.size());
    prefix = concat(layout.blocks, ours.substr(blocks.size(), dot + 1 - blocks.size()));
    rest = ours.substr(dot + 1);
  }
  for (const auto& row : layout.rows)
    if (rest == row.ours) return {prefix + row.stored, row.transposed, row.by_head};
  return {prefix + rest};
}

/// Parts lie one behind the other along the output dimension, which is the last one of a transposed matrix.
std::vector<std::int64_t> stored_shape(const StoredTensor& tensor) {
  auto shape = tensor.parts.front().shape;
  for (std::size_t i = 1; i < tensor.parts.size(); ++i) shape[0] += tensor.parts[i].shape[0];
  if (tensor.transposed) std::swap(shape.front(), shape.back());
  return shape;
}

}  // namespace

std::vector<StoredTensor> stored_tensors(const ModelConfig& config, Weights& weights) {
  const auto storage = architecture_of(config.architecture, "this model").storage;
  const auto layout = layout_of(storage);
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::size_t> places;
  for (auto& spec : weight_specs(config, weights)) {
    if (config.block.head_bias && spec.slot == &weights.head_VD) {
      const auto rows = spec.shape.front(), columns = config.hidden_size;
      tensors.push_back({"lm_head.weight", {rows, columns}, false, {spec}, 1, 1, 0, columns});
      tensors.push_back({"lm_head.bias", {rows}, false, {std::move(spec)}, 1, 1, columns, 1});
      continue;
    }
    const auto stored = storage == StorageLayout::t5 ? StoredName{t5_name(spec.name, config.block.mlp == MlpKind::gated)}
                                                     : stored_name(spec.name, layout);
    if (config.block.experts > 0 && spec.name.find(".mlp.") != std::string::npos && !spec.name.ends_with("router.weight")) {
      add_experts(config, stored.name, spec, tensors);
      continue;
    }
    const auto [place, is_new] = places.emplace(stored.name, tensors.size());
    if (is_new) tensors.push_back({stored.name, {}, stored.transposed, {}, stored.by_head ? config.heads : 1});
    tensors[place->second].parts.push_back(std::move(spec));
  }
  for (auto& tensor : tensors)
    if (!tensor.is_slice()) tensor.shape = stored_shape(tensor);
  return tensors;
}

at::Tensor part_of(const StoredTensor& stored, const at::Tensor& whole, std::size_t index) {
  const auto& shape = stored.parts[index].shape;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < index; ++i) begin += stored.parts[i].shape.front();
  if (stored.groups == 1) return (stored.transposed ? whole.t() : whole).narrow(0, begin, shape.front());
  UNPACT_EXPECT(!stored.transposed);
  const auto g = stored.groups;
  return whole.unflatten(0, {g, whole.size(0) / g}).narrow(1, begin / g, shape.front() / g).reshape(shape);
}

namespace {

/// The inverse of part_of.
at::Tensor together(const StoredTensor& stored, const std::vector<at::Tensor>& parts) {
  if (stored.is_slice()) {
    const auto slice = parts.front().narrow(stored.axis, stored.first, stored.count);
    return stored.shape.size() == 1 ? slice.squeeze(1) : slice;
  }
  if (stored.groups == 1) {
    auto whole = parts.size() == 1 ? parts.front() : at::cat(parts);
    return stored.transposed ? whole.t() : whole;
  }
  std::vector<at::Tensor> by_group;
  for (const auto& part : parts) by_group.push_back(part.unflatten(0, {stored.groups, part.size(0) / stored.groups}));
  return at::cat(by_group, 1).flatten(0, 1);
}

}  // namespace

NamedTensors file_tensors(const ModelConfig& config, const Weights& weights) {
  auto shared = weights;  // the same tensors; stored_tensors wants slots that could be written
  NamedTensors named;
  for (const auto& stored : stored_tensors(config, shared)) {
    std::vector<at::Tensor> parts;
    for (const auto& part : stored.parts) parts.push_back(part.slot->detach());
    named.emplace_back(stored.name, together(stored, parts));
  }
  return named;
}

}  // namespace unpact
