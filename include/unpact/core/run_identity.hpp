#pragma once
/// Which process of which job this is: said alike in logs, claims and results.
#include <cstdint>
#include <map>
#include <string>

namespace unpact {

struct RunIdentity {
  std::string host;
  std::string job;           ///< SLURM_JOB_ID; empty outside of a job
  std::string array_task;    ///< "4711_3", of a job array
  std::string task;          ///< SLURM_PROCID, the rank that Slurm gave it
  std::int64_t restart = 0;  ///< how often the job was started again

  /// "host n1, job 4711, array task 4700_3, task 2, started again 1 time(s)"; what is not known is left away.
  std::string describe() const;
};

RunIdentity run_identity();

/// The variables SLURM_*, NCCL_*, OMPI_* and UCX_* of this process, for the record. Names that promise a secret (tokens, keys,
/// passwords) are left away, values are cut to 200 bytes, and all together take at most 16 KiB.
std::map<std::string, std::string> launch_environment();

/// How many tasks Slurm started beside this process in its step, itself included; 0: it did not start it as a task.
std::int64_t tasks_of_step();

}  // namespace unpact
