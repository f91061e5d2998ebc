#include "unpact/model/sequence_layout.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "unpact/core/error.hpp"
#include "unpact/kernels/attention.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

/// Neighbours of one length: attention runs over them as over a batch.
struct Run {
  std::int64_t sequences, length;
};

std::vector<Run> runs_of(const std::vector<std::int64_t>& lengths) {
  std::vector<Run> runs;
  for (const auto length : lengths) {
    if (!runs.empty() && runs.back().length == length) ++runs.back().sequences;
    else runs.push_back({1, length});
  }
  return runs;
}

/// Several sequences in one row, each of which sees itself alone.
class PackedContext final : public AttentionContext {
 public:
  explicit PackedContext(const std::vector<std::int64_t>& lengths) : lengths_(lengths), runs_(runs_of(lengths)) {
    for (const auto& run : runs_) columns_.push_back(run.sequences * run.length);
  }

  KeysValues extend(std::int64_t, at::Tensor keys_BGSd, at::Tensor values_BGSd) override {
    UNPACT_EXPECT(keys_BGSd.size(0) == 1 &&
                  keys_BGSd.size(2) == std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0}));
    options_ = at::TensorOptions().dtype(at::kBool).device(keys_BGSd.device());
    return {std::move(keys_BGSd), std::move(values_BGSd)};
  }

  /// Block-diagonal: what attend() computes without it.
  at::Tensor mask(std::int64_t window) const override {
    std::vector<at::Tensor> blocks;
    for (const auto length : lengths_) blocks.push_back(causal(length, window));
    return at::block_diag(blocks);
  }

  double pairs(std::int64_t, std::int64_t, std::int64_t, std::int64_t window) const override {
    double sum = 0;
    for (const auto& run : runs_) sum += static_cast<double>(run.sequences) * causal_pairs(run.length, window);
    return sum;
  }

  at::Tensor attend(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                    const kernels::ScoreRule& rule) const override {
    const auto queries = query_BHSd.split_with_sizes(columns_, 2), keys = keys_BGKd.split_with_sizes(columns_, 2),
               values = values_BGKd.split_with_sizes(columns_, 2);
    std::vector<at::Tensor> mixed;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const auto [sequences, length] = runs_[i];
      const auto apart = [&, n = sequences, s = length](const at::Tensor& x_1HCd) {  // -> (sequences, H, length, d)
        return x_1HCd.squeeze(0).unflatten(1, {n, s}).transpose(0, 1);
      };
      const auto seen = rule.window > 0 && rule.window < length ? causal(length, rule.window) : at::Tensor();
      const auto one_nHsd = kernels::attention(apart(queries[i]), apart(keys[i]), apart(values[i]), seen, rule.cap);
      mixed.push_back(one_nHsd.transpose(0, 1).flatten(1, 2).unsqueeze(0));
    }
    return at::cat(mixed, 2);
  }

 private:
  at::Tensor causal(std::int64_t length, std::int64_t window) const {
    auto& mask = masks_[{length, window}];
    if (!mask.defined()) {
      mask = at::ones({length, length}, options_).tril();
      if (window > 0) mask = mask.triu(1 - window);
    }
    return mask;
  }

  std::vector<std::int64_t> lengths_;
  std::vector<Run> runs_;
  std::vector<std::int64_t> columns_;  // of each run
  at::TensorOptions options_;
  mutable std::map<std::pair<std::int64_t, std::int64_t>, at::Tensor> masks_;  // layers share them
};

}  // namespace

SequenceLayout SequenceLayout::packed(std::vector<std::int64_t> lengths) {
  UNPACT_EXPECT(!lengths.empty() && *std::min_element(lengths.begin(), lengths.end()) > 0);
  SequenceLayout layout;
  layout.lengths_ = std::move(lengths);
  return layout;
}

at::Tensor SequenceLayout::positions(std::int64_t columns, const c10::Device& device) const {
  if (!is_packed()) return at::arange(columns, at::TensorOptions().dtype(at::kLong).device(device));
  std::vector<std::int64_t> positions;
  for (const auto length : lengths_)
    for (std::int64_t t = 0; t < length; ++t) positions.push_back(t);
  UNPACT_EXPECT(static_cast<std::int64_t>(positions.size()) == columns);
  return at::tensor(positions, at::kLong).to(device);
}

std::shared_ptr<AttentionContext> SequenceLayout::context() const {
  if (is_packed()) return std::make_shared<PackedContext>(lengths_);
  return std::make_shared<CausalContext>();
}

}  // namespace unpact
