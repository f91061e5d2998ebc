#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "forms.hpp"

// The vectors below are as wide as AVX-512's; without optimization they would not stay in registers.
#if defined(__x86_64__) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define UNPACT_ROW_PRODUCTS
#endif

namespace unpact::kernels::cpu {

#ifdef UNPACT_ROW_PRODUCTS
namespace {

constexpr std::int64_t kWidth = 16;               // rows of x in one vector
constexpr int kVectors = 2, kOuts = 8;            // of a tile: vectors of rows, outputs
constexpr std::int64_t kPanelBytes = 512 * 1024;  // rows that stay in a core's second-level cache while the weights go by

using Vector = float __attribute__((vector_size(4 * kWidth)));

/// The sums of kOuts weights' rows with vectors of rows of x, each over the inputs in their order. Weights are read where
/// they lie: what is put in order for the vectors are the few rows of x.
template <int outs, int vectors>
inline __attribute__((always_inline)) void multiply(const float* weight, std::int64_t stride, const float* panel,
                                                    std::int64_t inputs, Vector* sums) {
  Vector s[outs][vectors];
  for (int o = 0; o < outs; ++o)
    for (int v = 0; v < vectors; ++v) s[o][v] = Vector{};
  const auto* x = reinterpret_cast<const Vector*>(panel);
  for (std::int64_t i = 0; i < inputs; ++i) {
    for (int o = 0; o < outs; ++o) {
      const float w = weight[o * stride + i];
      for (int v = 0; v < vectors; ++v) s[o][v] += w * x[v * inputs + i];
    }
  }
  for (int o = 0; o < outs; ++o)
    for (int v = 0; v < vectors; ++v) sums[v * outs + o] = s[o][v];
}

#define UNPACT_AVX512 __attribute__((target("avx512f"), noinline))
UNPACT_AVX512 void multiply_two(const float* weight, std::int64_t stride, const float* panel, std::int64_t inputs,
                                Vector* sums) {
  multiply<kOuts, 2>(weight, stride, panel, inputs, sums);
}
UNPACT_AVX512 void multiply_one(const float* weight, std::int64_t stride, const float* panel, std::int64_t inputs,
                                Vector* sums) {
  multiply<kOuts, 1>(weight, stride, panel, inputs, sums);
}
UNPACT_AVX512 void multiply_single(const float* weight, std::int64_t stride, const float* panel, std::int64_t inputs,
                                   Vector* sums) {
  multiply<1, 1>(weight, stride, panel, inputs, sums);
}
#undef UNPACT_AVX512

struct Product {
  const float *x, *weight, *bias;  ///< bias null: none
  float* out;
  std::int64_t rows, inputs, outputs, x_stride, weight_stride, out_stride;
  bool adds;  ///< to what is in out
};

/// Rows of x side by side, kWidth at a time: (rows / kWidth, inputs, kWidth), rows of zeros at the end.
void arrange(const Product& p, std::int64_t first, std::int64_t count, float* panels) {
  for (std::int64_t r = 0; r < count; r += kWidth) {
    float* const panel = panels + r * p.inputs;
    const auto filled = std::min(kWidth, count - r);
    if (filled < kWidth) std::fill(panel, panel + kWidth * p.inputs, 0.0F);
    const float* const x = p.x + (first + r) * p.x_stride;
    for (std::int64_t i = 0; i < p.inputs; ++i)
      for (std::int64_t lane = 0; lane < filled; ++lane) panel[i * kWidth + lane] = x[lane * p.x_stride + i];
  }
}

/// `outs` numbers of one row, which stand kWidth apart, to their place.
template <int outs>
inline __attribute__((always_inline)) void put_row(const Product& p, const float* sums, float* to, const float* bias) {
  float values[outs];
  for (int o = 0; o < outs; ++o) values[o] = sums[o * kWidth];
  for (int o = 0; bias != nullptr && o < outs; ++o) values[o] += bias[o];
  for (int o = 0; p.adds && o < outs; ++o) values[o] += to[o];
  std::copy(values, values + outs, to);
}

/// A tile's sums, (vectors, outs, kWidth), to the rows from `row` and the outputs from `output` on.
void put(const Product& p, const float* sums, std::int64_t row, std::int64_t rows, std::int64_t output, std::int64_t outs) {
  const float* const bias = p.bias == nullptr ? nullptr : p.bias + output;
  for (std::int64_t r = 0; r < rows; ++r) {
    float* const to = p.out + (row + r) * p.out_stride + output;
    const float* const from = sums + r / kWidth * outs * kWidth + r % kWidth;
    if (outs == kOuts) put_row<kOuts>(p, from, to, bias);
    for (std::int64_t o = 0; outs < kOuts && o < outs; ++o)
      put_row<1>(p, from + o * kWidth, to + o, bias == nullptr ? bias : bias + o);
  }
}

/// Asks for memory ahead of its use, a piece at a time.
class Ahead {
 public:
  Ahead(const float* begin, const float* end, std::int64_t pieces)
      : next_(begin), end_(end), piece_((end - begin) / pieces + kLine) {}
  void ask() {
    for (const float* const stop = std::min(end_, next_ + piece_); next_ < stop; next_ += kLine)
      __builtin_prefetch(next_, 0, 1);
  }

 private:
  static constexpr std::int64_t kLine = 16;
  const float *next_, *end_;
  std::int64_t piece_;
};

/// Some outputs, at most kOuts, of rows that were arranged.
void multiply_panels(const Product& p, const float* panels, std::int64_t first, std::int64_t count, std::int64_t output) {
  alignas(64) Vector sums[kVectors * kOuts];
  const auto* const flat = reinterpret_cast<const float*>(sums);
  const float* const weight = p.weight + output * p.weight_stride;
  const auto outs = std::min<std::int64_t>(kOuts, p.outputs - output);
  // Short runs of memory, each a weight's row: the machine does not see by itself where the next ones are.
  const float* const following = weight + outs * p.weight_stride;
  Ahead ahead(following, following + std::min<std::int64_t>(kOuts, p.outputs - output - outs) * p.weight_stride,
              (count + 2 * kWidth - 1) / (2 * kWidth));
  for (std::int64_t r = 0; r < count;) {
    ahead.ask();
    const float* const panel = panels + r * p.inputs;
    const bool two = r + kWidth < count && outs == kOuts;
    const auto rows = std::min(two ? 2 * kWidth : kWidth, count - r);
    if (two) multiply_two(weight, p.weight_stride, panel, p.inputs, sums);
    else if (outs == kOuts) multiply_one(weight, p.weight_stride, panel, p.inputs, sums);
    for (std::int64_t o = 0; outs < kOuts && o < outs; ++o)
      multiply_single(weight + o * p.weight_stride, p.weight_stride, panel, p.inputs, sums + o);
    put(p, flat, first + r, rows, output, outs);
    r += rows;
  }
}

void multiply_rows(const Product& p) {
  const auto most = std::max<std::int64_t>(2 * kWidth, kPanelBytes / 4 / p.inputs / (2 * kWidth) * (2 * kWidth));
  const auto padded = (std::min(most, p.rows) + kWidth - 1) / kWidth * kWidth;
  const auto buffer = at::empty({padded * p.inputs}, at::kFloat);  // LibTorch aligns it to 64 bytes
  auto* const panels = buffer.mutable_data_ptr<float>();
  const auto tiles = (p.outputs + kOuts - 1) / kOuts;
  for (std::int64_t first = 0; first < p.rows; first += most) {
    const auto count = std::min(most, p.rows - first);
    arrange(p, first, count, panels);
    const auto grain = std::max<std::int64_t>(1, (1 << 20) / (kOuts * p.inputs * count));
    at::parallel_for(0, tiles, grain, [&](std::int64_t begin, std::int64_t end) {
      for (auto tile = begin; tile < end; ++tile) multiply_panels(p, panels, first, count, tile * kOuts);
    });
  }
}

}  // namespace

bool has_row_products() {
  static const bool has = __builtin_cpu_supports("avx512f") != 0;
  return has;
}

void row_product(at::Tensor out_RN, const at::Tensor& x_RD, const Projection& projection, bool adds) {
  const auto& [weight_ND, bias_N] = projection;
  const auto bias = bias_N.defined() ? bias_N.contiguous() : at::Tensor();
  multiply_rows({x_RD.const_data_ptr<float>(), weight_ND.const_data_ptr<float>(),
                 bias.defined() ? bias.const_data_ptr<float>() : nullptr, out_RN.mutable_data_ptr<float>(), x_RD.size(0),
                 x_RD.size(1), weight_ND.size(0), x_RD.stride(0), weight_ND.stride(0), out_RN.stride(0), adds});
}

#else

bool has_row_products() { return false; }

void row_product(at::Tensor /*out_RN*/, const at::Tensor& /*x_RD*/, const Projection& /*projection*/, bool /*adds*/) {}

#endif

}  // namespace unpact::kernels::cpu
