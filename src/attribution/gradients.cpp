// Gradients of LP by the candidates' embeddings: times the input, and integrated along a straight path.
//
// Legend of shapes: B points of the path, S positions, D hidden size, n candidates.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "methods.hpp"
#include "passes.hpp"
#include "quadrature.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

class Differentiation {
 public:
  Differentiation(const Transformer& model, const AttributionTask& task)
      : model_(model), begin_(static_cast<std::int64_t>(task.candidate_begin)),
        candidates_(static_cast<std::int64_t>(task.candidates())), targets_(to_tensor(task.answer, model.device())) {
    const std::vector<std::vector<TokenId>> whole = {model_input(task)};
    embeddings_SD_ = model.embed(pad_right(whole, model.device())).squeeze(0).detach();
    inputs_nD_ = embeddings_SD_.narrow(0, begin_, candidates_).clone();
  }

  const at::Tensor& inputs_nD() const { return inputs_nD_; }

  /// LP with other embeddings of the candidates, and the sum over B of weight * dLP/dembedding, (n, D) float64.
  std::pair<std::vector<double>, at::Tensor> run(const at::Tensor& candidates_BnD, const at::Tensor& weights_B,
                                                 AttributionWork& work) const {
    const auto batch = candidates_BnD.size(0);
    auto x_BSD = embeddings_SD_.unsqueeze(0).repeat({batch, 1, 1});
    x_BSD.narrow(1, begin_, candidates_).copy_(candidates_BnD);
    x_BSD.requires_grad_(true);
    CausalContext context;
    const auto positions = at::arange(x_BSD.size(1), targets_.options());
    const auto scores_B = mean_log_probabilities_B(model_, model_.hidden_of(x_BSD, positions, context), targets_);
    // Only the embeddings' gradient: backward() would leave gradients in weights that train.
    const auto gradient_BSD = torch::autograd::grad({(scores_B * weights_B).sum()}, {x_BSD}).at(0);
    count_pass(work, x_BSD, batch * targets_.size(0));
    return {to_doubles(scores_B), gradient_BSD.narrow(1, begin_, candidates_).to(at::kDouble).sum(0)};
  }

 private:
  const Transformer& model_;
  std::int64_t begin_, candidates_;
  at::Tensor targets_, embeddings_SD_, inputs_nD_;
};

/// One value a candidate: the sum over the channels of direction * gradient.
std::vector<float> project(const at::Tensor& direction_nD, const at::Tensor& gradient_nD) {
  const auto values = to_doubles((direction_nD.to(at::kDouble) * gradient_nD).sum(1));
  require_finite(values, "a gradient of the answer's log-probability");
  return to_floats(values);
}

class GradientXInput : public AttributionMethod {
 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    require_task(model.config(), task);
    const c10::AutoGradMode with_gradients(true);
    const Differentiation differentiation(model, task);
    Attribution result;
    const auto inputs_1nD = differentiation.inputs_nD().unsqueeze(0);
    const auto [scores, gradient_nD] =
        differentiation.run(inputs_1nD, at::ones({1}, inputs_1nD.options().dtype(at::kDouble)), result.work);
    result.mean_log_probability = scores[0];
    result.values = project(differentiation.inputs_nD(), gradient_nD);
    result.work.positions_naive = result.work.positions;
    return result;
  }
};

class IntegratedGradients : public AttributionMethod {
 public:
  IntegratedGradients(std::optional<TokenId> baseline, std::int64_t steps, std::size_t token_budget)
      : baseline_(baseline), token_budget_(token_budget), rule_(gauss_legendre(steps)) {}

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    require_task(model.config(), task);
    if (baseline_) check_baseline_id(model.config(), *baseline_);
    const c10::AutoGradMode with_gradients(true);
    const Differentiation differentiation(model, task);
    const auto& inputs_nD = differentiation.inputs_nD();
    const auto start_nD = start_of(model, inputs_nD);
    const auto direction_nD = inputs_nD - start_nD;
    Attribution result;
    auto gradient_nD = at::zeros(inputs_nD.sizes(), inputs_nD.options().dtype(at::kDouble));
    const auto length = task.prompt.size() + task.answer.size() - 1;
    const auto width = std::max<std::size_t>(1, token_budget_ / length);
    for (std::size_t first = 0; first < rule_.points.size(); first += width) {
      const auto count = std::min(width, rule_.points.size() - first);
      const auto slice = [&](const std::vector<double>& all) {
        return at::tensor(std::vector<double>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                              all.begin() + static_cast<std::ptrdiff_t>(first + count)),
                          at::kDouble)
            .to(model.device());
      };
      const auto at_B11 = slice(rule_.points).to(inputs_nD.scalar_type()).view({-1, 1, 1});
      gradient_nD += differentiation.run(start_nD + at_B11 * direction_nD, slice(rule_.weights), result.work).second;
    }
    result.values = project(direction_nD, gradient_nD);
    const auto ends_2nD = at::stack({inputs_nD, start_nD});
    const auto scores = differentiation.run(ends_2nD, at::zeros({2}, gradient_nD.options()), result.work).first;
    result.mean_log_probability = scores[0];
    result.completeness_error = -(scores[0] - scores[1]);
    for (const float value : result.values) result.completeness_error += value;
    result.work.positions_naive = result.work.positions;
    return result;
  }

 private:
  at::Tensor start_of(const Transformer& model, const at::Tensor& inputs_nD) const {
    if (!baseline_) return at::zeros_like(inputs_nD);
    const std::vector<std::vector<TokenId>> one = {{*baseline_}};
    return model.embed(pad_right(one, model.device())).squeeze(0).detach().expand_as(inputs_nD);
  }

  std::optional<TokenId> baseline_;
  std::size_t token_budget_;
  Quadrature rule_;
};

}  // namespace

std::unique_ptr<AttributionMethod> make_gradient_x_input() { return std::make_unique<GradientXInput>(); }

std::unique_ptr<AttributionMethod> make_integrated_gradients(std::optional<TokenId> baseline, std::int64_t steps,
                                                             std::size_t token_budget) {
  return std::make_unique<IntegratedGradients>(baseline, steps, token_budget);
}

}  // namespace unpact
