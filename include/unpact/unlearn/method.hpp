#pragma once
/// Named unlearning methods: a forget term, a retain term and their coefficients, or a procedure.
///   ga, npo             with retain none, gd or kl
///   rmu                 brings its own retain side; trains only the named weights
///   tv                  task vector: theta - scale * (theta_reinforced - theta)
#include <functional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/forget_terms.hpp"

namespace unpact {

struct MethodOptions {
  std::string name = "ga";
  std::string forget = "ga";     ///< ga, npo, rmu or tv
  std::string retain = "none";   ///< none, gd or kl
  double forget_weight = 1.0;    ///< gamma
  double retain_weight = 1.0;    ///< lambda; RMU's alpha
  double beta = 0.1;             ///< NPO's inverse temperature
  bool length_normalized = false;
  std::int64_t layer = 7;        ///< RMU: the block whose output is steered (0-based)
  std::string trained_layers = "5,6,7";                ///< RMU: blocks whose weights train
  std::string trained_weights = "mlp.down_proj.weight";///< RMU: names within a block, comma-separated
  double steering = 20.0;        ///< RMU's c
  double scale = 1.0;            ///< TV's alpha
};

/// @throws UserError for an unknown term or a contradiction, naming the option.
void check_method(const MethodOptions& method);

/// What the method learns from.
struct UnlearnData {
  Examples forget, retain;
};

struct UnlearnResult {
  Weights weights;
  std::vector<StepReport> steps;
};

/// The unlearned model's weights; `target` stays as it is. Collective over the group.
/// For tv, `train` are the options of the reinforcing fine-tune on the forget set.
UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& train_options,
                      const UnlearnData& data, Collectives& group,
                      const std::function<void(const StepReport&)>& on_step = {});

/// theta - scale * (theta_reinforced - theta) (Ilharco et al., arXiv 2212.04089), weight by weight.
void subtract_task_vector(Weights& weights, const Weights& reinforced, double scale);

}  // namespace unpact
