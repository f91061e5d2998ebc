#include "pass_attention.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {

StoreAttention::StoreAttention(const PackedInputs& in, const KeyValueStore& store, KeyValueStore* written, std::int64_t kept,
                               PackedAttention form)
    : in_(in), store_(store), written_(written), kept_(kept), form_(form) {
  UNPACT_EXPECT(in.all.longest_prefix() <= store.length() + kept);
}

void StoreAttention::keep(std::int64_t layer, const FreshRows& fresh) {
  if (kept_ > 0) written_->write(layer, fresh.keys_RGd.narrow(0, 0, kept_), fresh.values_RGd.narrow(0, 0, kept_));
}

at::Tensor StoreAttention::mix(const PassQueries& asked, const FreshRows& fresh, const kernels::ResultMemory& memory) const {
  const auto& stored = store_.layer(asked.layer);
  const kernels::PackedKeys keys{stored.keys_CGd, stored.values_CGd, fresh.keys_RGd, fresh.values_RGd};
  const auto& plan = asked.of_all ? in_.all : in_.scored;
  if (form_ == PackedAttention::plain)
    return kernels::packed_attention_by_definition(asked.query_QHd, keys, plan, asked.rule);
  return kernels::packed_attention(asked.query_QHd, keys, plan, asked.rule, memory);
}

PoolAttention::PoolAttention(const std::vector<PackedSegment>& segments, const KeyValuePool& pool,
                             const std::vector<BlockTable>& tables, PackedAttention form)
    : pool_(pool), form_(form) {
  UNPACT_EXPECT(tables.size() == segments.size());
  std::int64_t queries = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& segment = segments[i];
    const auto length = segment.position(segment.rows);
    auto table = tables[i];
    table.resize(static_cast<std::size_t>(blocks_for(length)));
    for (std::int64_t row = 0; row < segment.rows; ++row) slots_.push_back(slot_of(table, segment.position(row)));
    if (segment.scored > 0) scored_.segments.push_back({queries, segment.scored, length, table});
    queries += segment.scored;
    all_.segments.push_back({segment.begin, segment.rows, length, std::move(table)});
  }
}

void PoolAttention::keep(std::int64_t layer, const FreshRows& fresh) {
  kernels::write_rows(pool_.layer(layer), fresh.keys_RGd, fresh.values_RGd, slots_);
}

at::Tensor PoolAttention::mix(const PassQueries& asked, const FreshRows& /*fresh*/,
                              const kernels::ResultMemory& memory) const {
  const auto& blocks = pool_.layer(asked.layer);
  const auto& plan = asked.of_all ? all_ : scored_;
  if (form_ == PackedAttention::plain)
    return kernels::blocked_attention_by_definition(asked.query_QHd, blocks, plan, asked.rule);
  return kernels::blocked_attention(asked.query_QHd, blocks, plan, asked.rule, memory);
}

}  // namespace unpact
