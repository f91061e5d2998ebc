#pragma once
/// The choices within a method, by the names that configurations and results give them.
#include "unpact/core/enumeration.hpp"

namespace unpact {

/// What is done with the retain set.
enum class RetainKind { none, gd, kl, jsd };
UNPACT_ENUMERATION(RetainKind, "none", "gd", "kl", "jsd");

enum class NpoVariant {
  sequence,    ///< a margin a sequence, the paper's
  token,       ///< a margin a target (TNPO)
  token_mean,  ///< one margin a micro-batch, from the mean over all its targets (SimNPO's WMDP code)
  muse_logit,  ///< a margin for every position and word, on raw logits (muse_bench)
};
UNPACT_ENUMERATION(NpoVariant, "sequence", "token", "token_mean", "muse_logit");

enum class KlVariant {
  token,          ///< KL(p_ref || p_theta), the mean over the retain set's targets
  all_positions,  ///< the mean over every position, prompt included: open-unlearning's, but for its padding
  muse_logit,  ///< muse_bench's: sum over positions and v of exp(z_ref) (z_ref - z_theta) / B on raw logits. No divergence:
               ///< it has no lower bound
};
UNPACT_ENUMERATION(KlVariant, "token", "all_positions", "muse_logit");

/// Weights of target tokens (TokenWeighting).
enum class WeightingKind { none, wga, satimp, entropy, given, spans, attribution };
UNPACT_ENUMERATION(WeightingKind, "none", "wga", "satimp", "entropy", "given", "spans", "attribution");

/// What weighting = attribution makes of the target's leave-one-out log-probabilities; L[0,t] of the whole question, L[i,t]
/// without token i.
enum class AttributionWeights {
  contribution,  ///< ~ sum over KeyTokens i of max(0, L[0,t] - L[i,t])
  hard,          ///< 1 for the method.weight_share of the targets with most of it, 0 for the others
  complement,    ///< ~ the answer's largest such sum minus the target's own
  joint,         ///< ~ max(0, L[0,t] - L[K,t]), K: all KeyTokens taken out together
  random,  ///< the weights of `contribution`, in an order of their own in each answer: a control with the same histogram
};
UNPACT_ENUMERATION(AttributionWeights, "contribution", "hard", "complement", "joint", "random");

/// How npo and simnpo take the weights of wga and satimp, which follow the probabilities. Given weights are always balanced.
enum class WeightScale {
  fading,    ///< as they are: a sequence that is forgotten already counts less and less, as in ga
  balanced,  ///< scaled so that those of each sequence sum to its number of targets: no sequence fades
};
UNPACT_ENUMERATION(WeightScale, "fading", "balanced");

/// What RMU's squared differences are averaged over.
enum class RmuMean {
  tokens,     ///< all tokens of all sequences (RMU's own code, which also counts padding)
  sequences,  ///< the targets of each sequence, then the sequences (open-unlearning)
};
UNPACT_ENUMERATION(RmuMean, "tokens", "sequences");

/// Who has the fine-tuned model whose difference tv subtracts.
enum class Reinforced {
  own,     ///< each cell trains it
  shared,  ///< cells of a campaign that differ in method.scale alone train it once and keep it
};
UNPACT_ENUMERATION(Reinforced, "own", "shared");

/// Where numbers of the frozen model are kept.
enum class FrozenCache {
  none,    ///< nowhere: computed at every use
  memory,  ///< of the host
  disk,    ///< a file that the ranks share
};
UNPACT_ENUMERATION(FrozenCache, "none", "memory", "disk");

}  // namespace unpact
