#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/kernels/linear.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/kernels/soft_cap.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

bool fits_tiles(const Transformer& model, const at::Tensor& hidden_RD) {
  return model.reinforced() == nullptr && kernels::tiles_apply(hidden_RD, model.weights().head_VD);
}

std::vector<float> tiled(const Transformer& model, const at::Tensor& hidden_RD,
                         const std::vector<kernels::AskedTarget>& asked) {
  return kernels::tiled_log_probabilities(hidden_RD, model.weights().head_VD, asked, model.config().block.logit_cap);
}

/// Logits in the precision of the weights: what reads them computes in float32. With gradients in float32 from here on.
at::Tensor logits_of(const Transformer& model, const at::Tensor& hidden_RD) {
  if (model.reinforced() != nullptr || c10::GradMode::is_enabled()) return model.logits(hidden_RD);
  count_head(hidden_RD, model.weights().head_VD);
  return kernels::soft_capped(kernels::linear(hidden_RD, {model.weights().head_VD, {}}), model.config().block.logit_cap);
}

/// Calls visit(first row, logits_RV, log sum exp of each row in float32) for chunks of rows.
template <typename Visit>
void for_logit_chunks(const Transformer& model, const at::Tensor& hidden_RD, std::int64_t row_chunk, const Visit& visit) {
  constexpr std::int64_t mebibyte = 1 << 20;
  if (row_chunk == 0)
    row_chunk = kernels::rows_of_logits((hidden_RD.is_cpu() ? 32 : 256) * mebibyte, model.config().vocabulary_size);
  kernels::for_row_chunks(hidden_RD.size(0), row_chunk, [&](std::int64_t begin, std::int64_t count) {
    const auto logits_RV = logits_of(model, hidden_RD.narrow(0, begin, count));
    visit(begin, logits_RV, c10::GradMode::is_enabled() ? logits_RV.logsumexp(1) : kernels::log_normalizers(logits_RV));
  });
}

}  // namespace

at::Tensor target_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD, const at::Tensor& targets_R,
                                    std::int64_t row_chunk) {
  if (row_chunk == 0 && fits_tiles(model, hidden_RD)) {
    count_head(hidden_RD, model.weights().head_VD);
    std::vector<kernels::AskedTarget> asked;
    const auto contiguous_R = targets_R.contiguous();
    const auto* targets = contiguous_R.const_data_ptr<std::int64_t>();
    for (std::int64_t row = 0; row < contiguous_R.numel(); ++row) asked.push_back({row, targets[row], asked.size()});
    return at::tensor(tiled(model, hidden_RD, asked), at::kFloat);
  }
  std::vector<at::Tensor> parts;
  for_logit_chunks(model, hidden_RD, row_chunk,
                   [&](std::int64_t begin, const at::Tensor& logits_RV, const at::Tensor& sums_R) {
                     const auto targets = targets_R.narrow(0, begin, logits_RV.size(0)).unsqueeze(1);
                     parts.push_back(logits_RV.gather(1, targets).squeeze(1) - sums_R);
                   });
  return at::cat(parts);
}

std::vector<float> chosen_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD,
                                            const std::vector<std::int64_t>& rows, const std::vector<TokenId>& targets,
                                            std::int64_t row_chunk) {
  UNPACT_EXPECT(rows.size() == targets.size() && !rows.empty());
  std::vector<kernels::AskedTarget> asked;
  for (std::size_t i = 0; i < rows.size(); ++i) asked.push_back({rows[i], targets[i], i});
  std::stable_sort(asked.begin(), asked.end(),
                   [](const kernels::AskedTarget& a, const kernels::AskedTarget& b) { return a.row < b.row; });
  if (row_chunk == 0 && fits_tiles(model, hidden_RD)) {
    count_head(hidden_RD, model.weights().head_VD);
    return tiled(model, hidden_RD, asked);
  }
  std::vector<at::Tensor> parts;
  auto next = asked.begin();
  for_logit_chunks(
      model, hidden_RD, row_chunk, [&](std::int64_t begin, const at::Tensor& logits_RV, const at::Tensor& sums_R) {
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
