#include "position_budget.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "key_value_pool.hpp"
#include "pool_pass.hpp"
#include "unpact/comm/memory.hpp"

namespace unpact {
namespace {

double bytes_of_position(const Transformer& model) {
  const auto& c = model.config();
  return 2.0 * static_cast<double>(c.layers * c.key_value_heads * c.head_dim) *
         static_cast<double>(model.weights().embedding_VD.element_size());
}

/// What a pass holds beside weights, keys and values: its rows, logits with what is made of them, and on a GPU the keys and
/// values that attention copies together.
double bytes_of_pass(const Transformer& model) {
  constexpr double kLogits = 512.0 * (1 << 20), kCopied = 1 << 18;
  const double copied =
      model.device().is_cpu() ? 0 : kCopied * bytes_of_position(model) / static_cast<double>(model.config().layers);
  return static_cast<double>(PoolPass::most_rows(model) * PackedPass::bytes_a_row(model)) + kLogits + copied;
}

}  // namespace

std::uint64_t positions_that_fit(const Transformer& model) {
  const auto device = model.device();
  const double free = static_cast<double>(available_memory(device));
  const double room = device.is_cpu() ? free / ranks_of_node() / 2 : 0.9 * (free - bytes_of_pass(model));
  return static_cast<std::uint64_t>(std::max(1.0, room / bytes_of_position(model)));
}

std::int64_t blocks_of_budget(const Transformer& model, std::uint64_t token_budget) {
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  return blocks_for(static_cast<std::int64_t>(std::min(most, token_budget == 0 ? positions_that_fit(model) : token_budget)));
}

}  // namespace unpact
