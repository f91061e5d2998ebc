#pragma once
/// What the implementations of Collectives share; private to this layer.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <memory>

#include "unpact/comm/collectives.hpp"

namespace unpact::backend {

std::unique_ptr<Collectives> make_single();
std::unique_ptr<Collectives> make_mpi(const Communicator& group, const CollectiveOptions& options);
#ifdef UNPACT_HAS_NCCL
std::unique_ptr<Collectives> make_nccl(const Communicator& group, const at::Device& device,
                                       const CollectiveOptions& options);
#endif

/// The dtype, layout and device that the interface promises. @throws ContractViolation.
void check_tensor(const at::Tensor& tensor, const at::Device& device);

/// Checks both tensors of an all-gather or a reduce-scatter: same dtype, sizes that fit, and no overlap but in-place.
/// @return whether `shard` is its own place inside `full`. @throws ContractViolation.
bool check_full_and_shard(const at::Tensor& full, const at::Tensor& shard, const at::Device& device, int rank, int size);

/// Notes in this rank's log file that it has waited for half of the time limit: the first rank whose limit is over ends the
/// others before they can say where they are. @return true.
bool note_wait(const std::string& collective, double seconds);

}  // namespace unpact::backend
