#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

/// Weights begin as fresh tensors do: kernels may choose by it.
constexpr std::int64_t kAlignment = 64;

}  // namespace

WeightPieces::WeightPieces(ModelConfig config, const Communicator& group, c10::ScalarType dtype, const c10::Device& device)
    : config_(std::move(config)), rank_(group.rank()), ranks_(group.size()), dtype_(dtype), device_(device),
      pieces_(unit_count(config_)) {}

bool WeightPieces::is_whole(std::size_t unit) const {
  return ranks_ == 1 || unit == unit_of_part(config_, config_.layers + 1);
}

FlatLayout WeightPieces::layout(Weights& weights, std::size_t unit) const {
  std::vector<WeightSpec> specs;
  for (auto& spec : weight_specs(config_, weights))
    if (unit_index(config_, spec.name) == unit) specs.push_back(std::move(spec));
  return lay_out(specs, is_whole(unit) ? 1 : ranks_, kAlignment);
}

void WeightPieces::take(Weights& whole, std::size_t unit) {
  const c10::InferenceMode not_inside(false);
  const c10::NoGradGuard guard;
  const auto flat = layout(whole, unit);
  pieces_[unit] = at::empty({flat.shard}, at::TensorOptions().dtype(dtype_).device(device_));
  copy_range(flat, is_whole(unit) ? 0 : rank_ * flat.shard, pieces_[unit]);
}

void WeightPieces::take_all(Weights whole) {
  for (std::size_t unit = 0; unit < pieces_.size(); ++unit) take(whole, unit);
}

std::string WeightPieces::first_non_finite() const {
  for (std::size_t unit = 0; unit < pieces_.size(); ++unit) {
    Weights shape_only;
    const auto flat = layout(shape_only, unit);
    const auto begin = is_whole(unit) ? 0 : rank_ * flat.shard, end = begin + flat.shard;
    for (const auto& slice : flat.slices) {
      const auto first = std::max(begin, slice.begin), last = std::min(end, slice.begin + slice.size);
      if (first < last && !pieces_[unit].narrow(0, first - begin, last - first).isfinite().all().item<bool>())
        return slice.name;
    }
  }
  return {};
}

std::int64_t WeightPieces::bytes() const {
  std::int64_t sum = 0;
  for (const auto& piece : pieces_) sum += static_cast<std::int64_t>(piece.nbytes());
  return sum;
}

void WeightPieces::change(const std::function<at::Tensor(std::size_t unit, const at::Tensor& piece)>& by) {
  const c10::InferenceMode not_inside(false);
  const c10::NoGradGuard guard;
  for (std::size_t unit = 0; unit < pieces_.size(); ++unit) pieces_[unit] = by(unit, pieces_[unit]);
}

WeightPieces WeightPieces::converted(c10::ScalarType dtype) const {
  const c10::InferenceMode not_inside(false);
  auto copy = *this;
  copy.dtype_ = dtype;
  for (auto& piece : copy.pieces_) piece = piece.to(dtype);
  return copy;
}

}  // namespace unpact
