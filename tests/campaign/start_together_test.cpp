#include "unpact/campaign/start_together.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace unpact {
namespace {

class Array : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_ID"}) ::unsetenv(name);
  }
};

TEST_F(Array, PlacesAreCountedFromItsFirstTask) {
  ::setenv("SLURM_ARRAY_TASK_COUNT", "8", 1);
  ::setenv("SLURM_ARRAY_TASK_MIN", "1", 1);
  ::setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  EXPECT_EQ(array_place().index, 2);
  EXPECT_EQ(array_place().count, 8);
}

TEST_F(Array, OneJobIsAlone) {
  EXPECT_EQ(array_place().count, 1);
  ::setenv("SLURM_ARRAY_TASK_COUNT", "1", 1);
  ::setenv("SLURM_ARRAY_TASK_ID", "7", 1);
  EXPECT_EQ(array_place().index, 0);
}

TEST_F(Array, GroupsOfAllJobsHaveDifferentPlaces) {
  const auto world = Communicator::world();
  ::setenv("SLURM_ARRAY_TASK_COUNT", "4", 1);
  ::setenv("SLURM_ARRAY_TASK_ID", "2", 1);
  EXPECT_EQ(place_among_groups(world, world), 2U);
  const auto alone = world.split(world.rank(), 0);
  EXPECT_EQ(place_among_groups(world, alone), static_cast<std::size_t>(2 * world.size() + world.rank()));
}

TEST(StartDelay, IsForManyJobsAlone) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(start_delay(63, seed), 0);
  double least = 1e9, most = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto delay = start_delay(1024, seed);
    least = std::min(least, delay);
    most = std::max(most, delay);
    EXPECT_LE(start_delay(100, seed), 10);
    EXPECT_LE(start_delay(100000, seed), 120);
  }
  EXPECT_LT(least, 10);
  EXPECT_GT(most, 90);
}

}  // namespace
}  // namespace unpact
