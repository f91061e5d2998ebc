#include <filesystem>

#include "jobs/job_table.hpp"
#include "unpact/campaign/collect_in_turn.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// @return how many cells may be intact but could not be read.
std::size_t collect(const fs::path& folder) {
  UNPACT_VALIDATE(fs::is_directory(folder / "cells"), concat("no campaign in ", folder.string()), "it has no folder 'cells'",
                  "give the campaign's folder with --output DIR");
  std::size_t count = 0;
  const auto planned = [&] {
    const auto plan = read_plan(folder);
    auto cells = plan ? *plan : find_cells(folder);
    UNPACT_VALIDATE(!cells.empty(), concat("there is nothing to collect in ", folder.string()), "it has no finished cell",
                    "run the campaign");
    count = cells.size();
    return cells;
  };
  const auto master = (folder / kCampaignFile).string();
  Claims claims(folder / "claims");
  const auto summary = collect_in_turn(claims, folder, planned, [] { leave_where_stop_is_wanted("collecting the cells"); });
  if (!summary.written)
    throw RuntimeFailure(concat("none of the ", count, " cell(s) in ", folder.string(), " can be read"),
                         summary.broken_reasons.empty() ? "all of them are missing" : summary.broken_reasons.front(),
                         concat(master, " is left as it was; mend the cause and try again"));
  for (const auto& reason : summary.broken_reasons) log::warn(reason);
  log::info(concat(master, ": ", summary.describe()));
  return summary.unreadable;
}

}  // namespace

ExitCode run_collect(const Communicator& world, const CommandLine&, const Configuration& c) {
  std::int64_t unreadable = 0;
  on_root(world, [&] { unreadable = static_cast<std::int64_t>(collect(c.run.output)); });
  return world.max(unreadable) > 0 ? ExitCode::failure : ExitCode::done;
}

}  // namespace unpact
