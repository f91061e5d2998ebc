#include "gather_rounds.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <exception>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

/// Collectives move numbers of 16 bits as bfloat16, whatever they mean.
at::Tensor as_moved(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf ? tensor.view(at::kBFloat16) : tensor;
}

}  // namespace

GatheredUnit::GatheredUnit(const FlatLayout& layout, at::Tensor piece, Collectives& group)
    : piece_(std::move(piece)), group_(group) {
  full_ = at::empty({group.size() * layout.shard}, piece_.options());
  drop_memory(full_);
  fill(layout, full_);
}

void GatheredUnit::fill(const FlatLayout& layout, const at::Tensor& flat) {
  for (const auto& slice : layout.slices) *slice.slot = flat.narrow(0, slice.begin, slice.size).view(slice.shape);
}

void GatheredUnit::start() {
  fresh_ = at::empty_like(as_moved(full_));
  gathering_ = group_.start_all_gather(fresh_, as_moved(piece_));
}

void GatheredUnit::finish() {
  gathering_->wait();
  gathering_.reset();
  hand_over_memory(full_, fresh_);
  fresh_ = at::Tensor();
}

std::shared_ptr<GatherRounds> GatherRounds::over(const Communicator& group, const c10::Device& device) {
  if (group.size() == 1) return nullptr;
  if (auto* known = dynamic_cast<GatherRounds*>(group.duty())) {
    UNPACT_EXPECT(known->device_ == device);
    return known->shared_from_this();
  }
  return std::make_shared<GatherRounds>(group, device, make_collectives(group, device));
}

template <class Step>
void GatherRounds::careful(const Step& step) {
  if (broken_)
    throw RuntimeFailure("the weights of a model on shards cannot be gathered", "an earlier gather failed",
                         "look for an earlier error of another rank");
  broken_ = true;
  step();
  broken_ = false;
}

int GatherRounds::add(Units units) {
  serve();
  const int model = models_.empty() ? 0 : models_.rbegin()->first + 1;
  models_[model] = std::move(units);
  return model;
}

void GatherRounds::remove(int model) {
  if (std::uncaught_exceptions() == 0) {
    try {
      serve();
    } catch (const std::exception& error) {
      log::warn(concat("a model on shards could not be left together: ", error.what()));
    }
  }
  release();
  round_.clear();
  next_ = started_ = 0;
  models_.erase(model);
}

void GatherRounds::begin(const std::map<int, std::size_t>& counts) {
  if (std::ranges::all_of(counts, [](const auto& count) { return count.second == 0; })) return;  // nothing to gather
  careful([&] {
    finish_round();
    agree(counts);
  });
}

void GatherRounds::hold(int model, std::size_t unit) {
  const auto place = first_of_.at(model) + unit;
  UNPACT_EXPECT(place + 1 >= next_ && place < round_.size());  // in their order, within the round
  careful([&] {
    while (next_ <= place) advance();
  });
}

void GatherRounds::release() {
  if (held_ != nullptr) held_->release();
  held_ = nullptr;
}

void GatherRounds::end() {
  careful([&] { finish_round(); });
}

void GatherRounds::serve() {
  if (broken_) return;
  careful([&] {
    do {
      finish_round();
      agree({});
    } while (!round_.empty());
  });
}

/// How many units of each model any rank needs.
void GatherRounds::agree(const std::map<int, std::size_t>& counts) {
  std::vector<std::int64_t> mine;
  for (const auto& [model, units] : models_) {
    const auto wanted = counts.find(model);
    mine.push_back(wanted == counts.end() ? 0 : static_cast<std::int64_t>(wanted->second));
  }
  round_.clear();
  next_ = started_ = 0;
  if (mine.empty()) return;
  const auto given = at::tensor(mine, at::kLong).to(device_);
  auto all = at::empty({line_->size() * given.numel()}, given.options());
  line_->all_gather(all, given);
  const auto most = all.view({line_->size(), -1}).amax(0).to(at::kCPU);
  std::int64_t place = 0;
  for (auto& [model, units] : models_) {
    first_of_[model] = round_.size();
    for (std::int64_t unit = 0; unit < most[place].item<std::int64_t>(); ++unit)
      round_.push_back(units[static_cast<std::size_t>(unit)].get());
    ++place;
  }
}

void GatherRounds::start_up_to(std::size_t end) {
  for (; started_ < std::min(end, round_.size()); ++started_) round_[started_]->start();
}

/// On to the next unit, in whose computation the one after it comes.
void GatherRounds::advance() {
  release();
  start_up_to(next_ + 1);
  held_ = round_[next_++];
  held_->finish();
  start_up_to(next_ + 1);
}

void GatherRounds::finish_round() {
  while (next_ < round_.size()) advance();
  release();
}

}  // namespace unpact
