#pragma once
/// The settings of an unlearning method.
#include <cstdint>
#include <string>

#include "unpact/unlearn/variants.hpp"

namespace unpact {

struct MethodOptions {
  std::string name;           ///< in results; empty: made of forget and retain (name_of)
  std::string forget = "ga";  ///< a name of known_forget_kinds()
  RetainKind retain = RetainKind::none;
  double forget_weight = 1.0;      ///< gamma
  double retain_weight = 1.0;      ///< lambda; RMU's alpha; PDU's first dual variable
  double beta = -1;                ///< npo, simnpo, dpo, undial; -1: the published one (default_beta)
  bool length_normalized = false;  ///< npo
  NpoVariant npo_variant = NpoVariant::sequence;
  KlVariant kl_variant = KlVariant::token;
  WeightingKind weighting = WeightingKind::none;  ///< ga, npo, simnpo, palu
  double weight_power = -1;        ///< wga's beta, satimp's beta1; of given ones: times p_t to it; -1: 1, 5 and 0
  double weight_complement = 1.0;  ///< satimp's beta2
  WeightScale weight_scale = WeightScale::fading;  ///< npo, simnpo: of wga's and satimp's
  std::string weights_path;                        ///< given: JSON lines, a list of one number a target each
  double weight_outside = 0;                       ///< spans: of targets that hold nothing of what the answer names
  std::int64_t span_tokens = 0;                    ///< spans: only the first so many tokens of each occurrence; 0: all
  AttributionWeights attribution_weights = AttributionWeights::contribution;  ///< attribution
  double weight_share = 0.2;                                                  ///< attribution, hard: of an answer's targets
  double anchor_weight =
      0;  ///< given, spans, attribution: of KL to the target on the forget set's targets that weigh less than 1
  std::string refusal = "No Idea";       ///< jensun: what every answer is pulled towards, with a space in front
  std::string file_checksum;             ///< SHA-256 that the file of weights or alternates must have; empty: any
  double delta = 0.0;                    ///< simnpo's margin
  std::string alternates;                ///< dpo: answers to prefer; text lines, or JSON lines of question and answer
  std::int64_t skipped_targets = 1;      ///< ceu: leading targets of each example that are left out
  std::int64_t flattened = 50;           ///< palu: the target's likeliest tokens whose logits are made equal
  double retain_limit = 0.0;             ///< pdu: what the retain loss may be (epsilon, nats a token)
  double dual_rate = 1.0;                ///< pdu: step of the dual variable (eta)
  std::int64_t dual_warmup = 5;          ///< pdu: epochs before it moves
  std::int64_t layer = 7;                ///< rmu: the block whose output is steered (0-based)
  std::string trained_layers = "5,6,7";  ///< rmu: blocks whose weights train; all: every weight that h depends on
  std::string trained_weights = "mlp.down_proj.weight";  ///< rmu: names within a block, comma-separated
  double steering = 20.0;                                ///< rmu's c
  RmuMean rmu_mean = RmuMean::tokens;
  bool rmu_early_stop = true;               ///< rmu: blocks after `layer` do not run
  double scale = 1.0;                       ///< tv's and whp's alpha
  Reinforced reinforced = Reinforced::own;  ///< tv, in a campaign
  FrozenCache cache = FrozenCache::memory;  ///< of the frozen model's numbers
  double cache_gib = 64;                    ///< memory: the most a rank may take
};

}  // namespace unpact
