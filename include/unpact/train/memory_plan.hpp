#pragma once
/// The memory that one rank needs for a training, before anything is loaded. The lines of the shard are exact, those of
/// activations an estimate; docs/training.md has the formulas.
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "unpact/train/trainer.hpp"

namespace unpact {

struct MemoryPlan {
  using Lines = std::vector<std::pair<std::string, double>>;  ///< what, bytes
  Lines lines;       ///< on the device that computes
  Lines host_lines;  ///< with offload_optimizer: in host memory
  double total() const;
  double host_total() const;
  std::string table() const;
};

/// What a rank holds of the target model beside the pieces that train.
enum class TargetInMemory {
  whole,     ///< all of it
  streamed,  ///< the head, and one unit at a time (StreamedModel)
  nothing,
};

/// @param selected which weights train, by name. @param longest tokens of the longest example.
MemoryPlan plan_memory(const ModelConfig& config, const std::function<bool(const std::string&)>& selected, int ranks,
                       const TrainOptions& options, std::int64_t longest, TargetInMemory target = TargetInMemory::whole);

}  // namespace unpact
