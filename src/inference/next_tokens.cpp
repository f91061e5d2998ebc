#include "next_tokens.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

std::int64_t rows_at_once(const Transformer& model) {
  constexpr std::int64_t mebibyte = 1 << 20;
  const auto bytes = (model.device().is_cpu() ? 32 : 256) * mebibyte;
  return std::max(2 * kFewestRows, kernels::rows_of_logits(bytes, model.config().vocabulary_size));
}

/// Logits in float32; the first `asked` rows are work that counts.
at::Tensor logits_of(const Transformer& model, const at::Tensor& hidden_RD, std::int64_t asked) {
  if (model.reinforced() != nullptr) return model.logits(hidden_RD);
  count_head(hidden_RD.narrow(0, 0, asked), model.weights().head_VD);
  return at::linear(hidden_RD, model.weights().head_VD).to(at::kFloat);
}

kernels::ChosenTokens choose(const at::Tensor& logits_RV, const GenerationOptions& options, std::vector<double> uniforms) {
  if (!options.sample) return kernels::likeliest_tokens(logits_RV);
  return kernels::drawn_tokens(logits_RV, {std::move(uniforms), options.temperature, options.top_p});
}

}  // namespace

at::Tensor with_fewest_rows(const at::Tensor& hidden_RD) {
  const auto more = kFewestRows - hidden_RD.size(0);
  if (!hidden_RD.is_cpu() || more <= 0) return hidden_RD;
  return at::cat({hidden_RD, at::zeros({more, hidden_RD.size(1)}, hidden_RD.options())});
}

kernels::ChosenTokens next_tokens(const Transformer& model, const at::Tensor& hidden_RD, const GenerationOptions& options,
                                  const std::function<double(std::size_t)>& uniform) {
  const auto rows = hidden_RD.size(0);
  const auto all_RD = with_fewest_rows(hidden_RD);
  const auto parts = (rows + rows_at_once(model) - 1) / rows_at_once(model);
  kernels::ChosenTokens chosen;
  for (std::int64_t part = 0; part < parts; ++part) {  // equal parts: none has few rows
    const auto begin = rows * part / parts, end = parts == 1 ? all_RD.size(0) : rows * (part + 1) / parts;
    std::vector<double> uniforms;
    for (auto row = begin; options.sample && row < end; ++row)
      uniforms.push_back(row < rows ? uniform(static_cast<std::size_t>(row)) : 0.0);
    const auto some = choose(logits_of(model, all_RD.narrow(0, begin, end - begin), std::min(end, rows) - begin), options, std::move(uniforms));
    chosen.ids.insert(chosen.ids.end(), some.ids.begin(), some.ids.end());
    chosen.log_probabilities.insert(chosen.log_probabilities.end(), some.log_probabilities.begin(),
                                    some.log_probabilities.end());
  }
  chosen.ids.resize(static_cast<std::size_t>(rows));
  chosen.log_probabilities.resize(static_cast<std::size_t>(rows));
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
