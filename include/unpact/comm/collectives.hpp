#pragma once
/// Collectives on tensors with one meaning over NCCL (GPU), MPI (CPU) and a single rank. Everything above this
/// interface is the same code for all three.
///
/// Every call is collective over the group. Tensors are contiguous, of one dtype (float32, bfloat16 or int64) on the
/// group's device, and of the same size on every rank; anything else is a ContractViolation. Reductions are sums,
/// accumulated in float32 for bfloat16.
#include <memory>
#include <string>

#include "unpact/comm/communicator.hpp"

namespace at { class Tensor; }
namespace c10 { struct Device; }

namespace unpact {

class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string name() const = 0;  ///< "nccl", "mpi" or "single"

  /// out[r * n .. (r+1) * n) = in of rank r; out.numel() == size() * in.numel().
  virtual void all_gather(at::Tensor& out, const at::Tensor& in) = 0;
  /// out = sum over ranks of in[rank() * n .. (rank()+1) * n); in.numel() == size() * out.numel().
  virtual void reduce_scatter(at::Tensor& out, const at::Tensor& in) = 0;
  /// tensor = sum over ranks of tensor, bit-equal on every rank.
  virtual void all_reduce(at::Tensor& tensor) = 0;
  virtual void broadcast(at::Tensor& tensor, int root) = 0;
  virtual void barrier() = 0;
};

/// The implementation for this device: NCCL for CUDA, MPI for the CPU, trivial for a group of one rank.
/// `group` must outlive the result. Collective. @throws UserError when CUDA is asked for and NCCL is not built in.
std::unique_ptr<Collectives> make_collectives(const Communicator& group, const c10::Device& device);

}  // namespace unpact
