// Attention rollout: how much of each prompt token flows, by attention weights alone, into the rows that predict the
// answer.
//
// Legend of shapes: B = 1 sequence, H heads, S positions.
#include <ATen/ATen.h>

#include "methods.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Folds the layers as they come: one S x S matrix, whatever the number of layers.
class RolloutContext : public CausalContext {
 public:
  bool wants_weights() const override { return true; }
  void receive_weights(std::int64_t, const at::Tensor& weights_1HSS) override {
    // Half attention (mean of the heads), half the residual connection.
    const auto mean_SS = weights_1HSS.squeeze(0).mean(0);
    const auto layer_SS = 0.5 * (mean_SS + at::eye(mean_SS.size(0), mean_SS.options()));
    rollout_SS_ = rollout_SS_.defined() ? layer_SS.matmul(rollout_SS_) : layer_SS;
  }
  const at::Tensor& rollout_SS() const { return rollout_SS_; }

 private:
  at::Tensor rollout_SS_;
};

class Rollout : public AttributionMethod {
 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    const c10::InferenceMode guard;
    require_task(model.config(), task);
    const std::vector<std::vector<TokenId>> whole = {model_input(task)};
    const auto tokens_1S = pad_right(whole, model.device());
    RolloutContext context;
    const auto hidden_1SD = model.hidden(tokens_1S, at::arange(tokens_1S.size(1), tokens_1S.options()), context);
    const auto answer_tokens = static_cast<std::int64_t>(task.answer.size());
    const auto rows_TS = context.rollout_SS().narrow(0, tokens_1S.size(1) - answer_tokens, answer_tokens);
    const auto shares = to_doubles(
        rows_TS.to(at::kDouble)
            .mean(0)
            .narrow(0, static_cast<std::int64_t>(task.candidate_begin), static_cast<std::int64_t>(task.candidates())));
    require_finite(shares, "an attention weight");
    Attribution result;
    result.values = to_floats(shares);
    result.mean_log_probability =
        to_doubles(mean_log_probabilities_B(model, hidden_1SD, to_tensor(task.answer, model.device()))).front();
    count_pass(result.work, tokens_1S, answer_tokens);
    result.work.positions_naive = result.work.positions;
    return result;
  }
};

}  // namespace

std::unique_ptr<AttributionMethod> make_rollout() { return std::make_unique<Rollout>(); }

}  // namespace unpact
