#include "sections.hpp"

namespace unpact {
namespace {

void add_overrides(OptionTable& t, MethodOverrides& o) {
  t.push_back({"method.learning_rate",
               "instead of unlearn.learning_rate; -1: that one",
               &o.learning_rate,
               kUnlearning,
               {},
               Role::instead});
  t.push_back({"method.epochs", "instead of unlearn.epochs; -1: that one", &o.epochs, kUnlearning, {}, Role::instead});
  t.push_back(
      {"method.max_steps", "instead of unlearn.max_steps; -1: that one", &o.max_steps, kUnlearning, {}, Role::instead});
  t.push_back(
      {"method.batch_size", "instead of unlearn.batch_size; -1: that one", &o.batch_size, kUnlearning, {}, Role::instead});
  t.push_back(
      {"method.schedule", "instead of unlearn.schedule; empty: that one", &o.schedule, kUnlearning, {}, Role::instead});
}

void add_loss(OptionTable& t, MethodOptions& m) {
  t.push_back({"method.forget", "forget term, one of the list below", &m.forget, kUnlearning});
  t.push_back({"method.retain", "retain term: none, gd, kl or jsd", &m.retain, kUnlearning});
  t.push_back({"method.forget_weight", "coefficient of the forget term", &m.forget_weight, kUnlearning});
  t.push_back({"method.retain_weight", "coefficient of the retain term (rmu: its alpha)", &m.retain_weight, kUnlearning});
  t.push_back({"method.beta", "npo, simnpo, dpo: inverse temperature; undial: strength; -1: the published one", &m.beta,
               kUnlearning});
  t.push_back({"method.length_normalized", "npo: mean instead of sum over a sequence", &m.length_normalized, kUnlearning});
  t.push_back({"method.npo_variant", "npo: sequence; token (TNPO); token_mean and muse_logit as published code has it",
               &m.npo_variant, kUnlearning});
  t.push_back({"method.kl_variant", "kl: token, all_positions (open-unlearning) or muse_logit (muse_bench)", &m.kl_variant,
               kUnlearning});
}

void add_token_weights(OptionTable& t, MethodOptions& m) {
  t.push_back({"method.weighting",
               "ga, npo, simnpo, palu: weights of tokens: none, wga, satimp, entropy, given, spans or attribution",
               &m.weighting, kUnlearning});
  t.push_back({"method.weight_power",
               "wga: beta; satimp: beta1; given, spans, attribution: their weights times p_t to this power; -1: 1, 5 and 0",
               &m.weight_power, kUnlearning});
  t.push_back({"method.weight_complement", "satimp: beta2", &m.weight_complement, kUnlearning});
  t.push_back(
      {"method.weight_scale",
       "npo, simnpo: weights of wga and satimp fade with the probabilities (fading), or sum to each sequence's number of "
       "targets, as given ones always do (balanced)",
       &m.weight_scale, kUnlearning});
  t.push_back({"method.weights_path",
               "given: JSON lines, for each forget example a list with a number for every target",
               &m.weights_path,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"method.weight_outside", "spans: weight of the tokens that hold nothing of what the answer names",
               &m.weight_outside, kUnlearning});
  t.push_back({"method.span_tokens", "spans: weigh the first so many tokens of each occurrence alone (PALU's onset); 0: all",
               &m.span_tokens, kUnlearning});
  t.push_back(
      {"method.attribution_weights",
       "attribution: contribution, hard, complement, joint or random, of what the target's KeyTokens give each token",
       &m.attribution_weights, kUnlearning});
  t.push_back({"method.weight_share", "attribution_weights = hard: share of an answer's tokens that weigh something",
               &m.weight_share, kUnlearning});
  t.push_back({"method.anchor_weight",
               "given, spans, attribution: coefficient of KL to the target on the forget set's tokens that weigh less than "
               "1; 0: no such term",
               &m.anchor_weight, kUnlearning});
  t.push_back({"method.file_checksum", "SHA-256 that the file of weights or alternates must have; empty: any",
               &m.file_checksum, kUnlearning});
}

/// What single forget terms heed.
void add_term_settings(OptionTable& t, MethodOptions& m) {
  t.push_back({"method.delta", "simnpo: margin", &m.delta, kUnlearning});
  t.push_back({"method.refusal", "jensun: text whose tokens take turns as what the answer's tokens are pulled towards",
               &m.refusal, kUnlearning});
  t.push_back({"method.alternates",
               "dpo: file of answers to prefer: one a line, or JSON lines of question and answer",
               &m.alternates,
               kNothing,
               {},
               Role::input_path});
  t.push_back(
      {"method.skipped_targets", "ceu: leading targets of an example that are left out", &m.skipped_targets, kUnlearning});
  t.push_back(
      {"method.flattened", "palu: how many of the target's likeliest tokens get equal logits", &m.flattened, kUnlearning});
  t.push_back({"method.retain_limit", "pdu: what the retain loss may be, nats a token", &m.retain_limit, kUnlearning});
  t.push_back(
      {"method.dual_rate", "pdu: step of the dual variable, which starts at retain_weight", &m.dual_rate, kUnlearning});
  t.push_back({"method.dual_warmup", "pdu: epochs before it moves", &m.dual_warmup, kUnlearning});
}

/// What the procedures heed: rmu, tv, whp.
void add_procedure_settings(OptionTable& t, MethodOptions& m) {
  t.push_back({"method.layer", "rmu: block whose output is steered, from 0", &m.layer, kUnlearning});
  t.push_back({"method.trained_layers", "rmu: blocks that train; all: every weight below the steered states",
               &m.trained_layers, kUnlearning});
  t.push_back({"method.trained_weights", "rmu: their weights that train", &m.trained_weights, kUnlearning});
  t.push_back({"method.steering", "rmu: length of the steering vector", &m.steering, kUnlearning});
  t.push_back({"method.rmu_mean", "rmu: mean over tokens, or over targets of sequences (open-unlearning)", &m.rmu_mean,
               kUnlearning});
  t.push_back({"method.rmu_early_stop", "rmu: leave out the blocks after method.layer, whose results no loss needs",
               &m.rmu_early_stop, kNothing});
  t.push_back({"method.scale", "tv, whp: how much is subtracted", &m.scale, kUnlearning});
  t.push_back(
      {"method.reinforced",
       "tv: own (each cell fine-tunes) or shared (cells of a campaign that differ in the scale fine-tune once and keep "
       "that model)",
       &m.reinforced, kUnlearning});
}

void add_cache(OptionTable& t, MethodOptions& m) {
  t.push_back(
      {"method.cache", "numbers of the frozen model: none (computed in every step), memory or disk", &m.cache, kNothing});
  t.push_back({"method.cache_gib", "memory: the most that a rank may take", &m.cache_gib, kNothing});
}

}  // namespace

void add_method_options(OptionTable& t, Configuration& c) {
  auto& m = c.method;
  t.push_back({"method.use", "choice file methods/NAME.ini beside the configuration", &c.method_use, kNothing});
  t.push_back({"method.name", "name in results; empty: made of forget and retain term, or that of the unlearned model",
               &m.name, kNothing, part_of_file_name(), Role::name});
  t.push_back({"method.sweep", "instead of campaign.sweep, of this method alone; none: no sweep; empty: that one",
               &c.campaign.method_sweep, kNothing});
  add_loss(t, m);
  add_token_weights(t, m);
  add_term_settings(t, m);
  add_procedure_settings(t, m);
  add_cache(t, m);
  add_overrides(t, c.method_overrides);
}

}  // namespace unpact
