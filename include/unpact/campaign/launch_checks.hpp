#pragma once
/// Whether the ranks were started as was meant: what can be seen before any work.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Whether srun started several tasks of which each believes to be alone: MPI and srun have no PMI in common.
bool is_lone_task(const Communicator& world);

/// @throws UserError for a lone task.
void refuse_lone_task(const Communicator& world);

/// Seconds by which each rank's clock is ahead of rank 0's, within a few milliseconds. Collective.
std::vector<double> clock_differences(const Communicator& world);

/// Warns, once: of one rank in a batch job of several tasks, and of clocks of ranks, or of the file server of `folder`, that
/// differ by more than a minute: a run must stop before its job ends. Collective.
void warn_of_launch(const Communicator& world, const std::filesystem::path& folder);

/// Warns, once: of more groups than cells, and of groups that span nodes where they need not. Collective.
void warn_of_groups(const Communicator& world, std::int64_t ranks_per_cell, std::size_t cells);

/// How many groups of consecutive ranks span hosts although they could lie inside of one. @param hosts in rank order.
std::int64_t groups_that_span_needlessly(const std::vector<std::string>& hosts, std::int64_t ranks_per_cell);

/// What is to be said of clocks; empty: nothing. @param seconds by which they are ahead of rank 0's.
std::string remark_on_clocks(const std::vector<std::string>& hosts, const std::vector<double>& seconds);

}  // namespace unpact
