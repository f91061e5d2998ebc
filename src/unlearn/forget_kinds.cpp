/// The table of forget terms and procedures.
#include "forget_kinds.hpp"

#include "dual_ascent.hpp"
#include "reinforced.hpp"
#include "rmu.hpp"
#include "unpact/core/error.hpp"
#include "ascent_term.hpp"
#include "logit_terms.hpp"
#include "preference_terms.hpp"
#include "refusal_term.hpp"

namespace unpact {
namespace {

using Made = std::unique_ptr<LossTerm>;

TokenWeighting make_weighting(const TermInputs& in) {
  const auto& m = in.method;
  switch (m.weighting) {
    case WeightingKind::none: break;
    case WeightingKind::wga: return TokenWeighting::wga(m.weight_power < 0 ? 1.0 : m.weight_power);
    case WeightingKind::satimp:
      return TokenWeighting::satimp(m.weight_power < 0 ? 5.0 : m.weight_power, m.weight_complement);
    case WeightingKind::entropy: return TokenWeighting::entropy();
    case WeightingKind::given:
    case WeightingKind::spans:
    case WeightingKind::attribution:
      return TokenWeighting::given(in.data.forget, in.data.given_weights, m.weight_power < 0 ? 0.0 : m.weight_power);
  }
  return TokenWeighting();
}

/// For terms that sum over each sequence.
TokenWeighting make_sequence_weighting(const TermInputs& in) {
  auto weighting = make_weighting(in);
  return in.method.weight_scale == WeightScale::balanced ? weighting.balancing_all() : weighting;
}

Made make_ga(const TermInputs& in) { return std::make_unique<GradientAscentTerm>(in.data.forget, make_weighting(in)); }

Made make_npo(const TermInputs& in) {
  const double beta = beta_of(in.method);
  switch (in.method.npo_variant) {
    case NpoVariant::sequence: break;
    case NpoVariant::token: return std::make_unique<NpoTokenTerm>(in.data.forget, in.frozen, beta, make_weighting(in));
    case NpoVariant::token_mean: return std::make_unique<NpoTokenMeanTerm>(in.data.forget, in.frozen, beta);
    case NpoVariant::muse_logit: return std::make_unique<NpoLogitTerm>(in.data.forget, in.frozen, beta);
  }
  return std::make_unique<NpoTerm>(in.data.forget, in.frozen, beta, in.method.length_normalized,
                                   make_sequence_weighting(in));
}

Made make_simnpo(const TermInputs& in) {
  return std::make_unique<SimNpoTerm>(in.data.forget, beta_of(in.method), in.method.delta, make_sequence_weighting(in));
}

Made make_dpo(const TermInputs& in) {
  UNPACT_EXPECT(in.data.alternates != nullptr);
  return std::make_unique<DpoTerm>(in.data.forget, in.data.alternates, in.frozen, beta_of(in.method));
}

Made make_undial(const TermInputs& in) {
  return std::make_unique<UndialTerm>(in.data.forget, in.frozen, beta_of(in.method));
}

Made make_ceu(const TermInputs& in) { return std::make_unique<CeuTerm>(in.data.forget, in.method.skipped_targets); }

Made make_jensun(const TermInputs& in) { return std::make_unique<RefusalTerm>(in.data.forget, in.data.refusal); }

Made make_pdu(const TermInputs& in) { return std::make_unique<FlatnessTerm>(in.data.forget); }

Made make_palu(const TermInputs& in) {
  return std::make_unique<FlatTopTerm>(in.data.forget, in.frozen, in.method.flattened, make_weighting(in));
}

const NeededFile kAlternates = {"alternates", &MethodOptions::alternates, "dpo needs answers to prefer",
                                "name a file with one answer a line, e.g. configs/methods/idk.txt"};
const NeededFile kWeights = {"weights_path", &MethodOptions::weights_path,
                             "method.weighting = given takes its numbers from a file",
                             "name a file of JSON lines, one list a forget example"};

using Rows = std::vector<ForgetKind>;

/// Losses that push the answer down, alone or below another one.
Rows answer_kinds() {
  return {{.name = "ga",
           .summary = "gradient ascent; with weighting wga or satimp those methods",
           .takes_weighting = true,
           .make_term = make_ga},
          {.name = "npo",
           .summary = "negative preference optimization",
           .takes_weighting = true,
           .default_beta = 0.1,
           .asks_target = true,
           .own_options = {"npo_variant", "length_normalized", "weight_scale"},
           .make_term = make_npo},
          {.name = "simnpo",
           .summary = "NPO without reference, length-normalized",
           .takes_weighting = true,
           .default_beta = 4.5,
           .own_options = {"weight_scale"},
           .make_term = make_simnpo},
          {.name = "dpo",
           .summary = "prefers answers of method.alternates, e.g. \"I don't know\"",
           .default_beta = 0.1,
           .cost = 2,
           .asks_target = true,
           .needs_questions = true,
           .file = &kAlternates,
           .own_options = {"alternates"},
           .make_term = make_dpo},
          {.name = "jensun",
           .summary = "pulls every token of the answer towards method.refusal, by the Jensen-Shannon divergence",
           .needs_questions = true,
           .own_options = {"refusal"},
           .make_term = make_jensun}};
}

/// Losses over the whole distribution of the next token.
Rows distribution_kinds() {
  return {
      {.name = "undial",
       .summary = "self-distillation with the target's logit lowered",
       .default_beta = 10,
       .asks_target = true,
       .keeps_states = true,
       .make_term = make_undial},
      {.name = "ceu",
       .summary = "cross-entropy with the own distribution without the target",
       .skips_targets = true,
       .make_term = make_ceu},
      {.name = "palu",
       .summary = "equal logits of what the target would say, at the onset of what the answer names with weighting spans",
       .takes_weighting = true,
       .takes_probabilities = false,
       .asks_target = true,
       .keeps_states = true,
       .own_options = {"flattened"},
       .make_term = make_palu},
      {.name = "pdu",
       .summary = "flat logits under a limit on the retain loss, by a dual variable",
       .retain_side = RetainSide::required,
       .retain_rule = dual_ascent,
       .make_term = make_pdu}};
}

/// What steers states or changes weights and answers after a training.
Rows procedure_kinds() {
  return {{.name = "rmu",
           .summary = "steers the residual stream behind method.layer; brings its own retain side",
           .retain_side = RetainSide::own,
           .cost = 0.6,
           .asks_target = true,
           .own_options = {"rmu_early_stop"},
           .trained_weights = rmu_weights,
           .procedure = run_rmu},
          {.name = "tv",
           .summary = "subtracts what a fine-tune on the forget set changes",
           .own_options = {"reinforced"},
           .procedure = run_task_vector},
          {.name = "whp",
           .summary = "answers by the target's logits minus what a fine-tune on the forget set raises",
           .answers_by_two = true,
           .procedure = run_contrast}};
}

}  // namespace

const std::vector<ForgetKind>& known_forget_kinds() {
  static const Rows kinds = [] {
    Rows all;
    for (const auto& rows : {answer_kinds(), distribution_kinds(), procedure_kinds()})
      all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }();
  return kinds;
}

const NeededFile* needed_file(const MethodOptions& method) {
  if (const auto* file = kind_of(method).file) return file;
  return method.weighting == WeightingKind::given ? &kWeights : nullptr;
}

}  // namespace unpact
