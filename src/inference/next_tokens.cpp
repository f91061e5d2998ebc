#include "next_tokens.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/kernels/linear.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/kernels/soft_cap.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

std::int64_t rows_at_once(const Transformer& model) {
  constexpr std::int64_t mebibyte = 1 << 20;
  const auto bytes = (model.device().is_cpu() ? 128 : 256) * mebibyte;  // each part reads the head's weights
  return std::max(2 * kFewestRows, kernels::rows_of_logits(bytes, model.config().vocabulary_size));
}

/// Hidden states with rows of zeros after them, where a CPU's product wants more.
at::Tensor with_fewest_rows(const at::Tensor& hidden_RD) {
  const auto more = kFewestRows - hidden_RD.size(0);
  if (!hidden_RD.is_cpu() || more <= 0) return hidden_RD;
  return at::cat({hidden_RD, at::zeros({more, hidden_RD.size(1)}, hidden_RD.options())});
}

kernels::ChosenTokens choose(const at::Tensor& logits_RV, const GenerationOptions& options, std::vector<double> uniforms) {
  if (!options.sample) return kernels::likeliest_tokens(logits_RV);
  return kernels::drawn_tokens(logits_RV, {std::move(uniforms), options.temperature, options.top_p});
}

}  // namespace

void for_logits(const Transformer& model, const at::Tensor& hidden_RD, const kernels::ResultMemory& memory,
                const VisitLogits& visit) {
  const auto rows = hidden_RD.size(0), parts = (rows + rows_at_once(model) - 1) / rows_at_once(model);
  for (std::int64_t part = 0; part < parts; ++part) {  // equal parts: none has few rows unless all are few
    const auto begin = rows * part / parts, count = rows * (part + 1) / parts - begin;
    const auto some_RD = hidden_RD.narrow(0, begin, count);
    if (model.reinforced() != nullptr) {
      visit(begin, count, model.logits(some_RD));
      continue;
    }
    const auto& head_VD = model.weights().head_VD;
    count_head(some_RD, head_VD);
    const auto logits_RV = kernels::row_linear_in(memory, with_fewest_rows(some_RD), {head_VD, {}});
    kernels::soft_cap_in_place(logits_RV, model.config().block.logit_cap);
    visit(begin, count, logits_RV.to(at::kFloat));
  }
}

kernels::ChosenTokens next_tokens(const Transformer& model, const at::Tensor& hidden_RD, const GenerationOptions& options,
                                  const kernels::ResultMemory& memory, const std::function<double(std::size_t)>& uniform) {
  kernels::ChosenTokens chosen;
  for_logits(model, hidden_RD, memory, [&](std::int64_t begin, std::int64_t rows, const at::Tensor& logits_RV) {
    std::vector<double> uniforms(options.sample ? static_cast<std::size_t>(logits_RV.size(0)) : 0, 0.0);
    for (std::size_t row = 0; options.sample && row < static_cast<std::size_t>(rows); ++row)
      uniforms[row] = uniform(static_cast<std::size_t>(begin) + row);
    const auto some = choose(logits_RV, options, std::move(uniforms));
    chosen.ids.insert(chosen.ids.end(), some.ids.begin(), some.ids.begin() + rows);
    chosen.log_probabilities.insert(chosen.log_probabilities.end(), some.log_probabilities.begin(),
                                    some.log_probabilities.begin() + rows);
  });
  if (!std::ranges::all_of(chosen.log_probabilities, [](float value) { return std::isfinite(value); }))
    throw RuntimeFailure("the model gives logits that are not finite", "its answers would mean nothing",
                         "inspect the checkpoint; an unlearned model may have diverged");
  return chosen;
}

bool take_token(const ModelConfig& config, const GenerationOptions& options, std::int64_t id, float log_probability,
                Continuation& answer) {
  if (std::ranges::find(config.eos_ids, id) != config.eos_ids.end()) return false;
  answer.tokens.push_back(id);
  answer.log_probabilities.push_back(log_probability);
  return static_cast<std::int64_t>(answer.tokens.size()) < options.max_new_tokens;
}

}  // namespace unpact
