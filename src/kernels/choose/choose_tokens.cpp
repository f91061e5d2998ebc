#include "unpact/kernels/choose_tokens.hpp"

#include <ATen/ATen.h>

#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels {
namespace {

ChosenTokens on_host(const at::Tensor& ids_R, const at::Tensor& log_probabilities_R) {
  const auto ids = ids_R.to(at::kCPU).contiguous(), values = log_probabilities_R.to(at::kCPU).contiguous();
  const auto* const id = ids.const_data_ptr<std::int64_t>();
  const auto* const value = values.const_data_ptr<float>();
  return {{id, id + ids.numel()}, {value, value + values.numel()}};
}

at::Tensor log_probabilities_of(const at::Tensor& logits_RV, const at::Tensor& ids_R) {
  return logits_RV.gather(1, ids_R.unsqueeze(1)).squeeze(1) - logits_RV.logsumexp(1);
}

/// Probabilities outside the nucleus become 0: its smallest one is found bit by bit, as positive floats are ordered like
/// their bits.
at::Tensor nucleus(const at::Tensor& p_RV, double top_p) {
  const auto bits_RV = p_RV.view(at::kInt);
  auto threshold_R1 = at::zeros({p_RV.size(0), 1}, bits_RV.options());
  for (int bit = 29; bit >= 0; --bit) {  // 1.0F has no bit above
    const auto larger_R1 = threshold_R1 | (std::int64_t{1} << bit);
    const auto mass_R1 = (p_RV * (bits_RV >= larger_R1)).sum(1, /*keepdim=*/true);
    threshold_R1 = at::where(mass_R1 >= top_p, larger_R1, threshold_R1);
  }
  return p_RV * (bits_RV >= threshold_R1);
}

}  // namespace

Form choose_tokens_form(const at::Tensor& logits_RV) { return is_plain(logits_RV) ? Form::cpu : Form::reference; }

ChosenTokens reference::likeliest_tokens(const at::Tensor& logits_RV) {
  const auto ids_R = logits_RV.argmax(1);
  return on_host(ids_R, log_probabilities_of(logits_RV, ids_R));
}

ChosenTokens reference::drawn_tokens(const at::Tensor& logits_RV, const Draws& draws) {
  auto p_RV = (logits_RV / draws.temperature).softmax(1);
  if (draws.top_p < 1) p_RV = nucleus(p_RV, draws.top_p);
  const auto below_RV = p_RV.cumsum(1), total_R1 = below_RV.narrow(1, below_RV.size(1) - 1, 1).contiguous();
  const auto uniform_R1 = at::tensor(draws.uniforms, at::kDouble).to(at::kFloat).to(p_RV.device()).unsqueeze(1);
  const auto last_R1 = at::searchsorted(below_RV, total_R1);
  const auto drawn_R1 =
      at::searchsorted(below_RV, (uniform_R1 * total_R1).contiguous(), /*out_int32=*/false, /*right=*/true);
  const auto ids_R = at::minimum(drawn_R1, last_R1).clamp_max(p_RV.size(1) - 1).squeeze(1);
  return on_host(ids_R, log_probabilities_of(logits_RV, ids_R));
}

ChosenTokens likeliest_tokens(const at::Tensor& logits_RV) {
  UNPACT_EXPECT(logits_RV.scalar_type() == at::kFloat && logits_RV.dim() == 2);
  return choose_tokens_form(logits_RV) == Form::cpu ? cpu::likeliest_tokens(logits_RV)
                                                    : reference::likeliest_tokens(logits_RV);
}

ChosenTokens drawn_tokens(const at::Tensor& logits_RV, const Draws& draws) {
  UNPACT_EXPECT(logits_RV.scalar_type() == at::kFloat && logits_RV.dim() == 2);
  UNPACT_EXPECT(static_cast<std::int64_t>(draws.uniforms.size()) == logits_RV.size(0));
  return choose_tokens_form(logits_RV) == Form::cpu ? cpu::drawn_tokens(logits_RV, draws)
                                                    : reference::drawn_tokens(logits_RV, draws);
}

}  // namespace unpact::kernels
