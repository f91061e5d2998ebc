#include "unpact/comm/work_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::vector<std::int64_t> draw_all(SharedWorkQueue& queue, const Communicator& group) {
  std::vector<std::int64_t> items;
  while (const auto item = queue.next(group)) items.push_back(*item);
  return items;
}

/// Every item that the roots of the groups got, sorted.
std::vector<std::int64_t> gather_items(const Communicator& world, const Communicator& group,
                                       const std::vector<std::int64_t>& mine) {
  std::ostringstream out;
  if (group.is_root())
    for (const auto item : mine) out << item << ' ';
  std::vector<std::int64_t> all;
  for (const auto& text : world.all_gather(out.str())) {
    std::istringstream in(text);
    for (std::int64_t item; in >> item;) all.push_back(item);
  }
  std::sort(all.begin(), all.end());
  return all;
}

void expect_each_once(const std::vector<std::int64_t>& items, std::int64_t count) {
  ASSERT_EQ(items.size(), static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(items[i], i);
}

class QueueOfGroups : public testing::TestWithParam<int> {};  // the number of ranks in a group

TEST_P(QueueOfGroups, DealsEveryItemOnce) {
  const auto world = Communicator::world();
  const auto group = world.split(world.rank() / GetParam(), world.rank());
  for (const std::int64_t count : {0, 1, 3, 100}) {
    SharedWorkQueue queue(world, count);
    const auto mine = draw_all(queue, group);
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    expect_each_once(gather_items(world, group, mine), count);
  }
}

TEST_P(QueueOfGroups, EveryRankOfAGroupGetsTheSameItems) {
  const auto world = Communicator::world();
  const auto group = world.split(world.rank() / GetParam(), world.rank());
  SharedWorkQueue queue(world, 50);
  std::ostringstream mine;
  for (const auto item : draw_all(queue, group)) mine << item << ' ';
  for (const auto& text : group.all_gather(mine.str())) EXPECT_EQ(text, mine.str());
}

INSTANTIATE_TEST_SUITE_P(SharedWorkQueue, QueueOfGroups, testing::Values(1, 2, 3));

TEST(SharedWorkQueue, AWorldThatIsOneGroupGetsAllInOrder) {
  const auto world = Communicator::world();
  SharedWorkQueue queue(world, 20);
  expect_each_once(draw_all(queue, world), 20);
  EXPECT_FALSE(queue.next(world));  // and it stays empty
}

TEST(SharedWorkQueue, ANullGroupIsOneRank) {
  const auto world = Communicator::world();
  const Communicator alone;
  SharedWorkQueue queue(world, 20);
  expect_each_once(gather_items(world, alone, draw_all(queue, alone)), 20);
}

TEST(SharedWorkQueue, WorksWithoutMpi) {
  const Communicator none;
  SharedWorkQueue queue(none, 5);
  expect_each_once(draw_all(queue, none), 5);
  EXPECT_FALSE(queue.next(none));
}

TEST(SharedWorkQueue, OneRankMayCloseItForAll) {
  const auto world = Communicator::world();
  const Communicator alone;
  SharedWorkQueue queue(world, 1000), own(alone, 1000);
  EXPECT_TRUE(queue.next(alone) && own.next(alone));
  world.barrier();
  if (world.rank() == world.size() - 1) queue.close();
  own.close();
  world.barrier();
  EXPECT_FALSE(queue.next(alone) || own.next(alone));
  EXPECT_FALSE(queue.next(world));
}

TEST(SharedWorkQueue, TwoQueuesDoNotMix) {
  const auto world = Communicator::world();
  SharedWorkQueue first(world, 4), second(world, 6);
  expect_each_once(draw_all(first, world), 4);
  expect_each_once(draw_all(second, world), 6);
}

TEST(SharedWorkQueue, RefusesANegativeCount) { EXPECT_THROW(SharedWorkQueue(Communicator(), -1), ContractViolation); }

}  // namespace
}  // namespace unpact
