#include "unpact/inference/packed_pass.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/model/block_math.hpp"
#include "unpact/kernels/cpu_kernels.hpp"
#include "unpact/kernels/cuda_pointwise.hpp"
#include "packed_attention.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"
#include "workspace.hpp"

namespace unpact {
namespace {

/// The MLP's inner activations are its widest. On the CPU they exist for rows that a cache holds, on CUDA for all: a remainder
/// of few rows would leave most of the GPU idle.
std::int64_t mlp_rows(const at::Tensor& x_nD) { return x_nD.is_cpu() ? 1024 : x_nD.size(0); }

std::int64_t scored_rows(const std::vector<PackedSegment>& segments) {
  std::int64_t count = 0;
  for (const auto& segment : segments) count += segment.scored;
  return count;
}

/// x += input W^T + b
void add_linear(at::Tensor x, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  x.addmm_(input, weight.t());
  if (bias.defined()) x.add_(bias);
}

}  // namespace

KeyValueStore::KeyValueStore(const Transformer& model)
    : layers_(static_cast<std::size_t>(model.config().layers)), options_(model.weights().embedding_VD.options().requires_grad(false)),
      heads_(model.config().key_value_heads), head_dim_(model.config().head_dim) {}

void KeyValueStore::truncate(std::int64_t length) {
  UNPACT_EXPECT(length >= 0 && length <= length_);
  length_ = length;
}

void KeyValueStore::reserve(std::int64_t capacity) {
  if (capacity <= capacity_) return;
  for (auto& layer : layers_) {
    for (auto* tensor : {&layer.keys_CGd, &layer.values_CGd}) {
      auto larger = at::empty({capacity, heads_, head_dim_}, options_);
      if (length_ > 0) larger.narrow(0, 0, length_).copy_(tensor->narrow(0, 0, length_));
      *tensor = larger;
    }
  }
  capacity_ = capacity;
}

std::int64_t KeyValueStore::bytes() const {
  return 2 * static_cast<std::int64_t>(layers_.size()) * capacity_ * heads_ * head_dim_ * static_cast<std::int64_t>(options_.dtype().itemsize());
}

/// The rows of a pass as tensors, and who attends to whom.
struct PackedPass::Inputs {
  Inputs(const PackedRows& rows, const c10::Device& device)
      : tokens_R(to_tensor(rows.tokens, device)), all(plan_attention(rows.segments, true)), scored(plan_attention(rows.segments, false)) {
    std::vector<std::int64_t> positions, scored_index;
    for (const auto& segment : rows.segments) {
      UNPACT_EXPECT(segment.begin == static_cast<std::int64_t>(positions.size()) && segment.rows > 0 && segment.scored <= segment.rows);
      for (std::int64_t row = 0; row < segment.rows; ++row) {
        if (row >= segment.rows - segment.scored) scored_index.push_back(segment.begin + row);
        positions.push_back(segment.position(row));
      }
    }
    UNPACT_EXPECT(positions.size() == rows.tokens.size());
    positions_R = to_tensor(positions, device);
    scored_U = to_tensor(scored_index, device);
    if (!rows.first_index.empty()) first_R = to_tensor(rows.first_index, device);
  }
  at::Tensor tokens_R, positions_R, scored_U, first_R;
  AttentionPlan all, scored;
};

PackedPass::PackedPass(const Transformer& model, PackedAttention attention)
    : model_(model), attention_(attention), workspace_(std::make_unique<Workspace>()) {
  UNPACT_EXPECT(model.reinforced() == nullptr);  // it runs one model's weights
}

PackedPass::~PackedPass() = default;

std::int64_t PackedPass::bytes_a_row(const Transformer& model) {
  const auto& c = model.config();
  const auto inner = model.device().is_cpu() ? 0 : 2 * c.intermediate_size;
  const auto numbers = 3 * c.hidden_size + 3 * c.heads * c.head_dim + 4 * c.key_value_heads * c.head_dim + inner;
  return numbers * static_cast<std::int64_t>(model.weights().embedding_VD.element_size());
}

void PackedPass::prepare_angles(const std::vector<PackedSegment>& segments) {
  if (model_.config().block.positions != PositionKind::rotary) return;
  std::int64_t count = 0;
  for (const auto& segment : segments) count = std::max(count, segment.position(segment.rows));
  if (cosine_Pd_.defined() && cosine_Pd_.size(0) >= count) return;
  const auto angles = block_math::rotary_angles(model_.config(), count, model_.weights().embedding_VD.options());
  cosine_Pd_ = angles.cosine_Pd;
  sine_Pd_ = angles.sine_Pd;
}

at::Tensor PackedPass::embedded(const Inputs& in) const {
  const auto& weights = model_.weights();
  auto x_RD = at::embedding(weights.embedding_VD, in.tokens_R);
  if (model_.config().block.positions == PositionKind::learned) x_RD.add_(at::embedding(weights.position_embedding_PD, in.positions_R));
  return x_RD;
}

at::Tensor PackedPass::normalized(const at::Tensor& x_nD, const at::Tensor& weight_D, const at::Tensor& bias_D) {
  const auto& config = model_.config();
  if (config.block.norm != NormKind::rms || !block_math::fusable(x_nD)) return block_math::normalized(config, x_nD, weight_D, bias_D);
  auto out = workspace_->take(Workspace::normed, x_nD.sizes(), x_nD.options());
  cpu::rms_norm(x_nD.const_data_ptr<float>(), weight_D.const_data_ptr<float>(), out.mutable_data_ptr<float>(), x_nD.size(0),
                x_nD.size(1), config.norm_epsilon);
  return out;
}

at::Tensor PackedPass::linear(int slot, const at::Tensor& x_nD, const at::Tensor& weight, const at::Tensor& bias) {
  auto out = workspace_->take(static_cast<Workspace::Slot>(slot), {x_nD.size(0), weight.size(0)}, x_nD.options());
  return bias.defined() ? at::addmm_out(out, bias, x_nD, weight.t()) : at::mm_out(out, x_nD, weight.t());
}

at::Tensor PackedPass::project(int slot, const at::Tensor& normed_nD, const at::Tensor& weight, const at::Tensor& bias,
                               std::int64_t heads, const at::Tensor& norm_d) {
  const auto x_nHd = linear(slot, normed_nD, weight, bias).view({normed_nD.size(0), heads, model_.config().head_dim});
  return norm_d.defined() ? block_math::rms_norm(x_nHd, norm_d, model_.config().norm_epsilon) : x_nHd;
}

at::Tensor PackedPass::rotated(at::Tensor x_nHd, const at::Tensor& positions_n) const {
  if (!cosine_Pd_.defined()) return x_nHd;
  if (block_math::fusable(x_nHd)) {
    cpu::rotate(x_nHd.mutable_data_ptr<float>(), cosine_Pd_.const_data_ptr<float>(), sine_Pd_.const_data_ptr<float>(),
                positions_n.const_data_ptr<std::int64_t>(), x_nHd.size(0), x_nHd.size(1), x_nHd.size(2));
    return x_nHd;
  }
  if (cuda::fits(x_nHd)) {
    cuda::rotate(x_nHd, cosine_Pd_, sine_Pd_, positions_n, 1.0F);
    return x_nHd;
  }
  return block_math::rotate(x_nHd, cosine_Pd_.index_select(0, positions_n).unsqueeze(1), sine_Pd_.index_select(0, positions_n).unsqueeze(1));
}

at::Tensor PackedPass::attend(const at::Tensor& query_QHd, const KeyValueStore& store, std::int64_t layer, const at::Tensor& keys_RGd,
                              const at::Tensor& values_RGd, const AttentionPlan& plan) {
  const auto& stored = store.layers_[static_cast<std::size_t>(layer)];
  const PackedKeys keys{stored.keys_CGd, stored.values_CGd, keys_RGd, values_RGd};
  const auto window = model_.config().window_of(layer);
  if (attention_ == PackedAttention::fast) {
    if (block_math::fusable(query_QHd)) return attend_cpu(query_QHd, keys, plan, window, *workspace_);
    if (cuda_kernel_fits(query_QHd)) return attend_cuda(query_QHd, keys, plan, window);
  }
  return attend_plain(query_QHd, keys, plan, window);
}

void PackedPass::add_mlp(const BlockWeights& block, at::Tensor& x_nD) {
  const auto& description = model_.config().block;
  const auto most = mlp_rows(x_nD);
  for (std::int64_t begin = 0; begin < x_nD.size(0); begin += most) {
    auto part = x_nD.narrow(0, begin, std::min(most, x_nD.size(0) - begin));
    const auto normed = normalized(part, block.mlp_norm_D, block.mlp_norm_bias_D);
    auto inner = linear(Workspace::up, normed, block.up_FD, block.up_bias_F);
    if (description.mlp == MlpKind::gated) {
      auto gate = linear(Workspace::gate, normed, block.gate_FD, block.gate_bias_F);
      block_math::activate_product(description.activation, gate, inner);
      inner = gate;
    } else {
      block_math::activate(description.activation, inner);
    }
    add_linear(part, inner, block.down_DF, block.down_bias_D);
  }
}

/// Keys, turned, and values of one block's rows: of the table where it has them, else of the normalized x.
PackedPass::KeysValues PackedPass::keys_values(const BlockWeights& block, const at::Tensor& normed_RD, const Inputs& in,
                                               const FirstProjections& first) {
  const auto heads = model_.config().key_value_heads;
  if (!normed_RD.defined())
    return {rotated(first.key_MGd.index_select(0, in.first_R), in.positions_R), first.value_MGd.index_select(0, in.first_R)};
  const auto key_RGd = project(Workspace::key, normed_RD, block.key_GdD, block.key_bias_Gd, heads, block.key_norm_d);
  return {rotated(key_RGd, in.positions_R), project(Workspace::value, normed_RD, block.value_GdD, block.value_bias_Gd, heads, {})};
}

/// Queries, turned, of all rows or of those in `chosen`.
at::Tensor PackedPass::queries(const BlockWeights& block, const at::Tensor& normed_RD, const Inputs& in, const FirstProjections& first,
                               const at::Tensor& chosen) {
  const auto of_chosen = [&](const at::Tensor& x_R) { return chosen.defined() ? x_R.index_select(0, chosen) : x_R; };
  const auto query_QHd = normed_RD.defined() ? project(Workspace::query, of_chosen(normed_RD), block.query_HdD, block.query_bias_Hd,
                                                       model_.config().heads, block.query_norm_d)
                                             : first.query_MHd.index_select(0, of_chosen(in.first_R));
  return rotated(query_QHd, of_chosen(in.positions_R));
}

void PackedPass::keep_rows(const Keep& keep, std::int64_t layer, const KeysValues& fresh) {
  if (keep.count == 0) return;
  auto& kept = keep.store->layers_[static_cast<std::size_t>(layer)];
  kept.keys_CGd.narrow(0, keep.store->length_, keep.count).copy_(fresh.keys_RGd.narrow(0, 0, keep.count));
  kept.values_CGd.narrow(0, keep.store->length_, keep.count).copy_(fresh.values_RGd.narrow(0, 0, keep.count));
}

at::Tensor PackedPass::forward(const PackedRows& rows, const KeyValueStore& store, const Keep& keep, const FirstProjections& first) {
  const c10::InferenceMode guard;
  const auto& config = model_.config();
  const Inputs in(rows, model_.device());
  UNPACT_EXPECT(in.all.longest_prefix() <= store.length() + keep.count);
  prepare_angles(rows.segments);
  auto x_RD = embedded(in);
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const auto& block = model_.weights().blocks[static_cast<std::size_t>(layer)];
    const bool last = layer + 1 == config.layers, from_table = layer == 0 && in.first_R.defined();
    const auto normed_RD = from_table ? at::Tensor() : normalized(x_RD, block.attention_norm_D, block.attention_norm_bias_D);
    const auto fresh = keys_values(block, normed_RD, in, first);
    keep_rows(keep, layer, fresh);
    if (last && in.scored_U.numel() == 0) return {};
    const auto query_QHd = queries(block, normed_RD, in, first, last ? in.scored_U : at::Tensor());
    if (last) x_RD = x_RD.index_select(0, in.scored_U);
    const auto mixed_QHd = attend(query_QHd, store, layer, fresh.keys_RGd, fresh.values_RGd, last ? in.scored : in.all);
    add_linear(x_RD, mixed_QHd.flatten(1), block.output_DHd, block.output_bias_D);
    add_mlp(block, x_RD);
  }
  return normalized(x_RD, model_.weights().final_norm_D, model_.weights().final_norm_bias_D);
}

at::Tensor PackedPass::run(const PackedRows& rows, const KeyValueStore& store, const FirstProjections& first) {
  UNPACT_EXPECT(scored_rows(rows.segments) > 0);
  return forward(rows, store, {}, first);
}

void PackedPass::extend(KeyValueStore& store, const std::vector<TokenId>& tokens, std::int64_t row_budget, const FirstProjections& first,
                        const std::vector<std::int64_t>& first_index) {
  UNPACT_EXPECT(row_budget > 0 && (first_index.empty() || first_index.size() == tokens.size()));
  const auto total = static_cast<std::int64_t>(tokens.size());
  const c10::InferenceMode guard;
  store.reserve(store.length() + total);
  for (std::int64_t begin = 0; begin < total; begin += row_budget) {
    const auto count = std::min(row_budget, total - begin);
    PackedRows rows{{tokens.begin() + begin, tokens.begin() + begin + count}, {{0, count, store.length()}}, {}};
    if (!first_index.empty()) rows.first_index.assign(first_index.begin() + begin, first_index.begin() + begin + count);
    forward(rows, store, {&store, count}, first);
    store.length_ += count;
  }
}

at::Tensor PackedPass::run_behind(const std::vector<TokenId>& tokens, KeyValueStore& store, const PackedRows& rows,
                                  const FirstProjections& first, const std::vector<std::int64_t>& first_index) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count == 0) return run(rows, store, first);
  UNPACT_EXPECT(scored_rows(rows.segments) > 0 && first_index.size() == (rows.first_index.empty() ? 0 : tokens.size()));
  const c10::InferenceMode guard;
  store.reserve(store.length() + count);
  PackedRows all{tokens, {{0, count, store.length()}}, first_index};
  all.tokens.insert(all.tokens.end(), rows.tokens.begin(), rows.tokens.end());
  all.first_index.insert(all.first_index.end(), rows.first_index.begin(), rows.first_index.end());
  for (auto segment : rows.segments) {
    segment.begin += count;
    segment.parent_begin += count;
    all.segments.push_back(segment);
  }
  auto hidden_UD = forward(all, store, {&store, count}, first);
  store.length_ += count;
  return hidden_UD;
}

FirstProjections PackedPass::project_first(const std::vector<TokenId>& tokens) {
  const auto& config = model_.config();
  if (config.block.positions != PositionKind::rotary) return {};
  const c10::InferenceMode guard;
  const auto& block = model_.weights().blocks.front();
  const auto x_MD = at::embedding(model_.weights().embedding_VD, to_tensor(tokens, model_.device()));
  const auto normed_MD = normalized(x_MD, block.attention_norm_D, block.attention_norm_bias_D);
  // Kept beyond the next pass: out of the workspace.
  const auto kept = [](const at::Tensor& x) { return x.clone(); };
  return {kept(project(Workspace::query, normed_MD, block.query_HdD, block.query_bias_Hd, config.heads, block.query_norm_d)),
          kept(project(Workspace::key, normed_MD, block.key_GdD, block.key_bias_Gd, config.key_value_heads, block.key_norm_d)),
          kept(project(Workspace::value, normed_MD, block.value_GdD, block.value_bias_Gd, config.key_value_heads, {}))};
}

}  // namespace unpact
