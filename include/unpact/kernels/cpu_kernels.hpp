#pragma once
/// Row-wise kernels of the forward pass for float32 on the CPU, each in one pass over memory where a composition of
/// tensor operations takes several. They know no gradients. Beside each stands the composition that it equals, which
/// its test compares it with.
///
/// Legend of shapes: R rows, D width of a row, d head size, F MLP width, V vocabulary,
/// n queries, K keys.
#include <cstdint>
#include <span>

namespace unpact::cpu {

/// out = x / sqrt(mean(x^2) + epsilon) * weight, row by row; `out` may be `x`.
void rms_norm(const float* x_RD, const float* weight_D, float* out_RD, std::int64_t rows, std::int64_t width, double epsilon);

/// Rotates every head of every row in place, channel i with channel i + d/2: a' = a cos - b sin, b' = b cos + a sin.
/// Row r uses the angles of row positions[r] of the tables.
void rotate(float* x_RHd, const float* cosine_Pd, const float* sine_Pd, const std::int64_t* positions_R, std::int64_t rows,
            std::int64_t heads, std::int64_t head_dim);

/// out = gate * sigmoid(gate) * up, element by element; `out` may be `gate`.
void silu_product(const float* gate, const float* up, float* out, std::int64_t count);
inline void silu_product(float* gate, const float* up, std::int64_t count) { silu_product(gate, up, gate, count); }

/// log sum exp of each row.
void log_sum_exp(const float* x_RV, float* out_R, std::int64_t rows, std::int64_t width);

/// The same of rows that come in pieces: takes these columns into each row's largest, top_r, and sum_r = sum exp(x - top_r),
/// which begin with lowest() and 0. log sum exp = top + log(sum).
void add_exponentials(const float* x_RW, std::int64_t rows, std::int64_t width, float* top_R, float* sum_R);

/// A row of attention scores that lies in two pieces, with the columns [begin, end) of each that the query may see.
struct ScoreRow {
  float* values[2];
  std::int64_t width[2], begin[2], end[2];
};

/// In place, exp(scale * (score - the largest one)) over the visible columns of both pieces together; the other columns
/// become 0. @return their sum, by which softmax would divide.
float exponentials(const ScoreRow& row, float scale);

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

}  // namespace unpact::cpu
