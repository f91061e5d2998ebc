#include "unpact/inference/packed_pass.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "packed_inputs.hpp"
#include "pass_attention.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/operation_tally.hpp"
#include "unpact/kernels/embedding.hpp"
#include "unpact/kernels/linear.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/block_math.hpp"
#include "unpact/model/sequences.hpp"
#include "workspace.hpp"

namespace unpact {
namespace {

using kernels::Projection;

/// The MLP's inner activations are its widest. On the CPU they exist for rows that a cache holds, on CUDA for all: a remainder
/// of few rows would leave most of the GPU idle.
std::int64_t mlp_rows(const at::Tensor& x_nD) { return x_nD.is_cpu() ? 1024 : x_nD.size(0); }

bool scores_any(const PackedRows& rows) {
  return std::ranges::any_of(rows.segments, [](const auto& segment) { return segment.scored > 0; });
}

/// What all blocks of a pass are given.
struct Pass {
  const PackedInputs& in;
  PassAttention& attention;
  const FirstProjections& first;
};

}  // namespace

/// Intermediate results live in the workspace, and what is returned does not.
class PackedPass::Runner {
 public:
  Runner(const Transformer& model, PackedAttention attention) : model_(model), attention_(attention) {}

  /// After the positions of a store. @param kept of the first rows are written to `written`.
  at::Tensor after_store(const PackedRows& rows, const KeyValueStore& store, KeyValueStore* written, std::int64_t kept,
                         const FirstProjections& first);
  at::Tensor in_pool(const PackedRows& rows, const KeyValuePool& pool, const std::vector<BlockTable>& tables);
  FirstProjections project_first(const std::vector<TokenId>& tokens);

 private:
  at::Tensor forward(const PackedRows& rows, const Pass& pass);
  at::Tensor embedded(const PackedInputs& in) const;
  /// The residual stream after a block: of all rows, and after the last block of those that are scored.
  at::Tensor block(std::int64_t layer, at::Tensor x_RD, const Pass& pass);
  FreshRows keys_values(const BlockWeights& block, const at::Tensor& normed_RD, const PackedInputs& in,
                        const FirstProjections& first);
  at::Tensor queries(const BlockWeights& block, const at::Tensor& normed_RD, const PackedInputs& in,
                     const FirstProjections& first, const at::Tensor& chosen);
  at::Tensor normalized(const at::Tensor& x_nD, const at::Tensor& weight_D, const at::Tensor& bias_D);
  at::Tensor into_attention(const BlockWeights& block, const at::Tensor& x_nD) {
    return block_math::normalizes_before(model_.config())
               ? normalized(x_nD, block.attention_norm_D, block.attention_norm_bias_D)
               : x_nD;
  }
  /// A linear projection to heads, and their norm where the model has one: (n, heads, d).
  at::Tensor project(Workspace::Slot slot, const at::Tensor& normed_nD, const Projection& projection, std::int64_t heads,
                     const at::Tensor& norm_d);
  at::Tensor rotated(const at::Tensor& x_nHd, const at::Tensor& positions_n) const;
  at::Tensor product(Workspace::Slot slot, const at::Tensor& x_nD, const Projection& projection) {
    const auto memory = workspace_.slot(slot);
    return by_rows_ ? kernels::row_linear_in(memory, x_nD, projection) : kernels::linear_in(memory, x_nD, projection);
  }
  void add_product(const at::Tensor& sum_nN, const at::Tensor& x_nD, const Projection& projection) const {
    by_rows_ ? kernels::add_row_linear(sum_nN, x_nD, projection) : kernels::add_linear(sum_nN, x_nD, projection);
  }
  /// @param from_nD what the MLP reads; may be `x_nD` itself.
  void add_mlp(const BlockWeights& block, const at::Tensor& from_nD, at::Tensor& x_nD);
  void add_attention(const BlockWeights& block, const at::Tensor& mixed_nE, at::Tensor& x_nD);
  /// Adds a projection to the residual stream, with the norm behind it. Not before queries are mixed, whose memory it takes.
  void add_normalized(const block_math::NormBehind& norm, const at::Tensor& from_nN, const Projection& projection,
                      at::Tensor& x_nD);
  void prepare_angles(const std::vector<PackedSegment>& segments);

  const Transformer& model_;
  PackedAttention attention_;
  bool by_rows_ = false;  ///< no row's bits may depend on how many there are
  Workspace workspace_;
  kernels::Angles table_, local_table_;     ///< the second for blocks that turn locally
  const kernels::Angles* turns_ = &table_;  ///< of the block that runs
};

void PackedPass::Runner::prepare_angles(const std::vector<PackedSegment>& segments) {
  if (model_.config().block.positions != PositionKind::rotary) return;
  std::int64_t count = 0;
  for (const auto& segment : segments) count = std::max(count, segment.position(segment.rows));
  if (table_.cosine.defined() && table_.cosine.size(0) >= count) return;
  const auto options = model_.weights().embedding_VD.options();
  table_ = block_math::rotary_table(model_.config(), count, options, false);
  if (model_.config().block.local_theta > 0) local_table_ = block_math::rotary_table(model_.config(), count, options, true);
}

at::Tensor PackedPass::Runner::embedded(const PackedInputs& in) const {
  const auto& weights = model_.weights();
  auto x_RD = block_math::embedded(model_.config(), weights, in.tokens_R);
  if (model_.config().block.positions == PositionKind::learned)
    x_RD.add_(kernels::embedding(weights.position_embedding_PD, in.positions_R + model_.config().block.position_offset));
  return x_RD;
}

at::Tensor PackedPass::Runner::normalized(const at::Tensor& x_nD, const at::Tensor& weight_D, const at::Tensor& bias_D) {
  return block_math::normalized(model_.config(), x_nD, weight_D, bias_D, workspace_.slot(Workspace::normed));
}

at::Tensor PackedPass::Runner::project(Workspace::Slot slot, const at::Tensor& normed_nD, const Projection& projection,
                                       std::int64_t heads, const at::Tensor& norm_d) {
  const auto& config = model_.config();
  return block_math::heads_of(config, product(slot, normed_nD, projection), heads, norm_d);
}

at::Tensor PackedPass::Runner::rotated(const at::Tensor& x_nHd, const at::Tensor& positions_n) const {
  return turns_->cosine.defined() ? kernels::rotate_rows(x_nHd, *turns_, positions_n) : x_nHd;
}

void PackedPass::Runner::add_attention(const BlockWeights& block, const at::Tensor& mixed_nE, at::Tensor& x_nD) {
  add_normalized(block_math::norm_behind_attention(model_.config(), block), mixed_nE,
                 {block.output_DHd, block.output_bias_D}, x_nD);
}

void PackedPass::Runner::add_normalized(const block_math::NormBehind& norm, const at::Tensor& from_nN,
                                        const Projection& projection, at::Tensor& x_nD) {
  const auto place = model_.config().block.norm_place;
  if (place == NormPlace::after || place == NormPlace::around) {
    x_nD.add_(normalized(product(Workspace::query, from_nN, projection), norm.weight_D, norm.bias_D));
    return;
  }
  add_product(x_nD, from_nN, projection);
  if (place == NormPlace::of_sum) x_nD.copy_(normalized(x_nD, norm.weight_D, norm.bias_D));
}

void PackedPass::Runner::add_mlp(const BlockWeights& block, const at::Tensor& from_nD, at::Tensor& x_nD) {
  const auto& config = model_.config();
  const auto& description = config.block;
  const auto& norm_D = description.shared_norm ? block.attention_norm_D : block.mlp_norm_D;
  const auto& norm_bias_D = description.shared_norm ? block.attention_norm_bias_D : block.mlp_norm_bias_D;
  const Projection down{block.down_DF, block.down_bias_D};
  const auto activation = block_math::activation_of(description);
  const auto most = mlp_rows(x_nD);
  for (std::int64_t begin = 0; begin < x_nD.size(0); begin += most) {
    auto part = x_nD.narrow(0, begin, std::min(most, x_nD.size(0) - begin));
    const auto from = from_nD.narrow(0, begin, part.size(0));
    const auto normed = block_math::normalizes_before(config) ? normalized(from, norm_D, norm_bias_D) : from;
    auto inner = product(Workspace::up, normed, {block.up_FD, block.up_bias_F});
    if (description.mlp == MlpKind::gated) {
      const auto gate = product(Workspace::gate, normed, {block.gate_FD, block.gate_bias_F});
      inner = kernels::gated_product(activation, gate, inner);
    } else {
      inner = kernels::activated(activation, inner);
    }
    if (description.experts > 0)
      inner = block_math::routed(config, product(Workspace::up, normed, {block.router_ED, {}}), inner);
    add_normalized(block_math::norm_behind_mlp(config, block), inner, down, part);
  }
}

/// Keys, turned, and values of one block's rows: of the table where it has them, else of the normalized x.
FreshRows PackedPass::Runner::keys_values(const BlockWeights& block, const at::Tensor& normed_RD, const PackedInputs& in,
                                          const FirstProjections& first) {
  const auto heads = model_.config().key_value_heads;
  if (!normed_RD.defined())
    return {rotated(first.key_MGd.index_select(0, in.first_R), in.positions_R), first.value_MGd.index_select(0, in.first_R)};
  const auto key_RGd = project(Workspace::key, normed_RD, {block.key_GdD, block.key_bias_Gd}, heads, block.key_norm_d);
  return {rotated(key_RGd, in.positions_R),
          project(Workspace::value, normed_RD, {block.value_GdD, block.value_bias_Gd}, heads, {})};
}

/// Queries, turned, of all rows or of those in `chosen`.
at::Tensor PackedPass::Runner::queries(const BlockWeights& block, const at::Tensor& normed_RD, const PackedInputs& in,
                                       const FirstProjections& first, const at::Tensor& chosen) {
  const auto of_chosen = [&](const at::Tensor& x_R) { return chosen.defined() ? x_R.index_select(0, chosen) : x_R; };
  const auto query_QHd = normed_RD.defined()
                             ? project(Workspace::query, of_chosen(normed_RD), {block.query_HdD, block.query_bias_Hd},
                                       model_.config().heads, block.query_norm_d)
                             : first.query_MHd.index_select(0, of_chosen(in.first_R));
  return rotated(block_math::scaled_queries(model_.config(), query_QHd), of_chosen(in.positions_R));
}

at::Tensor PackedPass::Runner::block(std::int64_t layer, at::Tensor x_RD, const Pass& pass) {
  const auto& in = pass.in;
  const auto& block = model_.weights().blocks[static_cast<std::size_t>(layer)];
  const bool last = layer + 1 == model_.config().layers, from_table = layer == 0 && in.first_R.defined();
  const auto& config = model_.config();
  turns_ = config.turns_locally(layer) ? &local_table_ : &table_;
  const auto normed_RD = from_table ? at::Tensor() : into_attention(block, x_RD);
  const auto fresh = keys_values(block, normed_RD, in, pass.first);
  pass.attention.keep(layer, fresh);
  if (last && in.scored_U.numel() == 0) return {};
  const auto query_QHd = queries(block, normed_RD, in, pass.first, last ? in.scored_U : at::Tensor());
  if (last) x_RD = x_RD.index_select(0, in.scored_U);
  const PassQueries asked{layer, query_QHd, !last, block_math::score_rule(config, layer)};
  const auto mixed_QHd = pass.attention.mix(asked, fresh, workspace_.slot(Workspace::mixed));
  const auto before_RD = config.block.parallel_residual ? x_RD.clone() : x_RD;
  add_attention(block, mixed_QHd.flatten(1), x_RD);
  add_mlp(block, before_RD, x_RD);
  return x_RD;
}

at::Tensor PackedPass::Runner::after_store(const PackedRows& rows, const KeyValueStore& store, KeyValueStore* written,
                                           std::int64_t kept, const FirstProjections& first) {
  const PackedInputs in(rows, model_.device());
  StoreAttention attention(in, store, written, kept, attention_);
  by_rows_ = false;
  return forward(rows, {in, attention, first});
}

at::Tensor PackedPass::Runner::in_pool(const PackedRows& rows, const KeyValuePool& pool,
                                       const std::vector<BlockTable>& tables) {
  const PackedInputs in(rows, model_.device());
  PoolAttention attention(rows.segments, pool, tables, attention_);
  by_rows_ = true;
  return forward(rows, {in, attention, {}});
}

at::Tensor PackedPass::Runner::forward(const PackedRows& rows, const Pass& pass) {
  const auto& config = model_.config();
  const auto& in = pass.in;
  const auto end_of_work = rows.segments.end() - static_cast<std::ptrdiff_t>(rows.fillers);
  count_operations(pass_operations(config, {rows.segments.begin(), end_of_work}, in.first_R.defined()));
  prepare_angles(rows.segments);
  const auto end = config.layers + (in.scored_U.numel() == 0 ? 0 : 1);
  auto x_RD = model_.run_part(0, end, in.tokens_R, [&](const at::Tensor&) { return embedded(in); });
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    x_RD = model_.run_part(1 + layer, end, x_RD, [&](const at::Tensor& x) { return block(layer, x, pass); });
  if (end == config.layers) return {};
  return model_.run_part(end, end, x_RD,
                         [&](const at::Tensor& x) { return block_math::final_hidden(config, model_.weights(), x); });
}

FirstProjections PackedPass::Runner::project_first(const std::vector<TokenId>& tokens) {
  const auto& config = model_.config();
  if (config.block.positions != PositionKind::rotary) return {};
  count_operations(table_operations(config, tokens.size()));
  by_rows_ = false;
  const auto tokens_M = to_tensor(tokens, model_.device());
  const auto x_MD = model_.run_part(
      0, 1, tokens_M, [&](const at::Tensor& ids) { return block_math::embedded(config, model_.weights(), ids); });
  FirstProjections first;
  model_.run_part(1, 1, x_MD, [&](const at::Tensor& x) {
    const auto& block = model_.weights().blocks.front();
    const auto normed_MD = into_attention(block, x);
    const auto of = [&](Workspace::Slot slot, const Projection& projection, std::int64_t heads, const at::Tensor& norm_d) {
      return project(slot, normed_MD, projection, heads, norm_d).clone();
    };
    first = {of(Workspace::query, {block.query_HdD, block.query_bias_Hd}, config.heads, block.query_norm_d),
             of(Workspace::key, {block.key_GdD, block.key_bias_Gd}, config.key_value_heads, block.key_norm_d),
             of(Workspace::value, {block.value_GdD, block.value_bias_Gd}, config.key_value_heads, {})};
    return x;
  });
  return first;
}

PackedPass::PackedPass(const Transformer& model, PackedAttention attention)
    : runner_(std::make_unique<Runner>(model, attention)) {
  UNPACT_EXPECT(model.reinforced() == nullptr);  // it runs one model's weights
  refuse_encoder_decoder(model.config(), "asked in this way");
}

PackedPass::~PackedPass() = default;

std::int64_t PackedPass::bytes_a_row(const Transformer& model) {
  const auto& c = model.config();
  const auto inner = model.device().is_cpu() ? 0 : 2 * c.intermediate_size;
  const auto numbers = (c.block.parallel_residual ? 4 : 3) * c.hidden_size + 3 * c.heads * c.head_dim +
                       4 * c.key_value_heads * c.head_dim + inner;
  return numbers * static_cast<std::int64_t>(model.weights().embedding_VD.element_size());
}

at::Tensor PackedPass::run(const PackedRows& rows, const KeyValueStore& store, const FirstProjections& first) {
  UNPACT_EXPECT(scores_any(rows));
  const c10::InferenceMode guard;
  return runner_->after_store(rows, store, nullptr, 0, first);
}

at::Tensor PackedPass::run(const PackedRows& rows, const KeyValuePool& pool, const std::vector<BlockTable>& tables) {
  const c10::InferenceMode guard;
  return runner_->in_pool(rows, pool, tables);
}

void PackedPass::extend(KeyValueStore& store, const std::vector<TokenId>& tokens, std::int64_t row_budget,
                        const FirstProjections& first, const std::vector<std::int64_t>& first_index) {
  UNPACT_EXPECT(row_budget > 0 && (first_index.empty() || first_index.size() == tokens.size()));
  const auto total = static_cast<std::int64_t>(tokens.size());
  const c10::InferenceMode guard;
  store.reserve(store.length() + total);
  for (std::int64_t begin = 0; begin < total; begin += row_budget) {
    const auto count = std::min(row_budget, total - begin);
    PackedRows rows{{tokens.begin() + begin, tokens.begin() + begin + count}, {{0, count, store.length()}}, {}};
    if (!first_index.empty()) rows.first_index.assign(first_index.begin() + begin, first_index.begin() + begin + count);
    runner_->after_store(rows, store, &store, count, first);
    store.advance(count);
  }
}

at::Tensor PackedPass::run_behind(const std::vector<TokenId>& tokens, KeyValueStore& store, const PackedRows& rows,
                                  const FirstProjections& first, const std::vector<std::int64_t>& first_index) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count == 0) return run(rows, store, first);
  UNPACT_EXPECT(scores_any(rows) && first_index.size() == (rows.first_index.empty() ? 0 : tokens.size()));
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
  auto hidden_UD = runner_->after_store(all, store, &store, count, first);
  store.advance(count);
  return hidden_UD;
}

FirstProjections PackedPass::project_first(const std::vector<TokenId>& tokens) {
  const c10::InferenceMode guard;
  return runner_->project_first(tokens);
}

}  // namespace unpact
