#pragma once
/// Where a training is looked at on its way (unlearn.save_points).
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unpact/checkpoint/weights.hpp"
#include "unpact/train/training_result.hpp"

namespace unpact {

/// Whole weights of a training that goes on afterwards, as ResultOptions say (keeper, dtype, take_unit); what changes a trained
/// weight on its way into the result changes it here, too. They may share memory with the training: whoever has them only
/// reads them, and lets them go before the next step. Collective over the training's group.
using GiveWeights = std::function<Weights(const ResultOptions& wanted)>;

/// Steps behind which a training is interrupted, on every rank. What an earlier run of the same training has done behind steps of
/// its checkpoint is not asked for again.
struct SavePoints {
  std::vector<std::int64_t> steps;  ///< ascending, from 1
  std::function<void(std::int64_t step, const GiveWeights& give)> visit;
};

struct TrainOptions;

/// The steps that a list such as "20, 40" (steps) or "0.5e, 1e, 2e" (epochs, at the end of the step that completes them) names,
/// ascending, and always the last one. Empty for an empty list. @param examples of the first term.
/// @throws UserError naming option and entry: what is no such number, two entries for one step, one beyond the last step.
std::vector<std::int64_t> steps_of_points(const std::string& text, const TrainOptions& options, std::int64_t examples);

/// The same of the list alone, before anybody knows how many steps there are.
void check_save_points(const std::string& text);

}  // namespace unpact
