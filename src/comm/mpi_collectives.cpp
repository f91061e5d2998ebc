/// Collectives over MPI, for CPU tensors.
///
/// Before data moves, the ranks agree on what they are about to do (operation, dtype, count, root) with a wait that
/// has a time limit. So a missing rank or a mismatched order of calls becomes an error on every rank instead of a hang
/// or wrong numbers.
#include <sched.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>
#include <vector>

#include "backends.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

constexpr std::int64_t kConversionElements = std::int64_t{1} << 22;  // float32 copies of bfloat16: 16 MiB at a time

MPI_Datatype mpi_type(at::ScalarType dtype) {
  if (dtype == at::kFloat) return MPI_FLOAT;
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

/// What a rank is about to do, and its negative: the maximum over ranks then tells whether all are equal.
struct Agreement {
  std::array<std::int64_t, 8> mine{}, highest{};
  bool all_equal() const {
    for (std::size_t i = 0; i < mine.size() / 2; ++i)
      if (highest[i] != -highest[i + mine.size() / 2]) return false;
    return true;
  }
};

/// Keeps what a wait in vain leaves behind: MPI may still write to the agreement, and freeing a communicator with a
/// pending collective crashes Open MPI.
void leave_to_mpi(std::unique_ptr<Agreement> agreement, Communicator group) {
  static auto& left = *new std::vector<std::pair<std::unique_ptr<Agreement>, Communicator>>;  // never destroyed
  left.emplace_back(std::move(agreement), std::move(group));
}

class MpiCollectives final : public Collectives {
 public:
  MpiCollectives(const Communicator& group, const CollectiveOptions& options)
      : group_(group.dup()),
        rank_(group.rank()),
        size_(group.size()),
        timeout_(options.timeout_seconds),
        max_elements_(std::min<std::int64_t>(options.max_elements_per_call, INT_MAX)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "mpi"; }

  void all_gather(at::Tensor& out, const at::Tensor& in) override;
  void reduce_scatter(at::Tensor& out, const at::Tensor& in) override;
  void all_reduce(at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override { agree("barrier", 5, at::kFloat, 0, 0); }

 private:
  void agree(const char* operation, std::int64_t code, at::ScalarType dtype, std::int64_t count, int root);
  void wait_for(std::unique_ptr<Agreement>& agreement, const std::string& what);
  void all_reduce_part(at::Tensor part);

  /// How many elements a rank may contribute to one call, so that no count of all ranks together overflows.
  std::int64_t shard_limit(at::ScalarType dtype, bool reduces) const {
    const auto all = reduces && dtype == at::kBFloat16 ? std::min(max_elements_, kConversionElements) : max_elements_;
    return std::max<std::int64_t>(1, all / size());
  }

  Communicator group_;  // null after a wait in vain
  int rank_, size_;
  double timeout_;
  std::int64_t max_elements_;
  std::int64_t sequence_ = 0;
};

void MpiCollectives::wait_for(std::unique_ptr<Agreement>& agreement, const std::string& what) {
  MPI_Request request = MPI_REQUEST_NULL;
  UNPACT_MPI(MPI_Iallreduce(agreement->mine.data(), agreement->highest.data(),
                            static_cast<int>(agreement->mine.size()), MPI_INT64_T, MPI_MAX, group_.handle(), &request));
  const Stopwatch watch;
  for (int done = 0; !done; sched_yield()) {  // ranks may share a core
    UNPACT_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (done || watch.seconds() <= timeout_) continue;
    leave_to_mpi(std::move(agreement), std::move(group_));
    throw RuntimeFailure(
        concat("rank ", rank(), " of ", size(), " waited in vain for the others in ", what),
        concat("not every rank came within ", timeout_, " s"),
        "look for an earlier error or a stuck rank; raise UNPACT_COLLECTIVE_TIMEOUT if the work is merely uneven");
  }
}

void MpiCollectives::agree(const char* operation, std::int64_t code, at::ScalarType dtype, std::int64_t count,
                           int root) {
  UNPACT_EXPECT(!group_.is_null());  // unusable after a wait in vain
  const auto call = concat("collective #", ++sequence_, " (", operation, " of ", count, " ", at::toString(dtype),
                           " elements, root ", root, ")");
  auto agreement = std::make_unique<Agreement>();
  const auto type = static_cast<std::int64_t>(dtype);
  agreement->mine = {code, type, count, root, -code, -type, -count, -root};
  wait_for(agreement, call);
  if (agreement->all_equal()) [[likely]]
    return;
  std::string table;
  const auto calls = group_.all_gather(call);
  for (std::size_t r = 0; r < calls.size(); ++r) table += concat(r == 0 ? "" : "\n    ", "rank ", r, ": ", calls[r]);
  throw RuntimeFailure(concat("the ranks do different things (seen on rank ", rank(), ")"), table,
                       "this is a defect of unpact; please report it with the command that led here");
}

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
    UNPACT_MPI(MPI_Allgather(source, static_cast<int>(now), type, target, 1, place.get(), group_.handle()));
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
                                        mpi_type(sum_type), MPI_SUM, group_.handle()));
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
  UNPACT_MPI(MPI_Reduce_scatter(send.const_data_ptr(), sum.mutable_data_ptr(), counts.data(),
                                mpi_type(send.scalar_type()), MPI_SUM, group_.handle()));
  const auto rounded = sum.to(part.scalar_type());
  UNPACT_MPI(MPI_Allgatherv(rounded.const_data_ptr(), counts[rank()], mpi_type(part.scalar_type()),
                            part.mutable_data_ptr(), counts.data(), starts.data(), mpi_type(part.scalar_type()),
                            group_.handle()));
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
  group_.broadcast_bytes(tensor.mutable_data_ptr(), tensor.nbytes(), root);
}

}  // namespace

std::unique_ptr<Collectives> make_mpi(const Communicator& group, const CollectiveOptions& options) {
  return std::make_unique<MpiCollectives>(group, options);
}

}  // namespace unpact::backend
