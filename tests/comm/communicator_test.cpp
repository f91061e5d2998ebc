#include "unpact/comm/communicator.hpp"

#include <gmock/gmock.h>

#include <type_traits>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

static_assert(!std::is_copy_constructible_v<Communicator>);
static_assert(std::is_nothrow_move_constructible_v<Communicator>);

std::string text_of_rank(int rank, std::size_t bytes) { return std::string(bytes, static_cast<char>('a' + rank)); }

TEST(Communicator, NullIsOneRankThatNeedsNoMpi) {
  const Communicator none;
  EXPECT_TRUE(none.is_null());
  EXPECT_EQ(none.rank(), 0);
  EXPECT_EQ(none.size(), 1);
  EXPECT_TRUE(none.is_root());
  EXPECT_EQ(none.handle(), MPI_COMM_SELF);
  none.barrier();
  EXPECT_EQ(none.broadcast("text", 0), "text");
  EXPECT_THAT(none.all_gather(std::string("text")), ElementsAre("text"));
  EXPECT_THAT(none.all_gather(2.5), ElementsAre(2.5));
  EXPECT_EQ(none.sum(2.5), 2.5);
  EXPECT_EQ(none.max(std::int64_t{7}), 7);
  EXPECT_TRUE(none.split(3, 0).is_null());
  EXPECT_TRUE(none.split_by_node().is_null());
  EXPECT_TRUE(none.dup().is_null());
}

class Counting final : public Communicator::Duty {
 public:
  explicit Counting(const Communicator& group) : Duty(group), group_(group) {}
  void do_before_collective() override {
    ++count;
    group_.barrier();  // does not come back here
  }
  int count = 0;

 private:
  const Communicator& group_;
};

TEST(Communicator, ADutyIsDoneBeforeEveryCollective) {
  const auto world = Communicator::world();
  EXPECT_EQ(world.duty(), nullptr);
  {
    Counting duty(world);
    EXPECT_EQ(world.duty(), &duty);
    int done = 0;
    const auto expect_more = [&](const char* what) {
      EXPECT_GT(duty.count, done) << what;
      done = duty.count;
    };
    world.barrier();
    expect_more("barrier");
    world.broadcast("text", 0);
    expect_more("broadcast");
    int number = 1;
    world.broadcast_bytes(&number, sizeof number, 0);
    expect_more("broadcast of bytes");
    world.all_gather(std::string("text"));
    expect_more("gather of texts");
    world.all_gather(2.5);
    expect_more("gather of numbers");
    world.sum(2.5);
    world.sum(std::int64_t{2});
    EXPECT_EQ(duty.count, done + 2);
    world.max(2.5);
    world.max(std::int64_t{2});
    EXPECT_EQ(duty.count, done + 4);
    done = duty.count;
    const auto copy = world.dup();
    expect_more("dup");
    const auto part = world.split(0, 0);
    expect_more("split");
    const auto node = world.split_by_node();
    expect_more("split by node");
    copy.barrier();
    EXPECT_EQ(duty.count, done) << "a duty of one communicator alone";
    Communicator moved = Communicator::world();
    EXPECT_EQ(moved.duty(), nullptr);
  }
  EXPECT_EQ(world.duty(), nullptr);
  world.barrier();
}

TEST(Communicator, WorldIsADuplicate) {
  const auto world = Communicator::world();
  EXPECT_FALSE(world.is_null());
  EXPECT_NE(world.handle(), MPI_COMM_WORLD);
  int comparison = -1;
  MPI_Comm_compare(world.handle(), MPI_COMM_WORLD, &comparison);
  EXPECT_EQ(comparison, MPI_CONGRUENT);
}

TEST(Communicator, MovingLeavesTheNullCommunicator) {
  auto world = Communicator::world();
  const int rank = world.rank(), size = world.size();
  auto moved = std::move(world);
  EXPECT_TRUE(world.is_null());  // NOLINT(bugprone-use-after-move): this is what is tested
  EXPECT_EQ(world.rank(), 0);
  EXPECT_EQ(world.size(), 1);
  EXPECT_EQ(moved.rank(), rank);
  world = std::move(moved);
  EXPECT_EQ(world.size(), size);
  EXPECT_EQ(world.sum(std::int64_t{1}), size);
  world = world.dup();  // frees the old one
  EXPECT_EQ(world.sum(std::int64_t{1}), size);
}

TEST(Communicator, SelfAssignmentKeepsTheRanks) {
  auto world = Communicator::world();
  const int size = world.size();
  auto& same = world;
  world = std::move(same);
  EXPECT_EQ(world.size(), size);
  EXPECT_EQ(world.sum(std::int64_t{1}), size);
}

TEST(Communicator, Reductions) {
  const auto world = Communicator::world();
  const std::int64_t n = world.size();
  EXPECT_EQ(world.sum(std::int64_t{world.rank()}), n * (n - 1) / 2);
  EXPECT_EQ(world.max(std::int64_t{-world.rank()}), 0);
  EXPECT_EQ(world.sum(0.5), 0.5 * static_cast<double>(n));
  EXPECT_EQ(world.max(0.5 * world.rank()), 0.5 * static_cast<double>(n - 1));
  const auto values = world.all_gather(1.5 * world.rank());
  ASSERT_EQ(values.size(), static_cast<std::size_t>(n));
  for (int r = 0; r < n; ++r) EXPECT_EQ(values[r], 1.5 * r);
}

TEST(Communicator, GathersTextsOfAnyLength) {
  const auto world = Communicator::world();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20}) {
    const auto all = world.all_gather(text_of_rank(world.rank(), bytes));
    ASSERT_EQ(all.size(), static_cast<std::size_t>(world.size()));
    for (int r = 0; r < world.size(); ++r) EXPECT_TRUE(all[r] == text_of_rank(r, bytes)) << "rank " << r;
  }
}

TEST(Communicator, GathersTextsOfUnequalLengthWithZeroBytes) {
  const auto world = Communicator::world();
  const auto text = [](int rank) { return std::string(static_cast<std::size_t>(rank) * 3, '\0'); };
  const auto all = world.all_gather(text(world.rank()));
  for (int r = 0; r < world.size(); ++r) EXPECT_EQ(all.at(r), text(r));
}

TEST(Communicator, BroadcastsTextsFromEveryRoot) {
  const auto world = Communicator::world();
  for (int root = 0; root < world.size(); ++root)
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{5}, std::size_t{1} << 20}) {
      const auto mine = text_of_rank(world.rank(), bytes + static_cast<std::size_t>(world.rank()));
      EXPECT_TRUE(world.broadcast(mine, root) == text_of_rank(root, bytes + static_cast<std::size_t>(root)));
    }
}

TEST(Communicator, SplitsByColorAndKey) {
  const auto world = Communicator::world();
  const auto part = world.split(world.rank() % 2, -world.rank());  // a negative key reverses the order
  const int even = (world.size() + 1) / 2, odd = world.size() / 2;
  EXPECT_EQ(part.size(), world.rank() % 2 == 0 ? even : odd);
  EXPECT_EQ(part.rank(), part.size() - 1 - world.rank() / 2);
  const auto ranks = part.all_gather(static_cast<double>(world.rank()));
  for (std::size_t i = 1; i < ranks.size(); ++i) EXPECT_EQ(ranks[i], ranks[i - 1] - 2);
  EXPECT_THROW(world.split(-1, 0), ContractViolation);
}

TEST(Communicator, SplitsByNode) {
  const auto world = Communicator::world();
  const auto node = world.split_by_node();
  EXPECT_GE(node.size(), 1);
  EXPECT_LE(node.size(), world.size());
}

TEST(Communicator, RefusesRootsOutsideTheGroup) {
  const auto world = Communicator::world();
  EXPECT_THROW(world.broadcast("text", world.size()), ContractViolation);
  EXPECT_THROW(world.broadcast("text", -1), ContractViolation);
  EXPECT_THROW(Communicator().broadcast("text", 1), ContractViolation);
}

TEST(CheckMpi, NamesTheCallThePlaceAndTheRank) {
  const auto world = Communicator::world();
  try {
    UNPACT_MPI(MPI_Send(nullptr, 0, MPI_BYTE, world.size(), 0, world.handle()));  // no such rank
    FAIL() << "the call should have failed";
  } catch (const RuntimeFailure& error) {
    EXPECT_THAT(error.problem(), HasSubstr("MPI_Send(nullptr, 0"));
    EXPECT_THAT(error.problem(), HasSubstr("rank " + std::to_string(world.rank())));
    EXPECT_THAT(error.reason(), HasSubstr("MPI_ERR_RANK"));
    EXPECT_THAT(error.reason(), HasSubstr("communicator_test.cpp:"));
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(CheckMpi, ErrorsReturnOnEveryKindOfCommunicator) {
  const auto world = Communicator::world();
  const auto part = world.split(0, 0), node = world.split_by_node(), copy = world.dup();
  for (const auto handle : {part.handle(), node.handle(), copy.handle(), MPI_COMM_WORLD, MPI_COMM_SELF})
    EXPECT_THROW(UNPACT_MPI(MPI_Send(nullptr, 0, MPI_BYTE, 1 << 20, 0, handle)), RuntimeFailure);
}

TEST(CheckMpi, AcceptsSuccess) { EXPECT_NO_THROW(check_mpi(MPI_SUCCESS, "call", "file", 1)); }

}  // namespace
}  // namespace unpact
