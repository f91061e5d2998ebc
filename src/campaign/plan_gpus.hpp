#pragma once
/// What is known of GPUs by name.
#include <string>

#include "unpact/options/configuration.hpp"

namespace unpact {

/// One GPU, from its maker's data sheet: dense rates, without sparsity.
struct GpuFacts {
  GpuName name = GpuName::none;
  double memory = 0;                              ///< bytes
  double bf16 = 0, fp16 = 0, tf32 = 0, fp32 = 0;  ///< operations a second; 0: it has no such arithmetic
  double bandwidth = 0;                           ///< bytes a second
};

/// The row of a named GPU. @throws ContractViolation for names that name none.
const GpuFacts& gpu_facts(GpuName name);

/// What a campaign is planned for.
struct Machine {
  GpuFacts gpu;                         ///< with plan.gpu_memory and plan.peak_tflops in place of what the table says
  int capability = 0;                   ///< of the GPU to compute, its major number
  bool has_gpu = false;                 ///< false: CPUs, whose rate is unknown unless plan.peak_tflops says it
  std::int64_t gpus = 1, per_node = 1;  ///< without GPUs: ranks
  bool shares_targets = true;           ///< all GPUs make a target together (ranks_of_target); else those of a cell do
  std::string text;                     ///< for people
};

/// @param ranks of the job, where it is planned for CPUs. @throws UserError for what no such machine does, naming the option.
Machine machine_of(const Configuration& configuration, int ranks);

}  // namespace unpact
