#include "unpact/model/sharded_replica.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>

#include "unpact/comm/collectives.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/model/model_units.hpp"

namespace unpact {
namespace {

/// Collectives move numbers of 16 bits as bfloat16, whatever they mean.
at::Tensor as_moved(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf ? tensor.view(at::kBFloat16) : tensor;
}

/// A unit whose weights come and go.
class GatheredUnit {
 public:
  /// Fills the slots with views of a storage that has no memory yet.
  GatheredUnit(const FlatLayout& layout, at::Tensor piece, Collectives& group) : piece_(std::move(piece)), group_(group) {
    full_ = at::empty({group.size() * layout.shard}, piece_.options());
    drop_memory(full_);
    fill(layout, full_);
  }

  static void fill(const FlatLayout& layout, const at::Tensor& flat) {
    for (const auto& slice : layout.slices) *slice.slot = flat.narrow(0, slice.begin, slice.size).view(slice.shape);
  }

  void start() {
    fresh_ = at::empty_like(as_moved(full_));
    gathering_ = group_.start_all_gather(fresh_, as_moved(piece_));
  }
  void finish() {
    gathering_->wait();
    gathering_.reset();
    hand_over_memory(full_, fresh_);
    fresh_ = at::Tensor();
  }
  void release() { drop_memory(full_); }

 private:
  at::Tensor piece_, full_, fresh_;
  Collectives& group_;
  std::unique_ptr<PendingCollective> gathering_;
};

/// The gathers of all sharded models over a group, in rounds: every rank gathers the same units in the same order.
class Rounds final : public Communicator::Duty, public std::enable_shared_from_this<Rounds> {
 public:
  using Units = std::vector<std::unique_ptr<GatheredUnit>>;

  /// @param line of the group, made before: that is collective, too.
  Rounds(const Communicator& group, const c10::Device& device, std::unique_ptr<Collectives> line)
      : Duty(group), device_(device), line_(std::move(line)) {}

  /// Those of the group, begun with its first sharded model. Collective.
  static std::shared_ptr<Rounds> over(const Communicator& group, const c10::Device& device) {
    if (group.size() == 1) return nullptr;
    if (auto* known = dynamic_cast<Rounds*>(group.duty())) {
      UNPACT_EXPECT(known->device_ == device);
      return known->shared_from_this();
    }
    return std::make_shared<Rounds>(group, device, make_collectives(group, device));
  }

  Collectives& line() { return *line_; }

  /// A model's gathered units join, and leave. Collective.
  int add(Units units) {
    serve();
    const int model = models_.empty() ? 0 : models_.rbegin()->first + 1;
    models_[model] = std::move(units);
    return model;
  }
  void remove(int model) {
    if (std::uncaught_exceptions() == 0) {
      try {
        serve();
      } catch (const std::exception& error) {
        log::warn(concat("a sharded model could not be left together: ", error.what()));
      }
    }
    release();
    round_.clear();
    next_ = started_ = 0;
    models_.erase(model);
  }

  /// Begins this rank's pass over the first so many units of a model. Collective, with the others' begin() or serve().
  void begin(const std::map<int, std::size_t>& counts) {
    if (std::ranges::all_of(counts, [](const auto& count) { return count.second == 0; })) return;  // nothing to gather
    careful([&] {
      finish_round();
      agree(counts);
    });
  }

  /// The unit's weights are there when this returns, and the next ones on their way.
  void hold(int model, std::size_t unit) {
    const auto place = first_of_.at(model) + unit;
    UNPACT_EXPECT(place + 1 >= next_ && place < round_.size());  // in their order, within the round
    careful([&] {
      while (next_ <= place) advance();
    });
  }

  void release() {
    if (held_ != nullptr) held_->release();
    held_ = nullptr;
  }

  /// This rank's pass is over: the others' go on.
  void end() {
    careful([&] { finish_round(); });
  }

  /// Takes part in the others' passes until no rank has one.
  void do_before_collective() override { serve(); }

 private:
  void serve() {
    if (broken_) return;
    careful([&] {
      do {
        finish_round();
        agree({});
      } while (!round_.empty());
    });
  }

  /// After a failure of the line nobody waits on it any more.
  template <class Step>
  void careful(const Step& step) {
    if (broken_) throw RuntimeFailure("the weights of a sharded model cannot be gathered", "an earlier gather failed", "");
    broken_ = true;
    step();
    broken_ = false;
  }

  /// How many units of each model any rank needs.
  void agree(const std::map<int, std::size_t>& counts) {
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

  void start_up_to(std::size_t end) {
    for (; started_ < std::min(end, round_.size()); ++started_) round_[started_]->start();
  }

  /// On to the next unit, in whose computation the one after it comes.
  void advance() {
    release();
    start_up_to(next_ + 1);
    held_ = round_[next_++];
    held_->finish();
    start_up_to(next_ + 1);
  }

  void finish_round() {
    while (next_ < round_.size()) advance();
    release();
  }

  c10::Device device_;
  std::unique_ptr<Collectives> line_;
  std::map<int, Units> models_;
  std::vector<GatheredUnit*> round_;
  std::map<int, std::size_t> first_of_;    // of a model in the round
  std::size_t next_ = 0, started_ = 0;     // of the round: what is to be held next, what is to be started next
  GatheredUnit* held_ = nullptr;
  bool broken_ = false;
};

/// Runs one model's parts; of two models those of the second follow in the same round.
class ReplicaRunner final : public PartRunner {
 public:
  /// @param rounds null: every unit stays.
  ReplicaRunner(std::shared_ptr<Rounds> rounds, WeightPieces pieces)
      : rounds_(std::move(rounds)), pieces_(std::move(pieces)) {}
  ~ReplicaRunner() override {
    if (rounds_ != nullptr && model_ >= 0) rounds_->remove(model_);
  }
  ReplicaRunner(const ReplicaRunner&) = delete;
  ReplicaRunner& operator=(const ReplicaRunner&) = delete;

  /// The model's weights: whole, or as views that have memory while their unit is held. Collective.
  Weights place() {
    const auto& config = pieces_.config();
    Weights weights;
    Rounds::Units units;
    for (std::size_t unit = 0; unit < unit_count(config); ++unit) {
      const auto layout = pieces_.layout(weights, unit);
      UNPACT_EXPECT(pieces_.piece(unit).defined());
      gathered_.emplace_back();
      if (pieces_.is_whole(unit)) {
        GatheredUnit::fill(layout, pieces_.piece(unit));
      } else {
        gathered_.back() = units.size();
        units.push_back(std::make_unique<GatheredUnit>(layout, pieces_.piece(unit), rounds_->line()));
      }
    }
    if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
    if (rounds_ != nullptr) model_ = rounds_->add(std::move(units));
    return weights;
  }

  /// A pass through all of this model goes on through all of the second one.
  void go_on_with(ReplicaRunner& second) {
    second_ = &second;
    second.is_second_ = true;
  }

  const WeightPieces& pieces() const { return pieces_; }

  at::Tensor run(std::int64_t part, std::int64_t last, const at::Tensor& input, const Compute& compute) override {
    if (rounds_ == nullptr) return compute(input);
    UNPACT_EXPECT(!(c10::GradMode::is_enabled() && input.requires_grad()));
    const bool goes_on = second_ != nullptr && last == pieces_.config().layers + 1;
    if (part == 0 && !is_second_) {
      std::map<int, std::size_t> counts = {{model_, end_of(last)}};
      if (goes_on) counts[second_->model_] = second_->end_of(last);
      rounds_->begin(counts);
    }
    const auto unit = gathered_[unit_of_part(pieces_.config(), part)];
    if (unit) rounds_->hold(model_, *unit);
    auto output = compute(input);
    if (unit) rounds_->release();
    if (part == last && !goes_on) rounds_->end();
    return output;
  }

 private:
  /// How many of the gathered units a pass needs that ends with part `last`.
  std::size_t end_of(std::int64_t last) const {
    std::size_t end = 0;
    for (std::int64_t part = 0; part <= last; ++part)
      if (const auto unit = gathered_[unit_of_part(pieces_.config(), part)]) end = std::max(end, *unit + 1);
    return end;
  }

  std::shared_ptr<Rounds> rounds_;
  WeightPieces pieces_;
  std::vector<std::optional<std::size_t>> gathered_;  // one a unit; none: it stays
  int model_ = -1;                                    // among those of the rounds
  ReplicaRunner* second_ = nullptr;
  bool is_second_ = false;
};

struct Placed {
  std::shared_ptr<ReplicaRunner> runner;
  Transformer model;
};

Placed placed(const std::shared_ptr<Rounds>& rounds, WeightPieces pieces) {
  const c10::InferenceMode not_inside(false);
  const auto config = pieces.config();
  auto runner = std::make_shared<ReplicaRunner>(rounds, std::move(pieces));
  Transformer model(config, runner->place());
  model.keep_runner(runner);
  return {std::move(runner), std::move(model)};
}

const ReplicaRunner* runner_of(const Transformer& model) { return dynamic_cast<const ReplicaRunner*>(model.runner()); }

}  // namespace

Transformer sharded_transformer(const Communicator& group, WeightPieces pieces) {
  const auto rounds = Rounds::over(group, pieces.device());
  return placed(rounds, std::move(pieces)).model;
}

Transformer sharded_transformer(const Communicator& group, WeightPieces pieces, WeightPieces reinforced, double scale) {
  const auto rounds = Rounds::over(group, pieces.device());
  auto first = placed(rounds, std::move(pieces)), second = placed(rounds, std::move(reinforced));
  first.runner->go_on_with(*second.runner);
  first.model.contrast_with(std::make_shared<const Transformer>(std::move(second.model)), scale);
  return std::move(first.model);
}

bool is_sharded(const Transformer& model) { return runner_of(model) != nullptr; }

Transformer sharded_in(const Communicator& group, const Transformer& model, c10::ScalarType dtype) {
  UNPACT_EXPECT(is_sharded(model));
  auto pieces = runner_of(model)->pieces().converted(dtype);
  if (model.reinforced() == nullptr) return sharded_transformer(group, std::move(pieces));
  return sharded_transformer(group, std::move(pieces), runner_of(*model.reinforced())->pieces().converted(dtype),
                             model.contrast_scale());
}

Weights weights_on_host(const Transformer& model, bool keep, bool reinforced) {
  const c10::NoGradGuard guard;
  const auto& config = model.config();
  Weights result;
  auto slots = weight_specs(config, result);
  // A pass of every rank; with two models through both, as every pass of theirs.
  const auto copy_part = [&](const Transformer& one, bool wanted, std::int64_t part, const at::Tensor& input) {
    if (!wanted || !keep || unit_of_part(config, part) != static_cast<std::size_t>(part)) return input;
    auto weights = one.weights();
    const auto given = weight_specs(config, weights);
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (unit_index(config, slots[i].name) == static_cast<std::size_t>(part)) *slots[i].slot = given[i].slot->to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
    return input;
  };
  const auto last = config.layers + 1;
  const auto nothing = at::zeros({1}, at::TensorOptions().device(model.device()));
  const auto go_through = [&](const Transformer& one, bool wanted) {
    for (std::int64_t part = 0; part <= last; ++part)
      one.run_part(part, last, nothing, [&](const at::Tensor& input) { return copy_part(one, wanted, part, input); });
  };
  go_through(model, !reinforced);
  if (model.reinforced() != nullptr) go_through(*model.reinforced(), reinforced);
  if (keep && config.tied_embeddings) result.head_VD = result.embedding_VD;
  if (!keep) result.blocks.clear();
  return result;
}

}  // namespace unpact
