#include "unpact/comm/collectives.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::int64_t kGuard = 64;  // elements before and after every buffer
constexpr double kGuardValue = 77;

/// A buffer of `count` elements with guard words around it.
class Guarded {
 public:
  Guarded(std::int64_t count, at::ScalarType dtype, at::Device device)
      : count_(count), all_(at::full({count + 2 * kGuard}, kGuardValue, at::TensorOptions(device).dtype(dtype))) {}
  at::Tensor tensor() { return all_.narrow(0, kGuard, count_); }
  bool intact() const {
    return (all_.narrow(0, 0, kGuard) == kGuardValue).all().item<bool>() &&
           (all_.narrow(0, kGuard + count_, kGuard) == kGuardValue).all().item<bool>();
  }

 private:
  std::int64_t count_;
  at::Tensor all_;
};

/// Small integers: the sum of up to 16 of them is exact in bfloat16.
at::Tensor values_of(int rank, std::int64_t count, const at::Tensor& like, std::int64_t start = 0) {
  return ((at::arange(start, start + count, at::kLong) * 3 + rank * 5) % 13 - 6).to(like.options());
}

at::Tensor sum_of_values(int size, std::int64_t count, const at::Tensor& like, std::int64_t start = 0) {
  auto sum = at::zeros({count}, at::kLong);
  for (int r = 0; r < size; ++r) sum += values_of(r, count, sum, start);
  return sum.to(like.options());
}

struct Case {
  at::ScalarType dtype;
  at::DeviceType device;
  std::int64_t max_elements;  // when small, a collective takes several MPI calls
  std::int64_t large;         // the largest count

  std::set<std::int64_t> counts(int size) const { return {0, 1, 3, 4, 5, size - 1, large}; }
};

constexpr Case whole(at::ScalarType dtype, at::DeviceType device) { return {dtype, device, 1 << 28, (1 << 20) + 1}; }
constexpr Case chunked(at::ScalarType dtype) { return {dtype, at::kCPU, 97, 1001}; }

class CollectivesTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (GetParam().device == at::kCUDA) {
      const auto node = world_.split_by_node();
      if (at::getNumGPUs() < static_cast<std::size_t>(node.size())) GTEST_SKIP() << "fewer GPUs visible than ranks";
      device_ = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(node.rank()));
    }
    CollectiveOptions options;
    options.max_elements_per_call = GetParam().max_elements;
    options.even_alone = true;
    collectives_ = make_collectives(world_, device_, options);
  }
  Guarded buffer(std::int64_t count) const { return Guarded(count, GetParam().dtype, device_); }
  at::Tensor zeros(at::IntArrayRef shape) const {
    return at::zeros(shape, at::TensorOptions(device_).dtype(GetParam().dtype));
  }

  Communicator world_ = Communicator::world();
  at::Device device_ = at::kCPU;
  std::unique_ptr<Collectives> collectives_;
};

TEST_P(CollectivesTest, AllGatherIsExact) {
  const int size = world_.size();
  for (const auto count : GetParam().counts(size)) {
    auto in = buffer(count), out = buffer(count * size);
    auto source = in.tensor(), target = out.tensor();
    source.copy_(values_of(world_.rank(), count, source));
    collectives_->all_gather(target, source);
    for (int r = 0; r < size; ++r)
      EXPECT_TRUE(at::equal(target.narrow(0, r * count, count), values_of(r, count, target))) << count << ' ' << r;
    EXPECT_TRUE(in.intact() && out.intact());
    EXPECT_TRUE(at::equal(source, values_of(world_.rank(), count, source)));
  }
}

TEST_P(CollectivesTest, AllGatherInPlaceIsExact) {
  const int size = world_.size();
  for (const auto count : GetParam().counts(size)) {
    auto out = buffer(count * size);
    auto target = out.tensor();
    const auto source = target.narrow(0, world_.rank() * count, count);
    source.copy_(values_of(world_.rank(), count, source));
    collectives_->all_gather(target, source);
    for (int r = 0; r < size; ++r)
      EXPECT_TRUE(at::equal(target.narrow(0, r * count, count), values_of(r, count, target))) << count << ' ' << r;
    EXPECT_TRUE(out.intact());
  }
}

TEST_P(CollectivesTest, ReduceScatterIsExact) {
  const int size = world_.size();
  for (const auto count : GetParam().counts(size)) {
    auto in = buffer(count * size), out = buffer(count);
    auto source = in.tensor(), target = out.tensor();
    source.copy_(values_of(world_.rank(), count * size, source));
    collectives_->reduce_scatter(target, source);
    EXPECT_TRUE(at::equal(target, sum_of_values(size, count, target, world_.rank() * count))) << count;
    EXPECT_TRUE(in.intact() && out.intact());
    EXPECT_TRUE(at::equal(source, values_of(world_.rank(), count * size, source)));
  }
}

TEST_P(CollectivesTest, ReduceScatterInPlaceIsExact) {
  const int size = world_.size();
  for (const auto count : GetParam().counts(size)) {
    auto in = buffer(count * size);
    auto source = in.tensor();
    source.copy_(values_of(world_.rank(), count * size, source));
    auto target = source.narrow(0, world_.rank() * count, count);
    collectives_->reduce_scatter(target, source);
    EXPECT_TRUE(at::equal(target, sum_of_values(size, count, target, world_.rank() * count))) << count;
    EXPECT_TRUE(in.intact());
  }
}

TEST_P(CollectivesTest, AllReduceIsExact) {
  for (const auto count : GetParam().counts(world_.size())) {
    auto both = buffer(count);
    auto tensor = both.tensor();
    tensor.copy_(values_of(world_.rank(), count, tensor));
    collectives_->all_reduce(tensor);
    EXPECT_TRUE(at::equal(tensor, sum_of_values(world_.size(), count, tensor))) << count;
    EXPECT_TRUE(both.intact());
  }
}

TEST_P(CollectivesTest, BroadcastFromEveryRoot) {
  for (int root = 0; root < world_.size(); ++root)
    for (const auto count : GetParam().counts(world_.size())) {
      auto both = buffer(count);
      auto tensor = both.tensor();
      tensor.copy_(values_of(world_.rank(), count, tensor));
      collectives_->broadcast(tensor, root);
      EXPECT_TRUE(at::equal(tensor, values_of(root, count, tensor))) << count << ' ' << root;
      EXPECT_TRUE(both.intact());
    }
}

TEST_P(CollectivesTest, KeepsTheShapeAndWorksOnParametersThatNeedGradients) {
  if (GetParam().dtype == at::kLong) GTEST_SKIP() << "int64 has no gradients";
  auto parameter = at::ones_like(zeros({2, 3})).set_requires_grad(true);
  collectives_->all_reduce(parameter);
  collectives_->broadcast(parameter, 0);
  EXPECT_TRUE(at::equal(parameter, at::full_like(parameter, world_.size())));
  EXPECT_TRUE(parameter.requires_grad());
}

TEST_P(CollectivesTest, BreakingTheContractThrows) {
  const int size = world_.size();
  auto full = zeros({4 * size}), shard = zeros({4}), wrong = zeros({3}), none = at::Tensor();
  auto halves = shard.to(at::kHalf), strided = zeros({8}).slice(0, 0, 8, 2), transposed = zeros({4, 2}).t();
  EXPECT_THROW(collectives_->all_gather(full, wrong), ContractViolation);
  EXPECT_THROW(collectives_->reduce_scatter(wrong, full), ContractViolation);
  EXPECT_THROW(collectives_->all_gather(full, halves), ContractViolation);
  EXPECT_THROW(collectives_->all_reduce(halves), ContractViolation);
  EXPECT_THROW(collectives_->all_reduce(strided), ContractViolation);
  EXPECT_THROW(collectives_->all_reduce(transposed), ContractViolation);
  EXPECT_THROW(collectives_->all_reduce(none), ContractViolation);
  EXPECT_THROW(collectives_->broadcast(shard, size), ContractViolation);
  EXPECT_THROW(collectives_->broadcast(shard, -1), ContractViolation);
  collectives_->all_reduce(shard);  // and it still works
}

TEST_P(CollectivesTest, AnOverlapThatIsNotInPlaceThrows) {
  if (world_.size() == 1) GTEST_SKIP() << "needs several ranks";
  const int other = (world_.rank() + 1) % world_.size();
  auto full = zeros({4 * world_.size()});
  auto shard = full.narrow(0, 4 * other, 4);
  EXPECT_THROW(collectives_->all_gather(full, shard), ContractViolation);
  EXPECT_THROW(collectives_->reduce_scatter(shard, full), ContractViolation);
}

std::string name_of(const testing::TestParamInfo<Case>& tested) {
  const auto& [dtype, device, max_elements, large] = tested.param;
  return concat(at::toString(dtype), device == at::kCPU ? "Cpu" : "Gpu", max_elements < large ? "Chunked" : "");
}

INSTANTIATE_TEST_SUITE_P(Comm, CollectivesTest,
                         testing::Values(whole(at::kFloat, at::kCPU), whole(at::kBFloat16, at::kCPU),
                                         whole(at::kLong, at::kCPU), whole(at::kDouble, at::kCPU), chunked(at::kFloat),
                                         chunked(at::kBFloat16), chunked(at::kLong), chunked(at::kDouble),
                                         whole(at::kFloat, at::kCUDA), whole(at::kBFloat16, at::kCUDA),
                                         whole(at::kLong, at::kCUDA), whole(at::kDouble, at::kCUDA)),
                         name_of);

}  // namespace
}  // namespace unpact
