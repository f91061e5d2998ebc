#pragma once
/// What packed attention does with scores on the CPU, for the matrices of one head.
///
/// Legend of shapes: n queries, K keys, d head size.
#include <cstdint>

namespace unpact::kernels::cpu {

/// A row of attention scores that lies in two pieces, with the columns [begin, end) of each that the query may see.
struct ScoreRow {
  float* values[2];
  std::int64_t width[2], begin[2], end[2];
};

/// In place, exp(scale * (score - the largest one)) over the visible columns of both pieces together; the other columns
/// become 0. @param cap of scale * score (ScoreRule::cap). @return their sum, by which softmax would divide.
float exponentials(const ScoreRow& row, float scale, float cap = 0);

/// Rows of a matrix: row r begins at data + r * stride.
struct Rows {
  float* data;
  std::int64_t count, width, stride;
};

/// Divides each row by its divisor.
void divide_rows(const Rows& x, const float* divisors);

/// The two products of attention for so few keys that a library's matrix product takes longer to call than to run.
inline constexpr std::int64_t kSmallKeys = 64;
/// scores = query keys^T. @pre keys.count == scores.width <= kSmallKeys
void small_scores(const Rows& query_nd, const Rows& keys_Kd, const Rows& scores_nK);
/// out = weights values.
void small_mix(const Rows& weights_nK, const Rows& values_Kd, const Rows& out_nd);

}  // namespace unpact::kernels::cpu
