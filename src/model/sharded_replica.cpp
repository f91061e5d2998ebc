#include "unpact/model/sharded_replica.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <map>
#include <optional>

#include "gather_rounds.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"

namespace unpact {
namespace {

/// Runs one model's parts; of two models those of the second follow in the same round.
class ReplicaRunner final : public PartRunner {
 public:
  /// @param rounds null: every unit stays.
  ReplicaRunner(std::shared_ptr<GatherRounds> rounds, WeightPieces pieces)
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
    GatherRounds::Units units;
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

  std::shared_ptr<GatherRounds> rounds_;
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

Placed placed(const std::shared_ptr<GatherRounds>& rounds, WeightPieces pieces) {
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
  const auto rounds = GatherRounds::over(group, pieces.device());
  return placed(rounds, std::move(pieces)).model;
}

Transformer sharded_transformer(const Communicator& group, WeightPieces pieces, WeightPieces reinforced, double scale) {
  const auto rounds = GatherRounds::over(group, pieces.device());
  auto first = placed(rounds, std::move(pieces)), second = placed(rounds, std::move(reinforced));
  first.runner->go_on_with(*second.runner);
  first.model.contrast_with(std::make_shared<const Transformer>(std::move(second.model)), scale);
  return std::move(first.model);
}

bool is_sharded(const Transformer& model) { return runner_of(model) != nullptr; }

WeightPieces pieces_of(const Transformer& model) {
  UNPACT_EXPECT(is_sharded(model));
  return runner_of(model)->pieces();
}

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
      if (unit_index(config, slots[i].name) == static_cast<std::size_t>(part))
        *slots[i].slot = given[i].slot->to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
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
