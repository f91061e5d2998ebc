#include "unpact/campaign/launch_checks.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(LaunchChecks, GroupsInBlocksSpanNoNodes) {
  EXPECT_EQ(groups_that_span_needlessly({"a", "a", "b", "b"}, 2), 0);
  EXPECT_EQ(groups_that_span_needlessly({"a", "b", "a", "b"}, 2), 2);
  EXPECT_EQ(groups_that_span_needlessly({"a", "b", "a", "b"}, 4), 0) << "no node has room for it";
  EXPECT_EQ(groups_that_span_needlessly({"a", "a", "a", "b"}, 2), 0) << "one must span";
  EXPECT_EQ(groups_that_span_needlessly({"a", "b", "a", "a"}, 2), 0);
  EXPECT_EQ(groups_that_span_needlessly({"a", "b"}, 1), 0);
}

TEST(LaunchChecks, ClocksThatAreOffAreNamedByHost) {
  EXPECT_EQ(remark_on_clocks({"a", "b"}, {0, 0.5}), "");
  EXPECT_THAT(remark_on_clocks({"a", "b", "c", "c"}, {0, 0.5, -3600, -3600}),
              AllOf(HasSubstr("from that of a: c by -3600 s;"), Not(HasSubstr("b by"))));
}

TEST(LaunchChecks, RanksOfOneMachineHaveOneClock) {
  const auto world = Communicator::world();
  const auto seconds = clock_differences(world);
  ASSERT_EQ(seconds.size(), static_cast<std::size_t>(world.size()));
  for (const double difference : seconds) EXPECT_LT(std::abs(difference), 30);
}

TEST(LaunchChecks, ATaskOfSeveralThatIsAloneIsRefused) {
  const Communicator alone;
  EXPECT_NO_THROW(refuse_lone_task(alone));
  ::setenv("SLURM_STEP_NUM_TASKS", "4", 1);
  const char* by_mpirun = ::getenv("OMPI_COMM_WORLD_SIZE");
  if (by_mpirun == nullptr) EXPECT_THROW(refuse_lone_task(alone), UserError);
  else EXPECT_NO_THROW(refuse_lone_task(alone));
  ::unsetenv("SLURM_STEP_NUM_TASKS");
}

}  // namespace
}  // namespace unpact
