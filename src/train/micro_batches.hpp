#pragma once
/// How a rank cuts its share of a step's examples into micro-batches; private to this layer.
#include <cstdint>
#include <vector>

#include "unpact/train/loss_term.hpp"

namespace unpact {

struct MicroBatch {
  std::vector<std::int64_t> examples;
  bool counts = true;  ///< false: runs along for nothing, because every rank must take part in each pass's collectives
};

/// Who cuts, and how.
struct MicroBatchCut {
  int rank = 0, ranks = 1;
  std::int64_t size = 1;      ///< examples that run at once
  bool equally_many = false;  ///< on every rank
};

/// This rank's share of a step's examples, similar lengths together.
std::vector<MicroBatch> cut_into_micro_batches(const LossTerm& term, const std::vector<std::int64_t>& examples,
                                               const MicroBatchCut& cut);

}  // namespace unpact
