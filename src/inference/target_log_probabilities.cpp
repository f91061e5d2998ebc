#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "unpact/model/block_math.hpp"
#include "unpact/kernels/cpu_kernels.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

// A tile's logits are written, and read twice: they should stay in a core's second-level cache.
constexpr std::int64_t kTileRows = 1024, kTileLogits = 1 << 18;

bool fits_tiles(const Transformer& model, const at::Tensor& hidden_RD) {
  return model.reinforced() == nullptr && block_math::fusable(hidden_RD) && model.weights().head_VD.scalar_type() == at::kFloat;
}

/// A logit that is asked for, and the place of its log-probability in the result.
struct Asked {
  std::int64_t row, target;
  std::size_t place;
};

/// Rows first..first+count-1: all tiles of the vocabulary one behind the other, with a running maximum and sum of each row.
/// @param asked of these rows alone.
void score_tiles(const at::Tensor& head_VD, const at::Tensor& hidden_CD, std::int64_t first, std::span<const Asked> asked,
                 std::vector<float>& out) {
  const auto rows = hidden_CD.size(0), vocabulary = head_VD.size(0), width = std::min(vocabulary, kTileLogits / rows);
  std::vector<float> top(static_cast<std::size_t>(rows), std::numeric_limits<float>::lowest()), sum(top.size(), 0.0F);
  const auto buffer = at::empty({rows * width}, hidden_CD.options());
  for (std::int64_t begin = 0; begin < vocabulary; begin += width) {
    const auto count = std::min(width, vocabulary - begin);
    auto logits_CW = buffer.narrow(0, 0, rows * count).view({rows, count});
    at::mm_out(logits_CW, hidden_CD, head_VD.narrow(0, begin, count).t());
    const float* const logits = logits_CW.const_data_ptr<float>();
    cpu::add_exponentials(logits, rows, count, top.data(), sum.data());
    for (const auto& a : asked)
      if (a.target >= begin && a.target < begin + count) out[a.place] = logits[(a.row - first) * count + a.target - begin];
  }
  for (const auto& a : asked) {
    const auto row = static_cast<std::size_t>(a.row - first);
    out[a.place] -= top[row] + std::log(sum[row]);
  }
}

/// @param asked by ascending row.
std::vector<float> score_in_tiles(const Transformer& model, const at::Tensor& hidden_RD, std::span<const Asked> asked) {
  std::vector<float> out(asked.size());
  const auto rows = hidden_RD.size(0), pieces = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const auto first = rows * piece / pieces, end = rows * (piece + 1) / pieces;
    const auto behind = std::find_if(asked.begin(), asked.end(), [&](const Asked& a) { return a.row >= end; });
    const auto count = static_cast<std::size_t>(behind - asked.begin());
    score_tiles(model.weights().head_VD, hidden_RD.narrow(0, first, end - first), first, asked.first(count), out);
    asked = asked.subspan(count);
  }
  return out;
}

/// Logits in the precision of the weights: what reads them computes in float32. With gradients in float32 from here on.
at::Tensor logits_of(const Transformer& model, const at::Tensor& hidden_RD) {
  if (model.reinforced() != nullptr || c10::GradMode::is_enabled()) return model.logits(hidden_RD);
  return at::linear(hidden_RD, model.weights().head_VD);
}

/// Calls visit(first row, logits_RV, log sum exp of each row in float32) for chunks of rows.
template <typename Visit>
void for_logit_chunks(const Transformer& model, const at::Tensor& hidden_RD, std::int64_t row_chunk, const Visit& visit) {
  constexpr std::int64_t mebibyte = 1 << 20;
  const auto row_bytes = 4 * model.config().vocabulary_size;
  if (row_chunk == 0) row_chunk = std::max<std::int64_t>(1, (hidden_RD.is_cpu() ? 32 : 256) * mebibyte / row_bytes);
  for (std::int64_t begin = 0; begin < hidden_RD.size(0); begin += row_chunk) {
    const auto logits_RV = logits_of(model, hidden_RD.narrow(0, begin, std::min(row_chunk, hidden_RD.size(0) - begin)));
    visit(begin, logits_RV, c10::GradMode::is_enabled() ? logits_RV.logsumexp(1) : log_normalizers(logits_RV));
  }
}

}  // namespace

at::Tensor target_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD, const at::Tensor& targets_R,
                                    std::int64_t row_chunk) {
  if (row_chunk == 0 && fits_tiles(model, hidden_RD)) {
    std::vector<Asked> asked;
    const auto contiguous_R = targets_R.contiguous();
    const auto* targets = contiguous_R.const_data_ptr<std::int64_t>();
    for (std::int64_t row = 0; row < contiguous_R.numel(); ++row) asked.push_back({row, targets[row], asked.size()});
    return at::tensor(score_in_tiles(model, hidden_RD, asked), at::kFloat);
  }
  std::vector<at::Tensor> parts;
  for_logit_chunks(model, hidden_RD, row_chunk, [&](std::int64_t begin, const at::Tensor& logits_RV, const at::Tensor& sums_R) {
    const auto targets = targets_R.narrow(0, begin, logits_RV.size(0)).unsqueeze(1);
    parts.push_back(logits_RV.gather(1, targets).squeeze(1) - sums_R);
  });
  return at::cat(parts);
}

std::vector<float> target_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD,
                                            const std::vector<std::int64_t>& rows, const std::vector<TokenId>& targets,
                                            std::int64_t row_chunk) {
  UNPACT_EXPECT(rows.size() == targets.size() && !rows.empty());
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < rows.size(); ++i) asked.push_back({rows[i], targets[i], i});
  std::stable_sort(asked.begin(), asked.end(), [](const Asked& a, const Asked& b) { return a.row < b.row; });
  if (row_chunk == 0 && fits_tiles(model, hidden_RD)) return score_in_tiles(model, hidden_RD, asked);
  std::vector<at::Tensor> parts;
  auto next = asked.begin();
  for_logit_chunks(model, hidden_RD, row_chunk, [&](std::int64_t begin, const at::Tensor& logits_RV, const at::Tensor& sums_R) {
    std::vector<std::int64_t> local_rows, local_targets;
    for (; next != asked.end() && next->row < begin + logits_RV.size(0); ++next) {
      local_rows.push_back(next->row - begin);
      local_targets.push_back(next->target);
    }
    if (local_rows.empty()) return;
    const auto at_rows = to_tensor(local_rows, model.device()), at_targets = to_tensor(local_targets, model.device());
    parts.push_back(logits_RV.index({at_rows, at_targets}) - sums_R.index_select(0, at_rows));
  });
  const auto sorted = at::cat(parts).to(at::kCPU);
  std::vector<float> values(rows.size());
  for (std::size_t i = 0; i < asked.size(); ++i) values[asked[i].place] = sorted.const_data_ptr<float>()[i];
  return values;
}

}  // namespace unpact
