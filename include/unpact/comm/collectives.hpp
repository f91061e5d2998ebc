#pragma once
/// Collectives on tensors with one meaning over NCCL (GPU), MPI (CPU) and a single rank. Everything above this
/// interface is the same code for all three.
///
/// Every call is collective over the group. Tensors are contiguous, of one dtype (float32, float64, bfloat16 or int64) on
/// the group's device, and of the same size on every rank; anything else is a ContractViolation. Reductions are sums,
/// accumulated in float32 for bfloat16 and rounded once. A call returns when its result is there.
///
/// The shard may be its own place inside the full buffer (in-place); no other overlap is allowed.
/// @throws RuntimeFailure, naming the collective and its sequence number, when a rank does not come in time, when the
/// ranks call different collectives, or when the network fails. The group cannot be used after that.
#include <cstdint>
#include <memory>
#include <string>

#include "unpact/comm/communicator.hpp"

namespace at {
class Tensor;
}
namespace c10 {
struct Device;
}

namespace unpact {

/// A collective under way.
class PendingCollective {
 public:
  virtual ~PendingCollective() = default;
  /// Returns when the result is there (on a GPU: for all work that is enqueued afterwards); again: at once.
  virtual void wait() = 0;
};

class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string name() const = 0;  ///< "nccl", "mpi" or "single"
  /// Whether every collective is a copy or nothing ("single"): callers may spare themselves the buffers.
  virtual bool is_alone() const { return false; }

  /// out[r * n .. (r+1) * n) = in of rank r; out.numel() == size() * in.numel().
  virtual void all_gather(at::Tensor& out, const at::Tensor& in) = 0;
  /// out = sum over ranks of in[rank() * n .. (rank()+1) * n); in.numel() == size() * out.numel().
  virtual void reduce_scatter(at::Tensor& out, const at::Tensor& in) = 0;
  /// tensor = sum over ranks of tensor, bit-equal on every rank.
  virtual void all_reduce(at::Tensor& tensor) = 0;
  virtual void broadcast(at::Tensor& tensor, int root) = 0;
  virtual void barrier() = 0;

  /// The same, begun now and finished by wait(). The tensors are kept alive; until then `in` must not be written and
  /// `out` not be touched. All ranks begin all collectives in the same order; they may wait in any. One that is never
  /// waited for keeps its tensors for as long as it may still use them.
  virtual std::unique_ptr<PendingCollective> start_all_gather(at::Tensor out, at::Tensor in) = 0;
  virtual std::unique_ptr<PendingCollective> start_reduce_scatter(at::Tensor out, at::Tensor in) = 0;
};

struct CollectiveOptions {
  /// Longest wait for the other ranks, in seconds. 0: the environment variable UNPACT_COLLECTIVE_TIMEOUT, or without
  /// it 300 on GPUs and 1800 on CPUs, where ranks drift further apart.
  double timeout_seconds = 0;
  /// MPI only: the most elements that one call carries (its counts are int).
  std::int64_t max_elements_per_call = std::int64_t{1} << 28;
  /// NCCL or MPI also for a group of one rank, which needs neither: for tests and measurements of them.
  bool even_alone = false;
};

/// The implementation for this device: NCCL for CUDA, MPI for the CPU, trivial for a group of one rank.
/// `group` must outlive the result. Collective, and so is the result's destructor.
/// @throws UserError when CUDA is asked for and NCCL is not built in, or when the time limit is not a number.
std::unique_ptr<Collectives> make_collectives(const Communicator& group, const c10::Device& device,
                                              const CollectiveOptions& options = {});

}  // namespace unpact
