#include "key_value_pool.hpp"

#include "unpact/core/error.hpp"

namespace unpact {

KeyValuePool::KeyValuePool(const Transformer& model, std::int64_t blocks) : users_(static_cast<std::size_t>(blocks), 0) {
  const auto& config = model.config();
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    layers_.push_back(
        kernels::make_blocks(blocks, config.key_value_heads, config.head_dim, model.weights().embedding_VD.options()));
  for (auto block = blocks; block > 0; --block) free_.push_back(block - 1);
}

std::int64_t KeyValuePool::take() {
  UNPACT_EXPECT(!free_.empty());
  const auto block = free_.back();
  free_.pop_back();
  users_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void KeyValuePool::share(const BlockTable& table) {
  for (const auto block : table) ++users_[static_cast<std::size_t>(block)];
}

void KeyValuePool::hand_back(const BlockTable& table) {
  for (const auto block : table) {
    auto& users = users_[static_cast<std::size_t>(block)];
    UNPACT_EXPECT(users > 0);
    if (--users == 0) free_.push_back(block);
  }
}

BlockTable KeyValuePool::fork(const BlockTable& table, std::int64_t length) {
  const auto whole = length / kernels::kBlockPositions;
  BlockTable forked(table.begin(), table.begin() + whole);
  share(forked);
  if (length % kernels::kBlockPositions > 0) {
    const auto own = take();
    for (const auto& layer : layers_) kernels::copy_block(layer, table[static_cast<std::size_t>(whole)], own);
    forked.push_back(own);
  }
  return forked;
}

}  // namespace unpact
