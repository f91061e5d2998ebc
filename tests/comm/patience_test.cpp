#include "../../src/comm/patience.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace unpact::backend {
namespace {

using std::chrono::milliseconds;

/// Looks at the clock until `seconds` have passed by another clock. @return what counts.
double poll_for(Patience& patience, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    patience.seconds();
    std::this_thread::sleep_for(milliseconds(2));
  }
  return patience.seconds();
}

TEST(Patience, CountsWaiting) {
  const Communicator alone;
  const Peers peers(alone);
  Patience patience(peers, 1);
  EXPECT_EQ(patience.seconds(), 0);
  const double counted = poll_for(patience, 0.4);
  EXPECT_GT(counted, 0.2);
  EXPECT_LE(counted, 0.5);
}

TEST(Patience, DoesNotCountWhatThisProcessWasSuspendedFor) {
  const Communicator alone;
  const Peers peers(alone);
  Patience patience(peers, 1);
  poll_for(patience, 0.1);
  std::this_thread::sleep_for(milliseconds(1500));  // to the clock, as if it had been stopped
  EXPECT_LT(poll_for(patience, 0.1), 0.5);
}

/// The last rank stops itself; the first waits for it, and lets it go on.
TEST(Patience, DoesNotCountWhatAnotherProcessWasSuspendedFor) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "one rank has no others";
  const Peers peers(world);
  const int last = world.size() - 1;
  const auto numbers = world.all_gather(std::to_string(::getpid()));
  world.barrier();
  if (world.rank() == last) {
    std::raise(SIGSTOP);
  } else if (world.is_root()) {
    while (peers.suspended() < 0) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_EQ(peers.suspended(), last);
    Patience patience(peers, 1);
    EXPECT_EQ(poll_for(patience, 1.5), 0);
    ::kill(std::stoi(numbers[static_cast<std::size_t>(last)]), SIGCONT);
    while (peers.suspended() >= 0) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_GT(poll_for(patience, 0.3), 0);
  }
  world.barrier();
}

}  // namespace
}  // namespace unpact::backend
