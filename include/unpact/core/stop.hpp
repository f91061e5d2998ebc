#pragma once
/// Being asked to stop: by SIGUSR1 (a batch system's warning) or by the end of the allotted time. Work looks at this at
/// places where it can leave off without loss, and ends the program with ExitCode::requeue.
#include "unpact/core/error.hpp"

namespace unpact {

/// Work was left at a checkpoint and continues when the program is started again: exit code 75.
class StoppedAtCheckpoint : public Error {
 public:
  using Error::Error;
};

/// From now on SIGUSR1 asks to stop instead of ending the process.
void install_stop_signal();

/// The time by which the program must have ended: `limit_seconds` from the start of the process (0: none), and under
/// Slurm the end of the job (SLURM_JOB_END_TIME, seconds since 1970). The earlier one counts.
void set_time_limit(double limit_seconds);

/// Asks this process to stop, as the signal does. From any thread.
void request_stop();

/// Whether this process was asked to stop, or less than `reserve_seconds` of its time are left. Ranks may differ: agree.
bool stop_wanted(double reserve_seconds = 0);

/// Forgets all of it, for tests.
void reset_stop();

}  // namespace unpact
