/// Collectives over NCCL, for CUDA tensors.
///
/// Nothing here blocks without a time limit: the communicator is non-blocking, and each wait asks NCCL for
/// asynchronous errors while it polls. A failure aborts the communicator, so that the kernels of this rank end.
#ifdef UNPACT_HAS_NCCL
#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <utility>

#include "backends.hpp"
#include "nccl_resources.hpp"
#include "patience.hpp"
#include "pause.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

ncclDataType_t nccl_type(at::ScalarType dtype) {
  if (dtype == at::kFloat) return ncclFloat32;
  if (dtype == at::kDouble) return ncclFloat64;
  return dtype == at::kLong ? ncclInt64 : ncclBfloat16;
}

class NcclCollectives;

/// A collective on the communication stream; the event behind it tells when it is over.
class NcclPending final : public PendingCollective {
 public:
  NcclPending(NcclCollectives& group, at::Tensor out, at::Tensor in, at::Tensor sum)
      : group_(group), out_(std::move(out)), in_(std::move(in)), sum_(std::move(sum)) {}
  ~NcclPending() override;
  void wait() override;
  Event done;
  std::string what;

 private:
  NcclCollectives& group_;
  at::Tensor out_, in_, sum_;  // `sum_`, where it is defined, is rounded into `out_` at the end
  bool finished_ = false;
};

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(const Communicator& group, const at::Device& device, double timeout);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "nccl"; }

  void all_gather(at::Tensor& out, const at::Tensor& in) override;
  void reduce_scatter(at::Tensor& out, const at::Tensor& in) override;
  void all_reduce(at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override;
  std::unique_ptr<PendingCollective> start_all_gather(at::Tensor out, at::Tensor in) override;
  std::unique_ptr<PendingCollective> start_reduce_scatter(at::Tensor out, at::Tensor in) override;
  void wait_for(const Event& done, const std::string& what);

 private:
  template <class Enqueue>
  std::string enqueue_behind_current(const char* operation, Event& done, Enqueue enqueue);
  template <class Enqueue>
  void run(const char* operation, Enqueue enqueue);
  void wait_until_accepted(ncclResult_t state, const std::string& what);
  [[noreturn]] void fail(const std::string& what, const std::string& reason);
  [[noreturn]] void fail_late(const std::string& what);

  int rank_, size_;
  at::Device device_;
  Peers peers_;
  double timeout_;
  std::int64_t sequence_ = 0;
  NcclHandle comm_;
  c10::cuda::CUDAStream stream_;
  Event ready_, done_;
};

at::Device with_index(const at::Device& device) {
  int index = device.index();
  if (index < 0) UNPACT_CUDA_CALL(cudaGetDevice(&index));
  UNPACT_CUDA_CALL(cudaSetDevice(index));  // before NCCL and before any event or stream is made
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

NcclCollectives::NcclCollectives(const Communicator& group, const at::Device& device, double timeout)
    : rank_(group.rank()), size_(group.size()), device_(with_index(device)), peers_(group), timeout_(timeout),
      stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device_.index())) {
  require_matching_nccl();
  const std::string what = "setting up NCCL";
  ncclUniqueId id{};
  if (group.is_root() && ncclGetUniqueId(&id) != ncclSuccess) fail(what, ncclGetLastError(nullptr));
  group.broadcast_bytes(&id, sizeof id, 0);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  wait_until_accepted(ncclCommInitRankConfig(comm_.address(), size_, id, rank_, &config), what);
}

void NcclCollectives::fail(const std::string& what, const std::string& reason) {
  comm_.abort();
  throw RuntimeFailure(concat(what, " failed on rank ", rank_, " of ", size_), reason,
                       "look for an earlier error of another rank; NCCL_DEBUG=WARN makes NCCL say more");
}

void NcclCollectives::fail_late(const std::string& what) {
  fail(what, concat("not finished within ", timeout_,
                    " s: a rank is stuck, dead or in another collective (UNPACT_COLLECTIVE_TIMEOUT sets the limit)"));
}

void NcclCollectives::wait_until_accepted(ncclResult_t state, const std::string& what) {
  const Pause pause(kSpinForDevice);
  Patience patience(peers_, timeout_);
  while (state == ncclInProgress) {
    if (patience.seconds() > timeout_) fail_late(what);
    pause.next();
    if (const auto asked = ncclCommGetAsyncError(comm_.get(), &state); asked != ncclSuccess) state = asked;
  }
  if (state != ncclSuccess) fail(what, concat(ncclGetErrorString(state), ": ", ncclGetLastError(comm_.get())));
}

void NcclCollectives::wait_for(const Event& done, const std::string& what) {
  UNPACT_EXPECT(comm_.get() != nullptr);
  const Pause pause(kSpinForDevice);
  Patience patience(peers_, timeout_);
  bool noted = false;
  while (!done.has_passed()) {
    const double waited = patience.seconds();
    if (!noted && waited > timeout_ / 2) noted = note_wait(what, waited);
    auto state = ncclSuccess;
    if (const auto asked = ncclCommGetAsyncError(comm_.get(), &state); asked != ncclSuccess) state = asked;
    if (state != ncclSuccess && state != ncclInProgress)
      fail(what, concat(ncclGetErrorString(state), ": ", ncclGetLastError(comm_.get())));
    if (waited > timeout_) fail_late(what);
    pause.next();
  }
}

/// Enqueues on our own stream behind what the current stream has so far. @return what this call is, for messages.
template <class Enqueue>
std::string NcclCollectives::enqueue_behind_current(const char* operation, Event& done, Enqueue enqueue) {
  UNPACT_EXPECT(comm_.get() != nullptr);  // unusable after a failure
  const c10::cuda::CUDAGuard guard(device_);
  auto what = concat("collective #", ++sequence_, " (", operation, ")");
  ready_.record(c10::cuda::getCurrentCUDAStream(device_.index()).stream());
  ready_.hold_back(stream_.stream());
  wait_until_accepted(enqueue(comm_.get(), stream_.stream()), what);
  done.record(stream_.stream());
  return what;
}

/// Enqueues and waits. As the host waits, later work on any stream sees the result and no memory is freed under NCCL's
/// hands.
template <class Enqueue>
void NcclCollectives::run(const char* operation, Enqueue enqueue) {
  const auto what = enqueue_behind_current(operation, done_, enqueue);
  wait_for(done_, what);
}

/// The host waits here, too: one collective ahead of the computation keeps the device busy, and a wait on the host is
/// what gives a lost rank its time limit.
void NcclPending::wait() {
  if (finished_) return;
  group_.wait_for(done, what);  // from now on: the computation in between is nobody's delay
  finished_ = true;
  const at::NoGradGuard no_grad;
  if (sum_.defined()) out_.copy_(sum_);
  out_ = in_ = sum_ = at::Tensor();
}

/// Nobody waited: NCCL may still use the tensors, so they stay for good.
NcclPending::~NcclPending() {
  if (!finished_) new std::array<at::Tensor, 3>{out_, in_, sum_};
}

std::unique_ptr<PendingCollective> NcclCollectives::start_all_gather(at::Tensor out, at::Tensor in) {
  check_full_and_shard(out, in, device_, rank_, size_);
  auto pending = std::make_unique<NcclPending>(*this, out, in, at::Tensor());
  pending->what = enqueue_behind_current("all_gather", pending->done, [&](ncclComm_t comm, cudaStream_t stream) {
    return in.numel() == 0 ? ncclSuccess
                           : ncclAllGather(in.const_data_ptr(), out.mutable_data_ptr(), in.numel(),
                                           nccl_type(in.scalar_type()), comm, stream);
  });
  return pending;
}

std::unique_ptr<PendingCollective> NcclCollectives::start_reduce_scatter(at::Tensor out, at::Tensor in) {
  check_full_and_shard(in, out, device_, rank_, size_);
  const at::NoGradGuard no_grad;
  const bool converts = in.scalar_type() == at::kBFloat16;
  const auto send = converts ? in.to(at::kFloat) : in;
  const auto sum = converts ? at::empty_like(out, out.options().dtype(at::kFloat)) : out;
  auto pending = std::make_unique<NcclPending>(*this, out, send, converts ? sum : at::Tensor());
  pending->what = enqueue_behind_current("reduce_scatter", pending->done, [&](ncclComm_t comm, cudaStream_t stream) {
    return sum.numel() == 0 ? ncclSuccess
                            : ncclReduceScatter(send.const_data_ptr(), sum.mutable_data_ptr(), sum.numel(),
                                                nccl_type(sum.scalar_type()), ncclSum, comm, stream);
  });
  return pending;
}

void NcclCollectives::all_gather(at::Tensor& out, const at::Tensor& in) {
  check_full_and_shard(out, in, device_, rank_, size_);
  if (in.numel() == 0) return;
  run("all_gather", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclAllGather(in.const_data_ptr(), out.mutable_data_ptr(), in.numel(), nccl_type(in.scalar_type()), comm, stream);
  });
}

void NcclCollectives::reduce_scatter(at::Tensor& out, const at::Tensor& in) {
  check_full_and_shard(in, out, device_, rank_, size_);
  if (out.numel() == 0) return;
  const at::NoGradGuard no_grad;
  const bool converts = in.scalar_type() == at::kBFloat16;  // NCCL would round after every addition
  const auto send = converts ? in.to(at::kFloat) : in;
  const auto sum = converts ? at::empty_like(out, out.options().dtype(at::kFloat)) : out;
  run("reduce_scatter", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclReduceScatter(send.const_data_ptr(), sum.mutable_data_ptr(), sum.numel(), nccl_type(sum.scalar_type()),
                             ncclSum, comm, stream);
  });
  if (converts) out.copy_(sum);
}

void NcclCollectives::all_reduce(at::Tensor& tensor) {
  check_tensor(tensor, device_);
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  const bool converts = tensor.scalar_type() == at::kBFloat16;
  const auto sum = converts ? tensor.to(at::kFloat) : tensor;
  run("all_reduce", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclAllReduce(sum.const_data_ptr(), sum.mutable_data_ptr(), sum.numel(), nccl_type(sum.scalar_type()), ncclSum,
                         comm, stream);
  });
  if (converts) tensor.copy_(sum);
}

void NcclCollectives::broadcast(at::Tensor& tensor, int root) {
  check_tensor(tensor, device_);
  UNPACT_EXPECT(root >= 0 && root < size_);
  if (tensor.numel() == 0) return;
  run("broadcast", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclBroadcast(tensor.const_data_ptr(), tensor.mutable_data_ptr(), tensor.numel(), nccl_type(tensor.scalar_type()),
                         root, comm, stream);
  });
}

void NcclCollectives::barrier() {
  auto token = at::zeros({1}, at::TensorOptions(device_).dtype(at::kFloat));
  run("barrier", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclAllReduce(token.const_data_ptr(), token.mutable_data_ptr(), 1, ncclFloat32, ncclSum, comm, stream);
  });
}

}  // namespace

std::unique_ptr<Collectives> make_nccl(const Communicator& group, const at::Device& device,
                                       const CollectiveOptions& options) {
  return std::make_unique<NcclCollectives>(group, device, options.timeout_seconds);
}

}  // namespace unpact::backend
#endif  // UNPACT_HAS_NCCL
