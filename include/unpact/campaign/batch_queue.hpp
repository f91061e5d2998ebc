#pragma once
/// What the batch system says of jobs, asked from outside of any job.
#include <string>
#include <vector>

namespace unpact {

/// A line of squeue.
struct QueuedJob {
  std::string id, state, elapsed, limit, nodes, where, name;  ///< where: the nodes, or why it waits
};

struct BatchQueue {
  bool is_known = false;  ///< squeue has answered: a job that it does not list has ended
  std::string note;       ///< why not, e.g. "Slurm is not here"
  std::vector<QueuedJob> jobs;

  const QueuedJob* find(const std::string& id) const;
};

/// Asks squeue, where it is in PATH. Ids that are none are left out: they come from files. Never throws.
/// @param limit_seconds after which squeue is killed.
BatchQueue ask_squeue(const std::vector<std::string>& ids, double limit_seconds = 10);

}  // namespace unpact
