#include <ATen/ATen.h>

#include <cmath>

#include "../softmax_rows.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/matrix_product.hpp"
#include "unpact/kernels/soft_cap.hpp"

namespace unpact::kernels {
namespace {

// A tile's logits are written, and read twice: they should stay in a core's second-level cache. Tiles of few widths: products of a new
// shape cost more than others.
constexpr std::int64_t kTileRows = 1024, kTileLogits = 1 << 18, kRowStep = 16;

std::int64_t tile_width(std::int64_t rows) { return kTileLogits / ((rows + kRowStep - 1) / kRowStep * kRowStep); }

/// Rows first..first+count-1: all tiles of the vocabulary one after the other, with a running maximum and sum of each row.
/// @param asked of these rows alone.
void score_tiles(const at::Tensor& head_VD, const at::Tensor& hidden_CD, std::int64_t first,
                 std::span<const AskedTarget> asked, double cap, std::vector<float>& out) {
  const auto rows = hidden_CD.size(0), vocabulary = head_VD.size(0), width = std::min(vocabulary, tile_width(rows));
  std::vector<float> top(static_cast<std::size_t>(rows), cpu::kLowest), sum(top.size(), 0.0F);
  const auto buffer = at::empty({rows * width}, hidden_CD.options());
  for (std::int64_t begin = 0; begin < vocabulary; begin += width) {
    const auto count = std::min(width, vocabulary - begin);
    auto logits_CW = buffer.narrow(0, 0, rows * count).view({rows, count});
    multiply_rows(logits_CW, hidden_CD, head_VD.narrow(0, begin, count).t());
    soft_cap_in_place(logits_CW, cap);
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

}  // namespace

std::vector<float> tiled_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD,
                                           std::span<const AskedTarget> asked, double cap) {
  UNPACT_EXPECT(tiles_apply(hidden_RD, head_VD));
  std::vector<float> out(asked.size());
  const auto rows = hidden_RD.size(0), pieces = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const auto first = rows * piece / pieces, end = rows * (piece + 1) / pieces;
    const auto after = std::find_if(asked.begin(), asked.end(), [&](const AskedTarget& a) { return a.row >= end; });
    const auto count = static_cast<std::size_t>(after - asked.begin());
    score_tiles(head_VD, hidden_RD.narrow(0, first, end - first), first, asked.first(count), cap, out);
    asked = asked.subspan(count);
  }
  return out;
}

}  // namespace unpact::kernels
