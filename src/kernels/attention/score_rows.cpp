#include <algorithm>
#include <cmath>

#include "../softmax_rows.hpp"
#include "../vectorized.hpp"
#include "score_rows.hpp"

namespace unpact::kernels::cpu {
namespace {

/// A query's scores with kLanes keys, whose numbers stand side by side: column c of `keys_dL` holds number c of each.
UNPACT_VECTORIZED void lane_scores(const float* query, const float* keys_dL, std::int64_t d, float* scores) {
  float sums[kLanes] = {};
  for (std::int64_t c = 0; c < d; ++c)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += query[c] * keys_dL[c * kLanes + lane];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) scores[lane] = sums[lane];
}

/// kLanes numbers of a row of weights values.
UNPACT_VECTORIZED void lane_mix(const float* weights, const Rows& values, float* out) {
  float sums[kLanes] = {};
  for (std::int64_t k = 0; k < values.count; ++k)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += weights[k] * values.data[k * values.stride + lane];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) out[lane] = sums[lane];
}

void mix_number(const float* weights, const Rows& values, std::int64_t column, float* out) {
  float sum = 0;
  for (std::int64_t k = 0; k < values.count; ++k) sum += weights[k] * values.data[k * values.stride + column];
  out[column] = sum;
}

}  // namespace

void small_scores(const Rows& query_nd, const Rows& keys_Kd, const Rows& scores_nK) {
  constexpr std::int64_t kColumns = 256;  // of a key that are turned at a time
  float turned_cL[kColumns * kLanes], sums[kLanes];
  for (std::int64_t key = 0; key < keys_Kd.count; key += kLanes) {
    const auto keys = std::min(kLanes, keys_Kd.count - key);
    for (std::int64_t first = 0; first < query_nd.width; first += kColumns) {
      const auto columns = std::min(kColumns, query_nd.width - first);
      for (std::int64_t lane = 0; lane < kLanes; ++lane)
        for (std::int64_t c = 0; c < columns; ++c)
          turned_cL[c * kLanes + lane] = lane < keys ? keys_Kd.data[(key + lane) * keys_Kd.stride + first + c] : 0.0F;
      for (std::int64_t n = 0; n < query_nd.count; ++n) {
        lane_scores(query_nd.data + n * query_nd.stride + first, turned_cL, columns, sums);
        float* const scores = scores_nK.data + n * scores_nK.stride + key;
        for (std::int64_t lane = 0; lane < keys; ++lane) scores[lane] = first == 0 ? sums[lane] : scores[lane] + sums[lane];
      }
    }
  }
}

void small_mix(const Rows& weights_nK, const Rows& values_Kd, const Rows& out_nd) {
  for (std::int64_t n = 0; n < weights_nK.count; ++n) {
    const float* const weights = weights_nK.data + n * weights_nK.stride;
    float* const out = out_nd.data + n * out_nd.stride;
    std::int64_t column = 0;
    for (; column + kLanes <= out_nd.width; column += kLanes)
      lane_mix(weights, {values_Kd.data + column, values_Kd.count, kLanes, values_Kd.stride}, out + column);
    for (; column < out_nd.width; ++column) mix_number(weights, values_Kd, column, out);
  }
}

float exponentials(const ScoreRow& row, float scale, float cap) {
  float top = kLowest, sum = 0;
  for (int piece = 0; piece < 2 && cap > 0; ++piece) {
    for (auto k = row.begin[piece]; k < row.end[piece]; ++k)
      row.values[piece][k] = cap * std::tanh(scale * row.values[piece][k] / cap);
  }
  if (cap > 0) scale = 1;
  for (int piece = 0; piece < 2; ++piece)
    top = largest(row.values[piece] + row.begin[piece], row.end[piece] - row.begin[piece], top);
  for (int piece = 0; piece < 2; ++piece) {
    float* const values = row.values[piece];
    float* const seen = values + row.begin[piece];
    sum += exponential_sum(seen, seen, row.end[piece] - row.begin[piece], top, scale);
    std::fill(values, seen, 0.0F);
    std::fill(values + row.end[piece], values + row.width[piece], 0.0F);
  }
  return sum;
}

void divide_rows(const Rows& x, const float* divisors) {
  for (std::int64_t r = 0; r < x.count; ++r) multiply(x.data + r * x.stride, x.width, 1.0F / divisors[r]);
}

}  // namespace unpact::kernels::cpu
