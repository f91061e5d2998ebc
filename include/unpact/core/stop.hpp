#pragma once
/// Being asked to stop: by a signal (a batch system's warning) or by the end of the allotted time. Work looks at this at
/// places where it can leave off without loss, and ends the program with ExitCode::requeue.
#include <cstdint>
#include <string>

#include "unpact/core/enumeration.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/job_end.hpp"

namespace unpact {

/// Which signal asks to stop.
enum class StopSignal : std::uint8_t { usr1, usr2, term };
UNPACT_ENUMERATION(StopSignal, "USR1", "USR2", "TERM");

/// Work was left at a checkpoint and continues when the program is started again: exit code 75.
class StoppedAtCheckpoint : public Error {
 public:
  using Error::Error;
};

/// From now on SIGUSR1 asks to stop instead of ending the process. SIGUSR2 is noted, too, for a heed_stop_signal() later.
void install_stop_signal();

/// From now on this signal asks to stop, also where it came since install_stop_signal(); the others do what they do in any
/// program.
void heed_stop_signal(StopSignal signal);

/// The time by which the program must have ended: `limit_seconds` from the start of the process (0: none), and under
/// Slurm the end of the job. The earlier one counts. An end of the job that was over when the process started is of another
/// job: it is ignored. @return what was ignored, for a warning; else empty.
std::string set_time_limit(double limit_seconds, const JobEnd& job_end = job_end_in_environment());

/// When that is, or why Slurm does not say it, as a sentence for the log; empty where neither is to be said.
const std::string& describe_time_limit();

/// Asks this process to stop, as the signal does. From any thread.
void request_stop();

/// Whether this process was asked to stop, or less than `reserve_seconds` of its time are left. Ranks may differ: agree.
bool stop_wanted(double reserve_seconds = 0);

/// Whether it was a signal that asked.
bool stop_signal_came();

/// For work on one rank that keeps nothing when it is left: throws when a stop is wanted. @param work what is left.
/// @throws StoppedAtCheckpoint.
void leave_where_stop_is_wanted(const std::string& work);

/// Notes that something was finished for good, which the next start of the same command need not do again. The first time makes
/// the file that UNPACT_PROGRESS_FILE names: a job's script need not look through the results to know.
void note_progress();
bool made_progress();

/// Forgets all of it, for tests.
void reset_stop();

}  // namespace unpact
