#pragma once
/// What a good scorer does without sharing anything: full forward passes over batches of removals, which are equally
/// long and need no padding, and logits of the scored rows alone. The baseline of the benchmark.
#include "unpact/attribution/leave_one_out.hpp"

namespace unpact {

class BatchedEngine : public LeaveOneOutEngine {
 public:
  explicit BatchedEngine(std::size_t token_budget) : token_budget_(token_budget) {}
  std::unique_ptr<BoundEngine> open(const Transformer& model) const override;

 private:
  std::size_t token_budget_;
};

}  // namespace unpact
