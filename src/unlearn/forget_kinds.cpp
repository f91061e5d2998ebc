#include "forget_kinds.hpp"

#include <map>

#include "unpact/core/error.hpp"
#include "unpact/unlearn/ascent_term.hpp"
#include "unpact/unlearn/logit_terms.hpp"
#include "unpact/unlearn/preference_terms.hpp"
#include "unpact/unlearn/retain_terms.hpp"

namespace unpact {
namespace {

using Made = std::unique_ptr<LossTerm>;
using Maker = Made (*)(const TermInputs&);

TokenWeighting make_weighting(const TermInputs& in) {
  const auto& m = in.method;
  if (m.weighting == "wga") return TokenWeighting::wga(m.weight_power < 0 ? 1.0 : m.weight_power);
  if (m.weighting == "satimp") return TokenWeighting::satimp(m.weight_power < 0 ? 5.0 : m.weight_power, m.weight_complement);
  if (m.weighting == "given") return TokenWeighting::given(in.data.forget, in.data.given_weights);
  return TokenWeighting();
}

Made make_npo(const TermInputs& in) {
  const double beta = beta_of(in.method);
  if (in.method.npo_variant == "token_mean") return std::make_unique<NpoTokenMeanTerm>(in.data.forget, in.frozen, beta);
  if (in.method.npo_variant == "muse_logit") return std::make_unique<NpoLogitTerm>(in.data.forget, in.frozen, beta);
  return std::make_unique<NpoTerm>(in.data.forget, in.frozen, beta, in.method.length_normalized, make_weighting(in));
}

Made make_dpo(const TermInputs& in) {
  UNPACT_EXPECT(in.data.alternates != nullptr);
  return std::make_unique<DpoTerm>(in.data.forget, in.data.alternates, in.frozen, beta_of(in.method));
}

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> table = {
      {"ga", [](const TermInputs& in) -> Made { return std::make_unique<GradientAscentTerm>(in.data.forget, make_weighting(in)); }},
      {"npo", make_npo},
      {"simnpo",
       [](const TermInputs& in) -> Made {
         return std::make_unique<SimNpoTerm>(in.data.forget, beta_of(in.method), in.method.delta, make_weighting(in));
       }},
      {"dpo", make_dpo},
      {"undial", [](const TermInputs& in) -> Made { return std::make_unique<UndialTerm>(in.data.forget, in.frozen, beta_of(in.method)); }},
      {"ceu", [](const TermInputs& in) -> Made { return std::make_unique<CeuTerm>(in.data.forget, in.method.skipped_targets); }},
      {"pdu", [](const TermInputs& in) -> Made { return std::make_unique<FlatnessTerm>(in.data.forget); }}};
  return table;
}

}  // namespace

const std::vector<ForgetKind>& known_forget_kinds() {
  static const std::vector<ForgetKind> kinds = {
      {"ga", "gradient ascent; with weighting wga or satimp those methods", true, true, 0, 1},
      {"npo", "negative preference optimization", true, true, 0.1, 1},
      {"simnpo", "NPO without reference, length-normalized", true, true, 4.5, 1},
      {"dpo", "prefers answers of method.alternates, e.g. \"I don't know\"", true, false, 0.1, 2},
      {"undial", "self-distillation with the target's logit lowered", true, false, 10, 1},
      {"ceu", "cross-entropy with the own distribution without the target", true, false, 0, 1},
      {"pdu", "flat logits under a limit on the retain loss, by a dual variable", true, false, 0, 1},
      {"rmu", "steers the residual stream behind method.layer; brings its own retain side", false, false, 0, 0.6},
      {"tv", "subtracts what a fine-tune on the forget set changes", false, false, 0, 1},
      {"whp", "answers by the target's logits minus what a fine-tune on the forget set raises", false, false, 0, 1}};
  return kinds;
}

Made make_forget_term(const TermInputs& inputs) {
  const auto maker = makers().find(inputs.method.forget);
  UNPACT_EXPECT(maker != makers().end());
  return maker->second(inputs);
}

Made make_retain_term(const TermInputs& inputs) {
  if (inputs.method.retain == "gd") return std::make_unique<CrossEntropyTerm>(inputs.data.retain);
  if (inputs.method.retain == "kl") return std::make_unique<KlTerm>(inputs.data.retain, inputs.frozen, parse_kl_variant(inputs.method.kl_variant));
  return nullptr;
}

}  // namespace unpact
