#pragma once
/// What the attribution benchmark is asked to measure, and what its times are held against.
#include <string>
#include <vector>

#include "unpact/model/transformer.hpp"

namespace unpact {

struct Case {
  std::string model, dtype, device, save;
  std::size_t n = 0, T = 0, context = 0, rounds = 0, batched_budget = 4096, parts = 0, every = 1, rank = 0, ranks = 0;
  std::vector<std::string> engines;
};

/// Random weights, or those of a folder.
Transformer make_model(const Case& c);

/// Operations of the least work that gives the same numbers: shared prefix, logits of scored rows, the last block beyond
/// keys and values for scored rows alone, the first block's projections once a token. One multiply-add counts two.
double bound_operations(const ModelConfig& model, const Case& c, bool context_is_known);

/// Prints the machine's rates of the model's matrix products.
void report_gemm(const Case& c, const Transformer& model);

/// Waits until the device has done what it was given.
void synchronize(const c10::Device& device);

}  // namespace unpact
