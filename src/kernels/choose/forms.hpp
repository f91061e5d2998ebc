#pragma once
#include "../form.hpp"
#include "unpact/kernels/choose_tokens.hpp"

namespace unpact::kernels {

Form choose_tokens_form(const at::Tensor& logits_RV);

namespace reference {
ChosenTokens likeliest_tokens(const at::Tensor& logits_RV);
ChosenTokens drawn_tokens(const at::Tensor& logits_RV, const Draws& draws);
}  // namespace reference

namespace cpu {
ChosenTokens likeliest_tokens(const at::Tensor& logits_RV);
ChosenTokens drawn_tokens(const at::Tensor& logits_RV, const Draws& draws);
}  // namespace cpu

}  // namespace unpact::kernels
