#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "../softmax_rows.hpp"
#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

constexpr std::int64_t kPiece = 1024;  // numbers whose sum is kept while a draw looks for its place
constexpr float kImpossible = 2e-38F;  // exponential() gives less where exp would give 0

/// The sum of those that are not below a threshold.
UNPACT_VECTORIZED float sum_from(const float* x, std::int64_t count, float threshold) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] >= threshold ? x[i + lane] : 0.0F;
  for (; i < count; ++i) sums[0] += x[i] >= threshold ? x[i] : 0.0F;
  return lane_total(sums);
}

/// The largest number from which on the others add up to `mass` or more, found bit by bit, as positive floats are ordered
/// like their bits.
float nucleus_threshold(const float* x, std::int64_t count, float mass) {
  std::uint32_t threshold = 0;
  for (int bit = 29; bit >= 0; --bit) {  // 1.0F, the largest of them, has no bit above
    const auto larger = threshold | (1U << bit);
    if (sum_from(x, count, std::bit_cast<float>(larger)) >= mass) threshold = larger;
  }
  return std::bit_cast<float>(threshold);
}

/// The first place at which the numbers from `threshold` on add up to more than `uniform` of their sum.
std::int64_t draw(const float* x, std::int64_t count, float threshold, double uniform) {
  std::vector<double> sums;
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    sums.push_back(sum_from(x + begin, std::min(kPiece, count - begin), threshold));
    total += sums.back();
  }
  double remaining = uniform * total;
  std::size_t piece = 0;
  while (piece + 1 < sums.size() && remaining >= sums[piece]) remaining -= sums[piece++];
  const auto begin = static_cast<std::int64_t>(piece) * kPiece;
  for (auto i = begin; i < std::min(count, begin + kPiece); ++i) {
    remaining -= x[i] >= threshold ? x[i] : 0.0F;
    if (remaining < 0) return i;
  }
  auto last = std::min(count, begin + kPiece) - 1;  // rounding: what remains is less than any number
  while (last > 0 && !(x[last] >= threshold)) --last;
  return last;
}

/// Calls visit(row, its logits) for every row, by several threads.
template <class Visit>
void for_rows(const at::Tensor& logits_RV, const Visit& visit) {
  auto* const logits = logits_RV.mutable_data_ptr<float>();
  const auto width = logits_RV.size(1);
  at::parallel_for(0, logits_RV.size(0), rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) visit(static_cast<std::size_t>(row), logits + row * width);
  });
}

ChosenTokens room_for(const at::Tensor& logits_RV) {
  const auto rows = static_cast<std::size_t>(logits_RV.size(0));
  return {std::vector<std::int64_t>(rows), std::vector<float>(rows)};
}

}  // namespace

ChosenTokens likeliest_tokens(const at::Tensor& logits_RV) {
  auto chosen = room_for(logits_RV);
  const auto width = logits_RV.size(1);
  for_rows(logits_RV, [&](std::size_t row, float* x) {
    const float top = largest(x, width, kLowest);
    chosen.ids[row] = std::min<std::int64_t>(std::find(x, x + width, top) - x, width - 1);
    chosen.log_probabilities[row] = -std::log(exponential_sum(x, nullptr, width, top, 1.0F));
  });
  return chosen;
}

ChosenTokens drawn_tokens(const at::Tensor& logits_RV, const Draws& draws) {
  auto chosen = room_for(logits_RV);
  const auto width = logits_RV.size(1);
  const auto temperature = static_cast<float>(draws.temperature);
  for_rows(logits_RV, [&](std::size_t row, float* x) {
    const float top = largest(x, width, kLowest);
    const float whole = draws.temperature == 1 ? 0.0F : exponential_sum(x, nullptr, width, top, 1.0F);
    const float sum = exponential_sum(x, x, width, top, 1.0F / temperature);
    const float threshold =
        draws.top_p < 1 ? nucleus_threshold(x, width, static_cast<float>(draws.top_p * static_cast<double>(sum))) : 0.0F;
    const auto id = draw(x, width, std::max(threshold, kImpossible), draws.uniforms[row]);
    chosen.ids[row] = id;
    chosen.log_probabilities[row] = temperature * std::log(x[id]) - std::log(draws.temperature == 1 ? sum : whole);
  });
  return chosen;
}

}  // namespace unpact::kernels::cpu
