#include "pool_pass.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "next_tokens.hpp"

namespace unpact {

void PoolPass::add(std::span<const TokenId> tokens, std::int64_t position, const BlockTable& table, std::int64_t scored) {
  rows_.segments.push_back({rows(), static_cast<std::int64_t>(tokens.size()), position, 0, 0, scored});
  rows_.tokens.insert(rows_.tokens.end(), tokens.begin(), tokens.end());
  tables_.push_back(table);
  scored_ += scored;
}

at::Tensor PoolPass::run(const KeyValuePool& pool, std::int64_t spare) {
  const auto wanted = scored_;
  const auto fewest = model_.device().is_cpu() ? kFewestRows : 0;
  const auto more = std::max(fewest - rows(), scored_ > 0 ? fewest - scored_ : 0);
  if (more > 0) {
    const std::vector<TokenId> none(static_cast<std::size_t>(more), 0);
    add(none, 0, {spare}, wanted > 0 ? more : 0);
    rows_.fillers = 1;
  }
  auto hidden_UD = pass_.run(rows_, pool, tables_);
  rows_ = {};
  tables_.clear();
  scored_ = 0;
  return wanted > 0 ? hidden_UD.narrow(0, 0, wanted) : at::Tensor();
}

}  // namespace unpact
