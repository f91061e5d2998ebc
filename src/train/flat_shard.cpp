#include "flat_shard.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "unpact/core/error.hpp"

namespace unpact {
FlatShard::FlatShard(FlatLayout layout, Collectives& group, c10::ScalarType compute, at::Tensor values, at::Tensor gradients,
                     at::Tensor master)
    : layout_(std::move(layout)), group_(group), compute_(compute), shard_(std::move(values)),
      gradient_shard_(std::move(gradients)), master_(std::move(master)), trained_(gradient_shard_.defined()) {
  const c10::NoGradGuard guard;
  copy_range(layout_, group_.rank() * layout_.shard, shard_);
  if (master_.defined()) copy_range(layout_, group_.rank() * layout_.shard, master_);
  if (is_direct()) {
    full_ = shard_;
    present_ = true;
  } else {
    full_ = at::empty({group_.size() * layout_.shard}, shard_.options().dtype(compute_));
    drop_memory(full_);
  }
  make_views();
}

/// The model must not keep tensors without memory.
FlatShard::~FlatShard() {
  for (const auto& slice : layout_.slices)
    if (std::any_of(views_.begin(), views_.end(), [&](const auto& view) { return view.is_same(*slice.slot); }))
      *slice.slot = is_direct() ? slice.slot->detach() : at::Tensor();
}

bool FlatShard::is_direct() const { return group_.is_alone() && shard_.scalar_type() == compute_; }

at::Tensor FlatShard::own_part(const at::Tensor& shard, const WeightSlice& slice) const {
  const auto begin = group_.rank() * layout_.shard, end = begin + layout_.shard;
  const auto first = std::clamp(slice.begin, begin, end), last = std::clamp(slice.begin + slice.size, begin, end);
  return shard.narrow(0, first - begin, last - first);
}

void FlatShard::make_views() {
  for (const auto& slice : layout_.slices) {
    auto view = full_.narrow(0, slice.begin, slice.size).view(slice.shape).detach();
    view.set_requires_grad(trained());
    views_.push_back(view);
    *slice.slot = view;
  }
}

void FlatShard::start_gather() {
  if (present_ || fresh_.defined()) return;
  const c10::NoGradGuard guard;
  sent_ = shard_.to(compute_);
  if (group_.is_alone()) {
    fresh_ = sent_;
    return;
  }
  fresh_ = at::empty({group_.size() * layout_.shard}, full_.options());
  gathering_ = group_.start_all_gather(fresh_, sent_);
}

void FlatShard::gather() {
  if (present_) return;
  start_gather();
  if (gathering_) gathering_->wait();
  gathering_.reset();
  hand_over_memory(full_, fresh_);
  fresh_ = sent_ = at::Tensor();
  present_ = true;
}

void FlatShard::release() {
  if (is_direct()) return;
  if (fresh_.defined()) gather();  // one that was fetched ahead and not needed
  if (std::exchange(present_, false)) drop_memory(full_);
}

void FlatShard::prepare_gradients() {
  if (!trained() || gradients_.defined()) return;
  gradients_ = group_.is_alone() ? gradient_shard_ : at::zeros({group_.size() * layout_.shard}, gradient_shard_.options());
  if (compute_ != at::kFloat) return;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto& slice = layout_.slices[i];
    views_[i].mutable_grad() = gradients_.narrow(0, slice.begin, slice.size).view(slice.shape);
  }
}

/// Gradients that autograd keeps in tensors of their own (those of bfloat16 weights) are added up in float32.
void FlatShard::collect() {
  const c10::NoGradGuard guard;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto& slice = layout_.slices[i];
    auto& gradient = views_[i].mutable_grad();
    if (!gradient.defined()) continue;
    if (!gradient.is_alias_of(gradients_)) gradients_.narrow(0, slice.begin, slice.size).view(slice.shape).add_(gradient);
    gradient = at::Tensor();
  }
}

void FlatShard::start_reduce(bool counts) {
  if (!trained() || !gradients_.defined()) return;
  UNPACT_EXPECT(counts || !group_.is_alone());
  finish_reduce();
  collect();
  if (!counts) gradients_.zero_();
  if (group_.is_alone()) {
    gradients_ = at::Tensor();
    return;
  }
  received_ = at::empty_like(gradient_shard_);
  reducing_ = group_.start_reduce_scatter(received_, std::exchange(gradients_, at::Tensor()));
}

void FlatShard::finish_reduce() {
  if (!reducing_) return;
  reducing_->wait();
  reducing_.reset();
  const c10::NoGradGuard guard;
  gradient_shard_.add_(received_);
  received_ = at::Tensor();
}

void FlatShard::drop_gradients() {
  for (auto& view : views_) view.mutable_grad() = at::Tensor();
  gradients_ = gradient_shard_ = at::Tensor();
}

/// The weights of a whole vector, each changed in float32, as one of the result's dtype.
at::Tensor FlatShard::changed(const at::Tensor& whole, const ResultOptions& result, const c10::Device& device) const {
  const auto all = at::empty(whole.sizes(), at::TensorOptions().dtype(result.dtype).device(device));
  for (const auto& slice : layout_.slices) {
    const auto weight = whole.narrow(0, slice.begin, slice.size).view(slice.shape).to(at::kFloat);
    all.narrow(0, slice.begin, slice.size).view(slice.shape).copy_(result.change(slice.name, weight));
  }
  return all;
}

at::Tensor FlatShard::whole(const ResultOptions& result) {
  const c10::NoGradGuard guard;
  release();
  const auto stored = master_.defined() ? master_.to(shard_.device()) : shard_;
  auto all = stored;
  if (!group_.is_alone()) {
    all = at::empty({group_.size() * layout_.shard}, stored.options());
    group_.all_gather(all, stored);
  }
  const bool keeps = result.keeper < 0 || result.keeper == group_.rank();
  const auto device = result.keeper < 0 ? all.device() : c10::Device(at::kCPU);
  if (!keeps) return {};
  return trained_ && result.change ? changed(all, result, device) : all.to(device, result.dtype);
}

at::Tensor FlatShard::weight_in(const at::Tensor& whole, const WeightSlice& slice) {
  return whole.defined() ? whole.narrow(0, slice.begin, slice.size).view(slice.shape) : at::Tensor();
}

void FlatShard::restore(const ResultOptions& result) {
  const c10::NoGradGuard guard;
  const auto all = whole(result);
  views_.clear();
  for (const auto& slice : layout_.slices) *slice.slot = weight_in(all, slice);
}

}  // namespace unpact
