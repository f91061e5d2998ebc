#pragma once
/// `reproduce --dry-run`.
#include "jobs/job_table.hpp"

namespace unpact {

/// Checks a campaign's plan and says what it costs; nothing is written, and no GPU is touched where it is planned for GPUs.
/// Collective over `world`. @throws UserError for a plan that does not hold, or, after it was printed, that does not fit.
ExitCode plan_campaign(const Communicator& world, const CommandLine& line, const Configuration& configuration);

}  // namespace unpact
