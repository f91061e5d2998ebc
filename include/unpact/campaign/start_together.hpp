#pragma once
/// Jobs that begin at the same moment, as those of a Slurm array do, kept out of each other's way.
#include <cstddef>
#include <cstdint>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// A job's place among those that begin with it.
struct ArrayPlace {
  std::int64_t index = 0, count = 1;
};

/// By SLURM_ARRAY_TASK_ID, _MIN and _COUNT; a job that is in no array is alone.
ArrayPlace array_place();

/// Counted over the groups of all jobs that begin together. @param group one of equal ones that `world` was cut into, in order.
std::size_t place_among_groups(const Communicator& world, const Communicator& group);

/// Seconds that a job waits before it asks anything of the shared folder: drawn, up to 0.1 s a job and two minutes. 0 for
/// fewer than 64 jobs: they do not weigh on a file system.
double start_delay(std::int64_t jobs, std::uint64_t seed);

/// Waits so long, says so in the log, and heeds a stop. The same on all ranks of a job.
void wait_among_many();

}  // namespace unpact
