#pragma once
/// What the collectives over NCCL are made of; private to this layer.
#ifdef UNPACT_HAS_NCCL
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "unpact/core/cuda_check.hpp"

namespace unpact::backend {

/// Two copies of NCCL in one process (LibTorch's and ours) are a common source of crashes. @throws RuntimeFailure when the
/// one that was loaded is not the one that was compiled against.
void require_matching_nccl();

/// A CUDA event without a time.
class Event {
 public:
  Event() { UNPACT_CUDA_CALL(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { UNPACT_CUDA_CALL(cudaEventRecord(event_, stream)); }
  void hold_back(cudaStream_t stream) { UNPACT_CUDA_CALL(cudaStreamWaitEvent(stream, event_, 0)); }
  bool has_passed() const {
    const auto code = cudaEventQuery(event_);
    if (code == cudaErrorNotReady) return false;
    check_cuda(code, "cudaEventQuery", __FILE__, __LINE__);
    return true;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Owns the NCCL communicator. Its destructor says goodbye to the other ranks, or aborts when that takes too long or
/// an exception is on its way.
class NcclHandle {
 public:
  NcclHandle() = default;
  ~NcclHandle();
  NcclHandle(const NcclHandle&) = delete;
  NcclHandle& operator=(const NcclHandle&) = delete;

  ncclComm_t get() const { return comm_; }
  ncclComm_t* address() { return &comm_; }
  void abort();

 private:
  bool finalize();
  ncclComm_t comm_ = nullptr;
};

}  // namespace unpact::backend
#endif  // UNPACT_HAS_NCCL
