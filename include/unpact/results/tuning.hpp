#pragma once
/// A search of KeyToken floors. Legend: A values of alpha, B values of beta.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/results/provenance.hpp"

namespace unpact {

/// One point of the grid over one half of the prompts.
struct ThresholdScore {
  double objective = 0;
  double first = 0, second = 0;          ///< labels: precision, recall; effect: share of the effect, share of the tokens
  double key_tokens = 0;                 ///< mean a prompt
  std::uint64_t without_key_tokens = 0;  ///< prompts
};

struct ThresholdGrid {
  std::string objective;  ///< labels or effect
  std::vector<double> alphas, betas;
  std::vector<ThresholdScore> tuned, held_out;  ///< A x B, row-major; prompts 0, 2, 4, ... and 1, 3, 5, ...
  std::uint64_t tuned_prompts = 0, held_out_prompts = 0;
  std::size_t best = 0;  ///< into `tuned`

  double best_alpha() const { return alphas[best / betas.size()]; }
  double best_beta() const { return betas[best % betas.size()]; }
};

struct TuningRecord {
  Provenance provenance;
  std::string model, dataset, attribution_method;
  ThresholdGrid grid;
  std::string compute_dtype = "fp32";  ///< of the contributions: fp32, tf32, bf16 or fp16
  double noise_floor = 0;              ///< in it, nats per answer token
};

}  // namespace unpact
