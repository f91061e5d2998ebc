#include "unpact/train/sharded_model.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <map>

#include "adapter_scope.hpp"
#include "deterministic.hpp"
#include "flat_shard.hpp"
#include "unpact/model/model_units.hpp"
#include "part_node.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/graph_only.hpp"

namespace unpact {

struct ShardedModel::Unit {
  std::string name;
  std::vector<std::unique_ptr<FlatShard>> flats;  // trained weights, frozen ones
  std::vector<std::int64_t> orders;               // of the trained weights, among all of the model
  int open = 0;                                   // forward passes whose backward pass is to come
  bool trained() const {
    return std::any_of(flats.begin(), flats.end(), [](const auto& flat) { return flat->trained(); });
  }
};

namespace {

struct UnitSpecs {
  std::vector<WeightSpec> trained, frozen;
  std::vector<std::int64_t> orders;
};

std::vector<UnitSpecs> group_by_unit(Transformer& model, const std::function<bool(const std::string&)>& selected) {
  const auto& config = model.config();
  std::vector<UnitSpecs> units(unit_count(config));
  std::int64_t order = 0;
  for (auto& spec : weight_specs(config, model.weights())) {
    auto& unit = units[unit_index(config, spec.name)];
    (selected(spec.name) ? unit.trained : unit.frozen).push_back(spec);
    if (selected(spec.name)) unit.orders.push_back(order);
    ++order;
  }
  return units;
}

/// That of all slots, or float32.
c10::ScalarType common_dtype(const FlatLayout& layout) {
  const auto first = layout.slices.front().slot->scalar_type();
  const auto same = [&](const auto& slice) { return slice.slot->scalar_type() == first; };
  return std::all_of(layout.slices.begin(), layout.slices.end(), same) ? first : at::kFloat;
}

void tie_head(const ModelConfig& config, Weights& weights) {
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
}

void tie_head(Transformer& model) { tie_head(model.config(), model.weights()); }

}  // namespace

ShardedModel::ShardedModel(Transformer& model, const std::function<bool(const std::string&)>& selected, Collectives& group,
                           const ShardOptions& options)
    : model_(model), group_(group), options_(options), layers_(model.config().layers) {
  const auto units = group_by_unit(model, selected);
  std::int64_t total = 0;
  for (const auto& unit : units) total += lay_out(unit.trained, group.size()).shard;
  UNPACT_VALIDATE(total > 0, "no weight is trained", "the selection by name matches none of the model's weights",
                  "check the names of the trained weights and the model's number of layers");
  allocate(total);
  for (std::size_t u = 0; u < units.size(); ++u) {
    auto unit = std::make_unique<Unit>();
    unit->name = unit_name(model.config(), u);
    unit->orders = units[u].orders;
    if (!units[u].trained.empty()) add_trained(*unit, lay_out(units[u].trained, group.size()));
    if (!units[u].frozen.empty()) add_frozen(*unit, lay_out(units[u].frozen, group.size()));
    units_.push_back(std::move(unit));
  }
  tie_head(model);
  if (is_plain())
    for (auto& unit : units_)
      for (auto& flat : unit->flats) flat->prepare_gradients();
  else model.set_runner(this);
}

void ShardedModel::allocate(std::int64_t total) {
  const auto where = options_.device.value_or(model_.device());
  const auto device = at::TensorOptions().device(where);
  working_ = at::empty({total}, device.dtype(options_.offload ? options_.compute : options_.master));
  values_ = working_;
  if (options_.offload)
    values_ = at::empty({total}, at::TensorOptions().dtype(options_.master).pinned_memory(where.is_cuda()));
  gradients_ = at::zeros({total}, device.dtype(at::kFloat));
}

void ShardedModel::add_trained(Unit& unit, const FlatLayout& layout) {
  const auto begin = pieces_.empty() ? 0 : pieces_.back().begin + pieces_.back().shard;
  pieces_.push_back({unit.name, layout.size, layout.shard, begin});
  const auto piece = [&](const at::Tensor& whole) { return whole.narrow(0, begin, layout.shard); };
  unit.flats.push_back(std::make_unique<FlatShard>(layout, group_, options_.compute, piece(working_), piece(gradients_),
                                                   options_.offload ? piece(values_) : at::Tensor()));
}

void ShardedModel::add_frozen(Unit& unit, const FlatLayout& layout) {
  auto kept = layout.slices.front().slot->options();
  if (options_.device)
    kept = at::TensorOptions().device(*options_.device).dtype(options_.as_stored ? common_dtype(layout) : at::kFloat);
  is_direct_ = is_direct_ && c10::typeMetaToScalarType(kept.dtype()) == options_.compute;
  unit.flats.push_back(
      std::make_unique<FlatShard>(layout, group_, options_.compute, at::empty({layout.shard}, kept), at::Tensor()));
}

ShardedModel::~ShardedModel() {
  model_.set_runner(nullptr);
  units_.clear();
  tie_head(model_);
}

/// One rank with its weights as they are needs neither gathering nor nodes: autograd adds to gradients() by itself.
bool ShardedModel::is_plain() const {
  const bool own_scopes = options_.deterministic && working_.is_cuda();
  return group_.is_alone() && is_direct_ && !own_scopes && !options_.recompute && options_.compute == at::kFloat &&
         working_.scalar_type() == at::kFloat;
}

bool ShardedModel::wants_deterministic(std::int64_t part) const {
  return options_.deterministic && working_.is_cuda() && part >= 1 && part <= layers_;
}

ShardedModel::Unit& ShardedModel::unit_of(std::int64_t part) { return *units_[unit_of_part(model_.config(), part)]; }

void ShardedModel::hold(Unit& unit) {
  for (auto& flat : unit.flats) flat->start_gather();
  for (auto& flat : unit.flats) flat->gather();
}

void ShardedModel::fetch_ahead(std::int64_t part) {
  for (auto& flat : unit_of(part).flats) flat->start_gather();
}

void ShardedModel::release(Unit& unit) {
  if (options_.keep_gathered) return;
  for (auto& flat : unit.flats) flat->release();
}

void ShardedModel::reduce(Unit& unit) {
  if (reducing_ != nullptr)
    for (auto& flat : reducing_->flats) flat->finish_reduce();
  for (auto& flat : unit.flats) flat->start_reduce(pass_counts_);
  reducing_ = &unit;
}

at::Tensor ShardedModel::run(std::int64_t part, std::int64_t last, const at::Tensor& input, const Compute& compute) {
  auto& unit = unit_of(part);
  const bool is_block = part >= 1 && part <= layers_, is_head = part == layers_ + 1;
  const bool stays = is_head || (part == 0 && last == layers_ + 1 && &unit_of(last) == &unit);
  hold(unit);
  if (part < last) fetch_ahead(part + 1);
  at::Tensor output;
  if (c10::GradMode::is_enabled() && (input.requires_grad() || unit.trained())) {
    ++unit.open;
    if (is_head) prepare(unit);  // the logits' gradients come first
    const DeterministicScope scope(wants_deterministic(part));
    output = run_as_node(part, input, compute, !is_block || !options_.recompute,
                         [this](PartPass& pass, const at::Tensor& gradient) { return backward(pass, gradient); });
  } else {
    const c10::NoGradGuard guard;
    output = compute(input);
  }
  if (!stays) release(unit);
  return output;
}

void ShardedModel::prepare(Unit& unit) {
  for (auto& flat : unit.flats) flat->prepare_gradients();
}

at::Tensor ShardedModel::backward(PartPass& pass, const at::Tensor& output_gradient) {
  auto& unit = unit_of(pass.part);
  const bool is_block = pass.part >= 1 && pass.part <= layers_;
  if (pass.part != 0) hold(unit);  // the embedding's gradient does not need its weights
  if (pass.part >= 2 && pass.input.requires_grad()) fetch_ahead(pass.part - 1);
  const DeterministicScope scope(wants_deterministic(pass.part));
  if (!pass.output.defined()) {
    const GraphOnly nobody_reads_the_output;
    pass.recompute();
  }
  prepare(unit);
  auto input_gradient = pass.differentiate(output_gradient);
  --unit.open;
  if (is_block || unit.open == 0) {
    reduce(unit);
    release(unit);
  }
  return input_gradient;
}

void ShardedModel::finish_pass() {
  if (is_plain()) return;
  for (auto unit = units_.rbegin(); unit != units_.rend(); ++unit) {
    reduce(**unit);
    release(**unit);
    (*unit)->open = 0;
  }
  for (auto& flat : reducing_->flats) flat->finish_reduce();
  reducing_ = nullptr;
}

void ShardedModel::begin_pass(bool counts) { pass_counts_ = counts; }

void ShardedModel::finish_step() {
  for (auto& unit : units_)
    for (auto& flat : unit->flats) flat->release();
}

std::string ShardedModel::first_non_finite_gradient() {
  auto first = std::numeric_limits<std::int64_t>::max();
  std::map<std::int64_t, std::string> names;
  for (auto& unit : units_) {
    for (auto& flat : unit->flats) {
      if (!flat->trained()) continue;
      for (std::size_t i = 0; i < unit->orders.size(); ++i) {
        const auto& slice = flat->layout().slices[i];
        names[unit->orders[i]] = slice.name;
        if (!flat->gradient_of(slice).isfinite().all().item<bool>()) first = std::min(first, unit->orders[i]);
      }
    }
  }
  return smallest_of_all(first, names);
}

std::string ShardedModel::first_non_finite_weight() {
  auto first = std::numeric_limits<std::int64_t>::max();
  std::map<std::int64_t, std::string> names;
  for (auto& unit : units_) {
    for (auto& flat : unit->flats) {
      for (const auto& slice : flat->layout().slices) {
        const auto order = static_cast<std::int64_t>(names.size());
        names[order] = slice.name;
        if (!flat->weight_of(slice).isfinite().all().item<bool>()) first = std::min(first, order);
      }
    }
  }
  return smallest_of_all(first, names);
}

/// The name of the smallest number that any rank has; collective.
std::string ShardedModel::smallest_of_all(std::int64_t mine, const std::map<std::int64_t, std::string>& names) {
  const auto sent = at::full({1}, mine, at::TensorOptions().dtype(at::kLong).device(gradients_.device()));
  auto all = at::empty({group_.size()}, sent.options());
  group_.all_gather(all, sent);
  const auto found = names.find(all.min().item<std::int64_t>());
  return found == names.end() ? std::string() : found->second;
}

void ShardedModel::drop_gradients() {
  for (auto& unit : units_)
    for (auto& flat : unit->flats) flat->drop_gradients();
  gradients_ = at::Tensor();
}

Weights ShardedModel::give(const ResultOptions& result) {
  const auto& config = model_.config();
  Weights weights;
  std::map<std::string, at::Tensor*> slots;
  for (const auto& spec : weight_specs(config, weights)) slots[spec.name] = spec.slot;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    for (auto& flat : units_[u]->flats) {
      const auto whole = flat->whole(before_merging(config, result));
      for (const auto& slice : flat->layout().slices) *slots.at(slice.name) = flat->weight_in(whole, slice);
    }
    merge_adapters(config, weights, u, result);
    result.hand_over(config, weights, u);
  }
  tie_head(config, weights);
  return weights;
}

void ShardedModel::restore(const ResultOptions& result) {
  model_.set_runner(nullptr);
  for (std::size_t u = 0; u < units_.size(); ++u) {
    for (auto& flat : units_[u]->flats) flat->restore(before_merging(model_.config(), result));
    merge_adapters(model_.config(), model_.weights(), u, result);
    result.hand_over(model_.config(), model_.weights(), u);
  }
  tie_head(model_);
}

}  // namespace unpact
