#pragma once
/// Named unlearning methods: a forget term, token weights, a retain term and their coefficients, or a procedure. What
/// there is stands in one table (forget_kind.hpp); formulas, sources and costs in docs/methods.md.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/forget_kind.hpp"
#include "unpact/unlearn/frozen_rows.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

/// What the method learns from.
struct UnlearnData {
  Examples forget, retain;
  Examples alternates = nullptr;    ///< dpo: one a forget example, the same prompt with the preferred answer
  TokenWeights given_weights = {};  ///< weighting = given, spans or attribution
  Sampling retain_sampling = Sampling::epoch;
  std::filesystem::path cache_folder = ".";  ///< cache = disk
  std::string target_fingerprint = {};       ///< checksums of the target: cache files are then used again
  std::vector<TokenId> refusal = {};         ///< jensun: method.refusal as tokens
  TokenWeights held_back = {};  ///< above 0: a target that no anchor holds, though it weighs less than 1; empty: none
};

struct UnlearnResult {
  Weights weights;
  std::vector<StepReport> steps;
  /// whp: the second model; the unlearned one is Transformer::contrast_with it.
  std::optional<Weights> reinforced = std::nullopt;
};

/// The unlearned model's weights; `target` stays as it is. Collective over the group. @throws UserError for a target that
/// answers by two models: a training would change one of them.
/// With train_options.device the target's weights are views of mapped files: no rank holds them whole, losses that ask the
/// target get them unit by unit (StreamedModel). With a keeper the other ranks get no weights. What a loss keeps of the
/// target is gone before result.before is called. For tv and whp, `train_options` are the options of the reinforcing
/// fine-tune on the forget set.
UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& train_options,
                      const UnlearnData& data, Collectives& group,
                      const std::function<void(const StepReport&)>& on_step = {});

/// tv, of one weight: base - scale * (reinforced - base), in the dtype and on the device of `reinforced`
/// (Ilharco et al., arXiv 2212.04089).
at::Tensor subtract_task_vector(const at::Tensor& reinforced, const at::Tensor& base, double scale);

}  // namespace unpact
