#pragma once
/// The order in which MPI collectives of a group run, private to this layer.
///
/// Before data moves, the ranks agree on what they are about to do (operation, dtype, count, root) with a wait that has
/// a time limit. So a missing rank or a mismatched order of calls becomes an error on every rank instead of a hang or
/// wrong numbers. Agreements and data have a communicator each, and the data of collectives that run in the background
/// are posted in the order in which those began: MPI wants one order on every rank.
#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "patience.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact::backend {

using Signature = std::array<std::int64_t, 4>;  ///< operation, dtype, count, root

/// A collective under way: first the agreement, then the data.
class MpiOperation {
 public:
  MPI_Request* request() { return &requests_.emplace_back(MPI_REQUEST_NULL); }
  /// Keeps buffers until the end; `sum` is then copied to `target` where that is defined.
  void keep(at::Tensor send, at::Tensor sum, at::Tensor target) {
    kept_.push_back({std::move(send), std::move(sum), std::move(target)});
  }

 private:
  friend class MpiQueue;
  struct Kept {
    at::Tensor send, sum, target;
  };
  std::string what_;
  std::array<std::int64_t, 8> mine_{}, highest_{};  // the signature and its negative: their maxima tell whether all agree
  MPI_Request agreement_ = MPI_REQUEST_NULL;
  bool agreed_ = false, posted_ = false, done_ = false;
  std::function<void(MpiOperation&)> post_;
  std::deque<MPI_Request> requests_;  // MPI holds on to their addresses while more are added
  std::vector<Kept> kept_;
};

class MpiQueue {
 public:
  /// Collective over `group`.
  MpiQueue(const Communicator& group, double timeout_seconds);
  ~MpiQueue();
  MpiQueue(const MpiQueue&) = delete;
  MpiQueue& operator=(const MpiQueue&) = delete;

  /// Returns when all ranks are about to do the same and all that began earlier has posted its data.
  void agree(const char* name, const Signature& signature);
  /// Begins an operation whose data `post` posts once all ranks agree.
  std::shared_ptr<MpiOperation> start(const char* name, const Signature& signature, std::function<void(MpiOperation&)> post);
  /// Waits for the end of an operation.
  void finish(MpiOperation& operation);

  MPI_Comm data_handle() const { return data_.handle(); }

 private:
  void advance();
  [[noreturn]] void fail_late(const std::string& what);
  [[noreturn]] void fail_mismatch(const std::string& what);
  template <class Done>
  void wait_until(const std::string& what, double spin_seconds, Done done);

  Communicator agreements_, data_, reports_;  // null after a failure
  Peers peers_;
  double timeout_;
  int rank_, size_;
  std::int64_t sequence_ = 0;
  std::deque<std::shared_ptr<MpiOperation>> operations_;  // not finished yet, in the order of their beginning
};

}  // namespace unpact::backend
