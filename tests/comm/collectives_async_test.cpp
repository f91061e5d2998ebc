/// Collectives that run in the background against the blocking ones' definition.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "unpact/comm/collectives.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::int64_t kMargin = 64;
constexpr double kMarginValue = 77;

/// A buffer with guard words around it.
struct GuardedRange {
  GuardedRange(std::int64_t size, at::ScalarType dtype)
      : count(size), all(at::full({size + 2 * kMargin}, kMarginValue, dtype)) {}
  at::Tensor tensor() const { return all.narrow(0, kMargin, count); }
  bool intact() const {
    return (all.narrow(0, 0, kMargin) == kMarginValue).all().item<bool>() &&
           (all.narrow(0, kMargin + count, kMargin) == kMarginValue).all().item<bool>();
  }
  std::int64_t count;
  at::Tensor all;
};

/// Small integers: their sums are exact, also in bfloat16.
at::Tensor values_of(int rank, std::int64_t count, at::ScalarType dtype, std::int64_t start = 0) {
  return ((at::arange(start, start + count, at::kLong) * 3 + rank * 5) % 13 - 6).to(dtype);
}

at::Tensor sum_of_values(int size, std::int64_t count, at::ScalarType dtype, std::int64_t start) {
  auto sum = at::zeros({count}, at::kLong);
  for (int r = 0; r < size; ++r) sum += values_of(r, count, at::kLong, start);
  return sum.to(dtype);
}

struct AsyncCase {
  at::ScalarType dtype;
  std::int64_t max_elements, large;
};

class AsyncCollectives : public testing::TestWithParam<AsyncCase> {
 protected:
  void SetUp() override {
    CollectiveOptions options;
    options.max_elements_per_call = GetParam().max_elements;
    group_ = make_collectives(world_, at::kCPU, options);
  }
  std::set<std::int64_t> counts() const { return {0, 1, 3, 4, 5, world_.size() - 1, GetParam().large}; }

  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_;
};

TEST_P(AsyncCollectives, AllGatherIsExact) {
  const auto dtype = GetParam().dtype;
  for (const auto count : counts()) {
    const GuardedRange in(count, dtype), out(count * world_.size(), dtype);
    in.tensor().copy_(values_of(world_.rank(), count, dtype));
    const auto pending = group_->start_all_gather(out.tensor(), in.tensor());
    pending->wait();
    pending->wait();
    for (int r = 0; r < world_.size(); ++r)
      EXPECT_TRUE(at::equal(out.tensor().narrow(0, r * count, count), values_of(r, count, dtype))) << count << ' ' << r;
    EXPECT_TRUE(in.intact() && out.intact());
  }
}

TEST_P(AsyncCollectives, ReduceScatterIsExactAndMayBeInPlace) {
  const auto dtype = GetParam().dtype;
  const int size = world_.size(), rank = world_.rank();
  for (const auto count : counts()) {
    const GuardedRange in(count * size, dtype), out(count, dtype);
    in.tensor().copy_(values_of(rank, count * size, dtype));
    group_->start_reduce_scatter(out.tensor(), in.tensor())->wait();
    const auto expected = sum_of_values(size, count, dtype, rank * count);
    EXPECT_TRUE(at::equal(out.tensor(), expected)) << count;
    EXPECT_TRUE(at::equal(in.tensor(), values_of(rank, count * size, dtype)));
    const auto own = in.tensor().narrow(0, rank * count, count);
    group_->start_reduce_scatter(own, in.tensor())->wait();
    EXPECT_TRUE(at::equal(own, expected)) << count;
    EXPECT_TRUE(in.intact() && out.intact());
  }
}

TEST_P(AsyncCollectives, SeveralAreUnderWayAndMeetBlockingOnes) {
  const auto dtype = GetParam().dtype;
  const int size = world_.size(), rank = world_.rank();
  const auto count = GetParam().large;
  const GuardedRange shard(count, dtype), full(count * size, dtype), sums(count, dtype), parts(count * size, dtype),
      third(7, dtype);
  shard.tensor().copy_(values_of(rank, count, dtype));
  parts.tensor().copy_(values_of(rank, count * size, dtype));
  third.tensor().copy_(values_of(rank, 7, dtype));
  const auto gather = group_->start_all_gather(full.tensor(), shard.tensor());
  if (rank == size - 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto reduce = group_->start_reduce_scatter(sums.tensor(), parts.tensor());
  auto blocking = third.tensor();
  group_->all_reduce(blocking);
  group_->barrier();
  if (rank % 2 == 0) gather->wait();  // ranks may wait in any order
  reduce->wait();
  gather->wait();
  EXPECT_TRUE(at::equal(sums.tensor(), sum_of_values(size, count, dtype, rank * count)));
  EXPECT_TRUE(at::equal(blocking, sum_of_values(size, 7, dtype, 0)));
  for (int r = 0; r < size; ++r)
    EXPECT_TRUE(at::equal(full.tensor().narrow(0, r * count, count), values_of(r, count, dtype)));
  EXPECT_TRUE(shard.intact() && full.intact() && sums.intact() && parts.intact() && third.intact());
}

TEST_P(AsyncCollectives, KeepTheirTensorsAlive) {
  const auto dtype = GetParam().dtype;
  const auto count = GetParam().large;
  auto out = at::empty({count * world_.size()}, dtype);
  const auto pending = group_->start_all_gather(out, values_of(world_.rank(), count, dtype));
  pending->wait();
  EXPECT_TRUE(at::equal(out.narrow(0, 0, count), values_of(0, count, dtype)));
}

TEST_P(AsyncCollectives, MayBeForgotten) {
  const auto dtype = GetParam().dtype;
  group_->start_all_gather(at::empty({5 * world_.size()}, dtype), values_of(world_.rank(), 5, dtype));
  auto tensor = values_of(world_.rank(), 3, dtype);
  group_->all_reduce(tensor);
  EXPECT_TRUE(at::equal(tensor, sum_of_values(world_.size(), 3, dtype, 0)));
}

TEST_P(AsyncCollectives, KeepTheContract) {
  const auto options = at::TensorOptions().dtype(GetParam().dtype);
  const auto full = at::zeros({4 * world_.size()}, options), wrong = at::zeros({3}, options);
  EXPECT_THROW(group_->start_all_gather(full, wrong), ContractViolation);
  EXPECT_THROW(group_->start_reduce_scatter(wrong, full), ContractViolation);
  EXPECT_THROW(group_->start_all_gather(full, at::zeros({4}, at::kDouble)), ContractViolation);
}

INSTANTIATE_TEST_SUITE_P(Comm, AsyncCollectives,
                         testing::Values(AsyncCase{at::kFloat, 1 << 28, (1 << 20) + 1},
                                         AsyncCase{at::kBFloat16, 1 << 28, (1 << 20) + 1}, AsyncCase{at::kFloat, 97, 1001},
                                         AsyncCase{at::kBFloat16, 97, 1001}),
                         [](const auto& tested) {
                           return concat(at::toString(tested.param.dtype),
                                         tested.param.max_elements < tested.param.large ? "Chunked" : "");
                         });

TEST(Collectives, BackgroundOnesOfDifferentSizesAreAnErrorOnEveryRank) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs several ranks";
  const auto group = make_collectives(world, at::kCPU);
  const auto count = world.rank() == 1 ? 5 : 4;
  const auto out = at::zeros({count * world.size()}), in = at::zeros({count});
  try {
    group->start_all_gather(out, in)->wait();
    FAIL() << "the mismatch went unseen";
  } catch (const RuntimeFailure& error) {
    EXPECT_THAT(error.reason(), testing::HasSubstr("rank 0: collective #1 (all_gather of 4 Float"));
    EXPECT_THAT(error.reason(), testing::HasSubstr("rank 1: collective #1 (all_gather of 5 Float"));
  }
}

}  // namespace
}  // namespace unpact
