#pragma once
/// When the batch system ends this job.
#include <limits>
#include <string>

namespace unpact {

struct JobEnd {
  double seconds = std::numeric_limits<double>::infinity();  ///< since 1970; infinity: not known, or never
  std::string unknown = {};  ///< why the batch system does not say it; empty: it does, or there is none
};

/// What the environment says: SLURM_JOB_END_TIME, which Slurm sets since version 23.02. A value that makes no sense is none.
JobEnd job_end_in_environment();

/// The same, and under an older Slurm what `squeue` says. For one rank: a program is started and waited for.
/// @param patience_seconds after which squeue is given up.
JobEnd job_end_of_batch_system(double patience_seconds = 10);

/// A time of squeue ("2026-01-31T12:00:00", this machine's local time) as seconds since 1970; infinity: it is none, such as
/// "N/A". Where clocks are set back, the earlier of both.
double seconds_of_local_time(const std::string& text);

/// The other way round, for people.
std::string local_time(double seconds);

}  // namespace unpact
