/// Collectives over MPI, for CPU tensors.
///
/// Every call goes through the queue of mpi_queue.hpp, where the ranks agree on what they do before data moves.
#include <ATen/ATen.h>
#include <algorithm>
#include <climits>
#include <utility>
#include <vector>

#include "backends.hpp"
#include "mpi_bytes.hpp"
#include "mpi_queue.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

constexpr std::int64_t kConversionElements = std::int64_t{1} << 22;  // float32 copies of bfloat16: 16 MiB at a time

MPI_Datatype mpi_type(at::ScalarType dtype) {
  if (dtype == at::kFloat) return MPI_FLOAT;
  if (dtype == at::kDouble) return MPI_DOUBLE;
  return dtype == at::kLong ? MPI_INT64_T : MPI_UINT16_T;  // bfloat16 is only moved, never added, by MPI
}

/// `count` elements that lie `stride_bytes` apart from one rank to the next, as one MPI datatype.
class StridedType {
 public:
  StridedType(MPI_Datatype element, std::int64_t count, std::size_t stride_bytes) {
    MPI_Datatype block = MPI_DATATYPE_NULL;
    UNPACT_MPI(MPI_Type_contiguous(static_cast<int>(count), element, &block));
    UNPACT_MPI(MPI_Type_create_resized(block, 0, static_cast<MPI_Aint>(stride_bytes), &type_));
    UNPACT_MPI(MPI_Type_free(&block));
    UNPACT_MPI(MPI_Type_commit(&type_));
  }
  ~StridedType() { MPI_Type_free(&type_); }
  StridedType(const StridedType&) = delete;
  StridedType& operator=(const StridedType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

class MpiPending final : public PendingCollective {
 public:
  MpiPending(MpiQueue& queue, std::shared_ptr<MpiOperation> operation) : queue_(queue), operation_(std::move(operation)) {}
  void wait() override {
    if (operation_) queue_.finish(*operation_);
    operation_.reset();
  }

 private:
  MpiQueue& queue_;
  std::shared_ptr<MpiOperation> operation_;
};

class MpiCollectives final : public Collectives {
 public:
  MpiCollectives(const Communicator& group, const CollectiveOptions& options)
      : queue_(group, options.timeout_seconds), rank_(group.rank()), size_(group.size()),
        max_elements_(std::min<std::int64_t>(options.max_elements_per_call, INT_MAX)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "mpi"; }

  void all_gather(at::Tensor& out, const at::Tensor& in) override;
  void reduce_scatter(at::Tensor& out, const at::Tensor& in) override;
  void all_reduce(at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override { agree("barrier", 5, at::kFloat, 0, 0); }
  std::unique_ptr<PendingCollective> start_all_gather(at::Tensor out, at::Tensor in) override;
  std::unique_ptr<PendingCollective> start_reduce_scatter(at::Tensor out, at::Tensor in) override;

 private:
  void agree(const char* name, std::int64_t code, at::ScalarType dtype, std::int64_t count, int root) {
    queue_.agree(name, {code, static_cast<std::int64_t>(dtype), count, root});
  }
  MPI_Comm data() const { return queue_.data_handle(); }
  void all_reduce_part(at::Tensor part);

  /// How many elements a rank may contribute to one call, so that no count of all ranks together overflows.
  std::int64_t shard_limit(at::ScalarType dtype, bool reduces) const {
    const auto all = reduces && dtype == at::kBFloat16 ? std::min(max_elements_, kConversionElements) : max_elements_;
    return std::max<std::int64_t>(1, all / size());
  }

  MpiQueue queue_;
  int rank_, size_;
  std::int64_t max_elements_;
};

void MpiCollectives::all_gather(at::Tensor& out, const at::Tensor& in) {
  const at::NoGradGuard no_grad;
  const bool in_place = check_full_and_shard(out, in, at::kCPU, rank(), size());
  const auto count = in.numel();
  agree("all_gather", 1, in.scalar_type(), count, 0);
  const auto type = mpi_type(in.scalar_type());
  const auto limit = shard_limit(in.scalar_type(), false);
  for (std::int64_t start = 0; start < count; start += limit) {
    const auto now = std::min(limit, count - start);
    const StridedType place(type, now, in.nbytes());
    const auto offset = start * static_cast<std::int64_t>(in.element_size());
    auto* target = static_cast<char*>(out.mutable_data_ptr()) + offset;
    const void* source = in_place ? MPI_IN_PLACE : static_cast<const char*>(in.const_data_ptr()) + offset;
    UNPACT_MPI(MPI_Allgather(source, static_cast<int>(now), type, target, 1, place.get(), data()));
  }
}

void MpiCollectives::reduce_scatter(at::Tensor& out, const at::Tensor& in) {
  const at::NoGradGuard no_grad;
  const bool in_place = check_full_and_shard(in, out, at::kCPU, rank(), size());
  const auto count = out.numel();
  agree("reduce_scatter", 2, out.scalar_type(), count, 0);
  const bool converts = out.scalar_type() == at::kBFloat16;
  const auto sum_type = converts ? at::kFloat : out.scalar_type();
  const auto limit = shard_limit(out.scalar_type(), true);
  const auto shards = in.view({size(), count});
  for (std::int64_t start = 0; start < count; start += limit) {
    const auto now = std::min(limit, count - start);
    const bool whole = now == count && !converts;
    // A part of each shard, or another type, is packed first.
    const auto send = whole ? in : shards.narrow(1, start, now).to(sum_type).contiguous();
    auto piece = out.view(-1).narrow(0, start, now);
    const auto sum = converts || in_place ? at::empty({now}, send.options()) : piece;
    UNPACT_MPI(MPI_Reduce_scatter_block(send.const_data_ptr(), sum.mutable_data_ptr(), static_cast<int>(now),
                                        mpi_type(sum_type), MPI_SUM, data()));
    if (!sum.is_same(piece)) piece.copy_(sum);
  }
}

/// Each rank sums one piece and all gather the pieces: what is summed once is equal everywhere.
void MpiCollectives::all_reduce_part(at::Tensor part) {
  const bool converts = part.scalar_type() == at::kBFloat16;
  const auto send = converts ? part.to(at::kFloat) : part;
  std::vector<int> counts, starts;
  for (int r = 0; r < size(); ++r) {
    starts.push_back(static_cast<int>(part.numel() * r / size()));
    counts.push_back(static_cast<int>(part.numel() * (r + 1) / size()) - starts.back());
  }
  const auto sum = at::empty({counts[rank()]}, send.options());
  UNPACT_MPI(MPI_Reduce_scatter(send.const_data_ptr(), sum.mutable_data_ptr(), counts.data(), mpi_type(send.scalar_type()),
                                MPI_SUM, data()));
  const auto rounded = sum.to(part.scalar_type());
  UNPACT_MPI(MPI_Allgatherv(rounded.const_data_ptr(), counts[rank()], mpi_type(part.scalar_type()), part.mutable_data_ptr(),
                            counts.data(), starts.data(), mpi_type(part.scalar_type()), data()));
}

void MpiCollectives::all_reduce(at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  check_tensor(tensor, at::kCPU);
  const auto count = tensor.numel();
  agree("all_reduce", 3, tensor.scalar_type(), count, 0);
  const auto limit = shard_limit(tensor.scalar_type(), true) * size();
  for (std::int64_t start = 0; start < count; start += limit)
    all_reduce_part(tensor.view(-1).narrow(0, start, std::min(limit, count - start)));
}

void MpiCollectives::broadcast(at::Tensor& tensor, int root) {
  check_tensor(tensor, at::kCPU);
  UNPACT_EXPECT(root >= 0 && root < size());
  agree("broadcast", 4, tensor.scalar_type(), tensor.numel(), root);
  broadcast_parts(data(), tensor.mutable_data_ptr(), tensor.nbytes(), root);
}

std::unique_ptr<PendingCollective> MpiCollectives::start_all_gather(at::Tensor out, at::Tensor in) {
  const bool in_place = check_full_and_shard(out, in, at::kCPU, rank(), size());
  const auto post = [this, out, in, in_place](MpiOperation& operation) {
    const auto type = mpi_type(in.scalar_type());
    const auto limit = shard_limit(in.scalar_type(), false), count = in.numel();
    for (std::int64_t start = 0; start < count; start += limit) {
      const auto now = std::min(limit, count - start);
      const StridedType place(type, now, in.nbytes());  // MPI keeps a type for as long as a request needs it
      const auto offset = start * static_cast<std::int64_t>(in.element_size());
      auto* target = static_cast<char*>(out.mutable_data_ptr()) + offset;
      const void* source = in_place ? MPI_IN_PLACE : static_cast<const char*>(in.const_data_ptr()) + offset;
      UNPACT_MPI(MPI_Iallgather(source, static_cast<int>(now), type, target, 1, place.get(), data(), operation.request()));
    }
  };
  return std::make_unique<MpiPending>(
      queue_, queue_.start("all_gather", {1, static_cast<std::int64_t>(in.scalar_type()), in.numel(), 0}, post));
}

std::unique_ptr<PendingCollective> MpiCollectives::start_reduce_scatter(at::Tensor out, at::Tensor in) {
  const bool in_place = check_full_and_shard(in, out, at::kCPU, rank(), size());
  const auto post = [this, out, in, in_place](MpiOperation& operation) {
    const at::NoGradGuard no_grad;
    const bool converts = out.scalar_type() == at::kBFloat16;
    const auto sum_type = converts ? at::kFloat : out.scalar_type();
    const auto limit = shard_limit(out.scalar_type(), true), count = out.numel();
    for (std::int64_t start = 0; start < count; start += limit) {
      const auto now = std::min(limit, count - start);
      const bool whole = now == count && !converts;
      const auto send = whole ? in : in.view({size(), count}).narrow(1, start, now).to(sum_type).contiguous();
      const auto piece = out.view(-1).narrow(0, start, now);
      const auto sum = converts || in_place ? at::empty({now}, send.options()) : piece;
      operation.keep(send, sum, sum.is_same(piece) ? at::Tensor() : piece);
      UNPACT_MPI(MPI_Ireduce_scatter_block(send.const_data_ptr(), sum.mutable_data_ptr(), static_cast<int>(now),
                                           mpi_type(sum_type), MPI_SUM, data(), operation.request()));
    }
  };
  return std::make_unique<MpiPending>(
      queue_, queue_.start("reduce_scatter", {2, static_cast<std::int64_t>(out.scalar_type()), out.numel(), 0}, post));
}

}  // namespace

std::unique_ptr<Collectives> make_mpi(const Communicator& group, const CollectiveOptions& options) {
  return std::make_unique<MpiCollectives>(group, options);
}

}  // namespace unpact::backend
