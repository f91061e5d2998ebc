#include "plan_gpus.hpp"

#include <algorithm>
#include <vector>

#include "unpact/comm/device.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr double kGiga = 1e9, kTera = 1e12;

/// NVIDIA's data sheets, SXM where there are several: A100 (2021), H100 (2023; 1,979 TFLOP/s in bf16 with sparsity), H200
/// (2024), L40S (2023; 733 with sparsity), RTX A6000 (2021; 309.7 with sparsity), Tesla V100 32 GB SXM2 (2020; 125 TFLOP/s in
/// fp16, no bf16), Ada GPU architecture (2023) for the RTX 4090 with fp32 sums.
const std::vector<GpuFacts>& table() {
  static const std::vector<GpuFacts> rows = {
      {GpuName::a100_40, 40 * kGiga, 312 * kTera, 312 * kTera, 156 * kTera, 19.5 * kTera, 1555 * kGiga},
      {GpuName::a100_80, 80 * kGiga, 312 * kTera, 312 * kTera, 156 * kTera, 19.5 * kTera, 2039 * kGiga},
      {GpuName::h100, 80 * kGiga, 989 * kTera, 989 * kTera, 494 * kTera, 67 * kTera, 3350 * kGiga},
      {GpuName::h200, 141 * kGiga, 989 * kTera, 989 * kTera, 494 * kTera, 67 * kTera, 4800 * kGiga},
      {GpuName::l40s, 48 * kGiga, 362 * kTera, 362 * kTera, 183 * kTera, 91.6 * kTera, 864 * kGiga},
      {GpuName::a6000, 48 * kGiga, 154.8 * kTera, 154.8 * kTera, 77.4 * kTera, 38.7 * kTera, 768 * kGiga},
      {GpuName::v100, 32 * kGiga, 0, 125 * kTera, 0, 15.7 * kTera, 900 * kGiga},
      {GpuName::rtx4090, 24 * kGiga, 165.2 * kTera, 165.2 * kTera, 82.6 * kTera, 82.6 * kTera, 1008 * kGiga}};
  return rows;
}

}  // namespace

const GpuFacts& gpu_facts(GpuName name) {
  const auto row = std::ranges::find(table(), name, &GpuFacts::name);
  UNPACT_EXPECT(row != table().end());
  return *row;
}

Machine machine_of(const Configuration& c, int ranks) {
  const auto& p = c.plan;
  Machine machine;
  const bool on_cuda = c.run.device == DeviceChoice::cuda;
  const auto name = p.gpu != GpuName::automatic ? p.gpu : on_cuda ? GpuName::h100 : GpuName::none;
  UNPACT_VALIDATE(name != GpuName::none || !on_cuda,
                  "options 'plan.gpu = none' and 'run.device = cuda' contradict each other", "the campaign runs on GPUs",
                  "name the GPU, or set run.device = cpu");
  machine.has_gpu = name != GpuName::none;
  if (machine.has_gpu) machine.gpu = gpu_facts(name);
  machine.capability = machine.gpu.bf16 > 0 ? kCapabilityOfBf16 : kCapabilityOfBf16 - 1;
  if (p.gpu_memory > 0) machine.gpu.memory = p.gpu_memory * kGiga;
  if (p.peak_tflops > 0) machine.gpu.bf16 = machine.gpu.fp16 = machine.gpu.tf32 = machine.gpu.fp32 = p.peak_tflops * kTera;
  UNPACT_VALIDATE(!machine.has_gpu || c.train.dtype != ComputeType::bf16 || machine.capability >= kCapabilityOfBf16,
                  concat("option 'train.dtype' is bf16, which a ", name_of_value(name), " does not compute in"),
                  "its maker names no rate for it", "plan for another GPU, or set train.dtype = fp32");
  const auto own = std::max<std::int64_t>(ranks, c.campaign.ranks_per_cell);
  machine.gpus = machine.has_gpu ? p.gpus : own;
  machine.per_node = machine.has_gpu ? std::min(p.gpus_per_node, p.gpus) : own;
  UNPACT_VALIDATE(machine.gpus % c.campaign.ranks_per_cell == 0,
                  concat("option 'campaign.ranks_per_cell' is ", c.campaign.ranks_per_cell),
                  concat("the ", machine.gpus, machine.has_gpu ? " GPUs of plan.gpus" : " ranks of this job",
                         " cannot be cut into equal groups"),
                  "choose a divisor of them");
  machine.text = machine.has_gpu ? concat(machine.gpus, " x ", name_of_value(name), ", ", machine.per_node, " a node, ",
                                          machine.gpu.memory / kGiga, " GB each")
                                 : concat(machine.gpus, " rank(s) on CPUs");
  return machine;
}

}  // namespace unpact
